"""Proof of the machinery: simulated studies go through the tables, and what these say is held against the truth.

The true effect of a row is what the same estimator says of scores without noise, on the same runs.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from junkdna.bootstrap import Replicates
from junkdna.cells import cells_table
from junkdna.claims import claims_table
from junkdna.curves import curves_table
from junkdna.scenarios import Scenario, exact_scores
from junkdna.simulation import USUAL, Spread, simulate
from junkdna.stacks import Stack, score_draws
from junkdna.tables import runs_table

KEY = ["scope", "claim", "checkpoint", "recipes", "subject", "level", "regime"]
MEASURED = ["effect", "low", "high", "p_holm", "verdict", "n_seeds"]


def trial(
    scenario: Scenario,
    seeds: int,
    rng: np.random.Generator,
    *,
    examples: int = 240,
    collapse: float = 0.0,
    spread: Spread = USUAL,
    draws: int = 200,
    margin: float = 0.02,
    claims_only: bool = False,
    known: dict | None = None,
) -> pd.DataFrame:
    """Draw one study of the scenario and hold its tables against the truth, one row an estimate.

    seeds: their number. collapse: the rate of failed trainings at the highest level. The others are those of
    `simulate` and `aggregate`. claims_only: leave cells and curves out. known: a dict that remembers truths from
    one trial to the next, of the same margin.
    Rows: those of `estimates`. Columns: KEY, MEASURED and truth; with collapsed runs the truth only of cells and
    of the claims that are null here, which is the same whichever levels an estimator can still use.
    """
    runs = scenario.runs(range(seeds), collapse)
    facts, stacks = simulate(runs, scenario.described, examples=examples, rng=rng, spread=spread)
    replicates = Replicates(seeds=tuple(range(seeds)), draws=draws)
    scores = score_draws(stacks, scenario.described, replicates, int(rng.integers(2**31)))
    known = {} if known is None else known
    if (scenario.name, seeds) not in known:
        one = Replicates(seeds=tuple(range(seeds)), draws=1)
        exact = np.repeat(exact_scores(runs, scenario.described)[:, None], one.size, axis=1)
        trained = facts.assign(min_loss=0.0, final_loss=0.0)
        truth = estimates(_tables(scenario, trained, stacks, exact, one, margin, claims_only))
        known[scenario.name, seeds] = truth[[*KEY, "effect"]].rename(columns={"effect": "truth"})
    found = estimates(_tables(scenario, facts, stacks, scores, replicates, margin, claims_only))
    compared = found.merge(known[scenario.name, seeds], how="left", on=KEY, validate="one_to_one")
    if collapse:
        fixed = compared["claim"].isin([*scenario.nulls, "cell"])
        compared["truth"] = compared["truth"].where(fixed)
    return compared


def _tables(
    scenario: Scenario,
    facts: pd.DataFrame,
    stacks: Mapping[str, Stack],
    scores: np.ndarray,
    replicates: Replicates,
    margin: float,
    claims_only: bool,
) -> dict[str, pd.DataFrame]:
    recipes = scenario.recipes
    runs = runs_table(facts, stacks, scores, replicates, tasks=scenario.described, recipes=recipes)
    tables = {"claims": claims_table(runs, scores, replicates, scenario.axes, recipes, margin=margin)}
    if not claims_only:
        tables["cells"] = cells_table(runs, scores, replicates)
        tables["curves"] = curves_table(runs, scores, replicates, recipes)
    return tables


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
        named |= {"retention_trained_low": "low", "retention_trained_high": "high", "n_trained": "n_seeds"}
        parts.append(cells.rename(columns=named).assign(claim="cell", scope="table"))
    for name in ("s50", "s50_isotonic") if "curves" in tables else ():
        named = {"family": "recipes", "task": "subject", name: "effect"}
        named |= {f"{name}_low": "low", f"{name}_high": "high"}
        curves = tables["curves"].rename(columns=named)
        curves = curves.assign(claim=name.replace("_", " "), scope="table", level=np.nan)
        parts.append(curves.fillna({"low": -np.inf, "high": np.inf}))
    return pd.concat([part.reindex(columns=KEY + MEASURED) for part in parts], ignore_index=True)
