"""Proof of the machinery: simulated studies go through the tables, and what these say is held against the truth.

The true effect of a row is what the same estimator says of scores without noise, on the same runs, unless the
scenario states it. Runs that a study found to have failed, and tasks that it found not measurable, are left out there
too: levels that no longer enter a slope or a mean are not among those of its truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from junkdna.claims.table import claims_table
from junkdna.simulation.draws import USUAL, Spread, facts_of, stacks_of
from junkdna.simulation.scenarios import Scenario, exact_scores
from junkdna.statistics.bootstrap import Replicates
from junkdna.tables.cells import cells_table
from junkdna.tables.curves import curves_table
from junkdna.tables.predictions import Draws, Stack, score_draws
from junkdna.tables.retention import retention_by_run
from junkdna.tables.runs import runs_table

KEY = ["scope", "claim", "checkpoint", "recipes", "subject", "level", "regime"]
MEASURED = ["effect", "low", "high", "p_holm", "verdict", "n_seeds"]
# Tables that hold estimates too.
MORE = ("cells", "curves")
# Examples of the runs without noise, which answer all of them.
FEW = 48
# What a study makes of its runs, beside their scores.
JUDGED = ["outcome", "trained", "measurable", "usable"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What all studies of a setting have in common: runs and facts (one row a run), and the true effects.

    tables: those that are made beside the claims. exact: the table of runs without noise, all of which trained, its
    scores and replicates. truth: KEY and truth, from them. stated: true effects by claim that are not found by the
    estimator.
    """

    scenario: Scenario
    seeds: int
    examples: int
    margin: float
    tables: tuple[str, ...]
    collapse: float
    runs: pd.DataFrame
    facts: pd.DataFrame
    exact: tuple[pd.DataFrame, Draws, Replicates]
    truth: pd.DataFrame
    stated: Mapping[str, float]


def plan_of(
    scenario: Scenario,
    seeds: int,
    *,
    examples: int = 240,
    collapse: float = 0.0,
    margin: float = 0.02,
    tables: tuple[str, ...] = MORE,
) -> Plan:
    """Prepare the studies of a scenario with so many seeds and test examples a task.

    tables: which to make beside the claims, of MORE. collapse: the rate of failed trainings at the highest level,
    where the scenario does not say how they fail.
    """
    runs = scenario.runs(range(seeds), collapse)
    facts = facts_of(runs, scenario.described, examples)
    # Plain objects are taken and compared several times as fast as pandas' own strings.
    facts = facts.astype(dict.fromkeys(facts.select_dtypes("str"), object))
    stacks, scores, replicates = _noiseless(scenario, runs, seeds)
    exact = _runs(scenario, facts, stacks, scores, replicates), scores, replicates
    truth = _truth(_tables(scenario, *exact, margin=margin, tables=tables))
    return Plan(
        scenario=scenario,
        seeds=seeds,
        examples=examples,
        collapse=collapse,
        margin=margin,
        tables=tables,
        runs=runs,
        facts=facts,
        exact=exact,
        truth=truth,
        stated={"fails-earlier": fails_earlier(scenario, runs), **scenario.exact},
    )


def fails_earlier(scenario: Scenario, runs: pd.DataFrame) -> float:
    """By how much more of the compressed trainings of the hardest task fail than of the easiest, on average."""
    rates = runs[runs["regime"] == "sparse"].groupby("task")["collapse"].mean()
    ends = [task for task in scenario.axes["difficulty"]["tasks"] if task in rates]
    return float(rates[ends[-1]] - rates[ends[0]])


def trial(plan: Plan, rng: np.random.Generator, *, spread: Spread = USUAL, draws: int = 200) -> pd.DataFrame:
    """Draw one study and hold its tables against the truth, one row an estimate.

    Rows: those of `estimates`. Columns: KEY, MEASURED and truth.
    """
    scenario = plan.scenario
    stacks = stacks_of(plan.runs, scenario.described, examples=plan.examples, rng=rng, spread=spread)
    replicates = Replicates(seeds=tuple(range(plan.seeds)), draws=draws)
    scores = score_draws(stacks, scenario.described, replicates, int(rng.integers(2**31)))
    runs = _runs(scenario, plan.facts, stacks, scores, replicates)
    made = _tables(scenario, runs, scores, replicates, margin=plan.margin, tables=plan.tables)
    truth = plan.truth if runs["usable"].all() else truth_of_the_same_runs(plan, runs)
    compared = estimates(made).merge(truth, how="left", on=KEY, validate="one_to_one")
    stated = compared["claim"].map(dict(plan.stated))
    return compared.assign(truth=stated.fillna(compared["truth"]))


def truth_of_the_same_runs(plan: Plan, found: pd.DataFrame) -> pd.DataFrame:
    """KEY and truth, where the runs that a study can use (found: its table of runs) are the only ones there are."""
    runs, scores, replicates = plan.exact
    runs = runs.assign(**{name: found[name] for name in JUDGED})
    runs["raw_retention"] = retention_by_run(runs, scores, replicates)[:, 0].astype(float)
    runs["retention"] = runs["raw_retention"].where(runs["usable"])
    # What a cell keeps does not hang on which of its runs are there: without noise they are equal.
    cells = plan.truth[plan.truth["claim"] == "cell"]
    others = tuple(name for name in plan.tables if name != "cells")
    made = _tables(plan.scenario, runs, scores, replicates, margin=plan.margin, tables=others)
    return pd.concat([_truth(made), cells], ignore_index=True)


def _truth(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return estimates(tables)[[*KEY, "effect"]].rename(columns={"effect": "truth"})


def _noiseless(
    scenario: Scenario, runs: pd.DataFrame, seeds: int
) -> tuple[dict[str, Stack], Draws, Replicates]:
    """Runs that all trained, beyond doubt, and their exact scores."""
    replicates = Replicates(seeds=tuple(range(seeds)), draws=1)
    score, excess = (
        np.repeat(each[:, None], replicates.size, axis=1) for each in exact_scores(runs, scenario.described)
    )
    stacks = {}
    for task, rows in runs.groupby("task", sort=False).indices.items():
        target = np.arange(FEW) % 2.0
        stacks[task] = Stack(
            row=rows,
            example_id=np.arange(FEW),
            target=target,
            prediction=np.tile(target.astype(np.float32), (len(rows), 1)),
            losses=np.zeros((len(rows), FEW), dtype=np.float32),
            options=np.full(FEW, 2) if scenario.described[task]["format"] == "choice" else None,
            guess=0.0,
        )
    return stacks, Draws(score=score, excess=excess), replicates


def _runs(
    scenario: Scenario,
    facts: pd.DataFrame,
    stacks: Mapping[str, Stack],
    scores: Draws,
    replicates: Replicates,
) -> pd.DataFrame:
    runs = runs_table(facts, stacks, scores, replicates, tasks=scenario.described, recipes=scenario.recipes)
    # Columns that were added one by one are gathered: all that follows takes rows many times.
    return runs.copy()


def _tables(
    scenario: Scenario,
    runs: pd.DataFrame,
    scores: Draws,
    replicates: Replicates,
    *,
    margin: float,
    tables: tuple[str, ...],
) -> dict[str, pd.DataFrame]:
    recipes = scenario.recipes
    made = {"claims": claims_table(runs, scores, replicates, scenario.axes, recipes, margin=margin)}
    if "cells" in tables:
        made["cells"] = cells_table(runs, scores, replicates)
    if "curves" in tables:
        made["curves"] = curves_table(runs, scores, replicates, recipes)
    return made


def estimates(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of a study that can be true or false: its claims, retention of its cells, s50 of its curves.

    A limit of s50 that the curve could not give, beyond its levels, is infinite here.
    """
    claims = tables["claims"].copy()
    first = claims["scope"] == "primary"
    claims.loc[first, ["checkpoint", "recipes", "subject", "regime"]] = ""
    claims.loc[first, "level"] = np.nan
    parts = [claims]
    if "cells" in tables:
        cells = tables["cells"][tables["cells"]["regime"] != "dense"].drop(columns="n_seeds")
        named = {"recipe": "recipes", "task": "subject", "retention_trained": "effect"}
        named |= {"retention_trained_low": "low", "retention_trained_high": "high", "n_usable": "n_seeds"}
        parts.append(cells.rename(columns=named).assign(claim="cell", scope="table"))
    for name in ("s50", "s50_isotonic") if "curves" in tables else ():
        named = {"family": "recipes", "task": "subject", name: "effect"}
        named |= {f"{name}_low": "low", f"{name}_high": "high"}
        curves = tables["curves"].rename(columns=named)
        curves = curves.assign(claim=name.replace("_", " "), scope="table", level=np.nan)
        parts.append(curves.fillna({"low": -np.inf, "high": np.inf}))
    return pd.concat([part.reindex(columns=KEY + MEASURED) for part in parts], ignore_index=True)
