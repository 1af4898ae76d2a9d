"""The simulator of studies against its own definition, and the machinery of claims against simulated truths."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from junkdna.aggregate import tables_of
from junkdna.bootstrap import Replicates
from junkdna.machinery import KEY, estimates, trial
from junkdna.scenarios import at_margin, equal_curves, exact_scores, nothing_lost, planted
from junkdna.simulation import Spread, design, logistic, recipe, simulate, sweep
from junkdna.stacks import KEYS, check_keys
from junkdna.tables import runs_table

METRICS = {
    "two": {"metric": "accuracy", "format": "classification", "classes": 2},
    "choice": {"metric": "accuracy", "format": "choice", "classes": 4},
    "three": {"metric": "mcc", "format": "pair", "classes": 3},
    "value": {"metric": "pearson", "format": "regression"},
}
RECIPES = {"dense": recipe("dense", 0, method="none"), **sweep("magnitude", (20, 60))}
STILL = Spread(dense_sd=0, seed_sd=0, run_sd=0)


def simulated(rng_seed=0, *, tasks=METRICS, seeds=(1, 2, 3), examples=400, spread=STILL, **truth):
    """Runs with their truth, and the table of runs made from a draw of them."""
    truth = {"retention": lambda cell: logistic(cell["level"], 60.0)} | truth
    runs = design(tasks=tasks, recipes=RECIPES, seeds=seeds, **truth)
    facts, stacks = simulate(
        runs, tasks, examples=examples, rng=np.random.default_rng(rng_seed), spread=spread
    )
    replicates = Replicates(seeds=tuple(seeds), draws=1)
    scores = np.full((len(runs), replicates.size), np.nan, dtype=np.float32)
    for task, stack in stacks.items():
        for row, prediction in zip(stack.row, stack.prediction, strict=True):
            scores[row] = plain_score(tasks[task]["metric"], stack.target, prediction)
    return runs, runs_table(facts, stacks, scores, replicates, tasks=tasks, recipes=RECIPES), stacks


def plain_score(metric: str, target: np.ndarray, prediction: np.ndarray) -> float:
    """Accuracy, or a correlation; mcc through the correlation of indicator columns (Gorodkin's definition)."""
    if metric == "accuracy":
        return float((target == prediction).mean())
    if metric == "pearson":
        return 0.0 if np.ptp(prediction) == 0 else float(np.corrcoef(target, prediction)[0, 1])
    labels = np.unique(target)
    x, y = (np.equal.outer(labels, values).astype(float) for values in (target, prediction))
    x, y = (each - each.mean(axis=1, keepdims=True) for each in (x, y))
    spread = np.sqrt((x**2).sum() * (y**2).sum())
    return 0.0 if spread == 0 else float((x * y).sum() / spread)


def test_simulated_runs_keep_what_their_truth_says():
    """With 40,000 examples and no noise of seeds, retention is the planted one on every metric."""
    runs, table, _ = simulated(examples=40_000)
    compressed = (runs["regime"] == "sparse").to_numpy()
    assert table["retention"].to_numpy()[compressed] == pytest.approx(
        runs["retention"].to_numpy()[compressed], abs=0.025
    )
    assert table["trained"].all()
    check_keys(table, runs[list(KEYS)].to_dict("records"))


def test_mean_retention_over_seeds_is_the_truth_and_spreads_as_asked():
    spread = Spread(dense_sd=0.02, seed_sd=0.03, run_sd=0.04)
    tasks = {"two": METRICS["two"] | {"dense": 0.8}}
    _, table, _ = simulated(tasks=tasks, seeds=range(300), examples=4000, spread=spread)
    lost = table[table["recipe"] == "magnitude-u60"]["retention"]
    assert lost.mean() == pytest.approx(0.5, abs=4 * lost.std() / np.sqrt(300))
    # Beside seed and run there is the noise of 4000 examples: about .5 / sqrt(4000) / (.5 * .8).
    expected = np.sqrt(0.03**2 + 0.04**2 + (0.5 / np.sqrt(4000) / 0.4) ** 2)
    assert lost.std() == pytest.approx(expected, rel=0.15)
    light = table[table["recipe"] == "magnitude-u20"]["retention"]
    shared = 0.03**2 / expected**2
    assert np.corrcoef(lost, light)[0, 1] == pytest.approx(shared, abs=0.2)


def test_runs_agree_on_examples_more_than_chance_and_pools_share_them():
    tasks = {"two": METRICS["two"] | {"pool": "same"}, "twin": METRICS["two"] | {"pool": "same"}}
    _, _, stacks = simulated(tasks=tasks, examples=2000)
    one, other = stacks["two"], stacks["twin"]
    assert np.array_equal(one.example_id, other.example_id)
    assert np.array_equal(one.target, other.target)
    right = [stack.prediction[-1] == stack.target for stack in (one, other)]
    assert np.corrcoef(*right)[0, 1] > 0.15
    _, _, apart = simulated(tasks=dict.fromkeys(tasks, METRICS["two"]), examples=2000)
    assert not set(apart["two"].example_id) & set(apart["twin"].example_id)


def test_collapsed_runs_are_found_by_the_tables_and_at_the_planted_rate():
    def rate(cell):
        return 0.3 if cell["level"] == 60 else 0.0

    runs, table, _ = simulated(seeds=range(40), collapse=rate, spread=Spread())
    assert not table.loc[runs["level"] < 60, "collapsed"].any()
    failed = int(table.loc[runs["level"] == 60, "collapsed"].sum())
    assert stats.binomtest(failed, 160, 0.3).pvalue > 1e-3
    assert np.allclose(
        table.loc[table["collapsed"], "loss"] / table.loc[table["collapsed"], "prior_entropy"], 1, atol=0.2
    )


def test_selective_collapse_leaves_the_better_runs():
    spread = Spread(run_sd=0.1, selective=True)
    _, table, _ = simulated(
        seeds=range(60), collapse=lambda cell: 0.4, spread=spread, tasks={"two": METRICS["two"]}
    )
    survivors = table[(table["recipe"] == "magnitude-u20") & table["trained"]]
    assert survivors["retention"].mean() > logistic(20, 60.0)


def test_the_same_seed_gives_the_same_study():
    first, again, other = (simulated(seed, spread=Spread())[1]["score"] for seed in (5, 5, 6))
    assert first.equals(again) and not first.equals(other)


def test_what_the_simulator_cannot_draw_is_refused():
    with pytest.raises(ValueError, match="f1.*accuracy, mcc, pearson"):
        simulated(tasks={"two": METRICS["two"] | {"metric": "f1"}})
    runs = design(tasks=["nosuch"], recipes=RECIPES, seeds=(1,), retention=lambda cell: 1.0)
    with pytest.raises(ValueError, match="nosuch"):
        simulate(runs, METRICS, examples=10, rng=np.random.default_rng(0))


MARGIN = 0.02
# Studies of each kind: enough to see a false-claim rate that is twice its nominal value, in a few seconds each.
STUDIES = 60
# Chance that a sound machinery fails one of these tests.
ALPHA = 1e-4


def trials(scenario, seeds: int, *, studies: int = STUDIES, **options) -> pd.DataFrame:
    rng = np.random.default_rng([seeds, *map(ord, scenario.name)])
    options |= {"draws": 150, "known": {}}
    return pd.concat([trial(scenario, seeds, rng, **options).assign(study=study) for study in range(studies)])


@pytest.mark.parametrize(
    ("scenario", "seeds", "margin", "collapse"),
    [
        (nothing_lost(), 3, 0.0, 0.0),
        (replace(nothing_lost(), quantized=False), 5, 0.0, 0.2),
        (at_margin(MARGIN)[0], 3, MARGIN, 0.0),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_false_claims_are_rare(scenario, seeds, margin, collapse):
    """The true effects are exactly at the margin: each claim may be supported in one study of twenty."""
    rows = trials(scenario, seeds, margin=margin, collapse=collapse, claims_only=True)
    null = rows[rows["claim"].isin(scenario.nulls)]
    optional = {"quantization-differs", "quantization-differs-bytes"}
    assert set(null["claim"]) >= set(scenario.nulls) - optional
    for key, group in null.groupby(KEY, dropna=False):
        false = (group["verdict"] == "supported").sum()
        assert stats.binomtest(int(false), len(group), 0.05, alternative="greater").pvalue > ALPHA, key
    studies = (
        null[null["scope"] == "primary"]
        .groupby("study")["verdict"]
        .agg(lambda each: (each == "supported").any())
    )
    assert stats.binomtest(int(studies.sum()), len(studies), 0.05, alternative="greater").pvalue > ALPHA
    assert (null["verdict"] == "supported").mean() < 0.06


@pytest.mark.parametrize(
    ("seeds", "spread"), [(3, Spread(seed_sd=0.06, run_sd=0.09)), (5, Spread())], ids=["3-loud", "5-usual"]
)
def test_intervals_cover_the_truth(seeds, spread):
    """Of cells, of s50 by both fits, and of all effects where the claims are true."""
    rows = trials(replace(planted(8), levels=(30, 60)), seeds, spread=spread)
    rows = rows[rows[["truth", "low", "high"]].notna().all(axis=1)]
    rows = rows.assign(held=rows["truth"].between(rows["low"], rows["high"]))
    shares = rows.groupby("claim")["held"].mean()
    assert {"cell", "s50", "s50 isotonic", "monotone", "harder-falls-further", "irreversible"} <= set(
        shares.index
    )
    for claim, share in shares.items():
        # The rows of one study go together: they count as one.
        assert stats.binomtest(round(share * STUDIES), STUDIES, 0.95).pvalue > 10 * ALPHA, (claim, share)
    assert 0.91 < rows["held"].mean() < 0.985


def test_planted_effects_are_found_more_often_with_more_seeds():
    scenario = replace(planted(8), levels=(30, 60), regimes=())
    found = [
        (rows[rows["claim"] == "harder-falls-further"]["verdict"] == "supported").mean()
        for rows in (trials(scenario, seeds, studies=40, claims_only=True) for seeds in (3, 6))
    ]
    assert found[0] > 0.2 and found[1] > max(0.6, found[0])


def test_exact_scores_are_what_endless_examples_would_give():
    scenario = equal_curves()
    runs = scenario.runs(range(1))
    facts, stacks = simulate(
        runs, scenario.described, examples=60_000, rng=np.random.default_rng(0), spread=STILL
    )
    exact = exact_scores(runs, scenario.described)
    for task, stack in stacks.items():
        for row, prediction in zip(stack.row, stack.prediction, strict=True):
            found = plain_score(scenario.described[task]["metric"], stack.target, prediction)
            assert found == pytest.approx(exact[row], abs=0.012)


def test_a_simulated_study_goes_through_the_tables_of_the_workflow():
    """With collapsed runs, all regimes, quantization, a budget axis and the three controls."""
    scenario = nothing_lost()
    controls = {**scenario.recipes, **sweep("random", (60,), like="magnitude")}
    common = {"seeds": (1, 2, 3), "retention": lambda cell: 0.3}
    runs = pd.concat(
        [
            scenario.runs((1, 2, 3), collapse=0.3),
            design(tasks=["easy"], recipes={"dense": controls["dense"]}, regimes=("scratch",), **common),
            design(tasks=["easy"], recipes={"random-u60": controls["random-u60"]}, **common),
        ],
        ignore_index=True,
    ).drop_duplicates([*KEYS])
    runs = runs.reset_index(drop=True)
    facts, stacks = simulate(runs, scenario.described, examples=120, rng=np.random.default_rng(0))
    described = {"tasks": scenario.described, "recipes": controls, "axes": scenario.axes}
    tables = tables_of(facts, stacks, **described, draws=50, seed=0, margin=MARGIN)
    assert len(tables["runs"]) == len(runs) and tables["runs"]["collapsed"].any()
    rows = estimates(tables)
    assert set(rows["scope"]) == {"primary", "cell", "table"}
    assert not rows.duplicated(KEY).any()
    claims = tables["claims"]
    told = claims[(claims["claim"] == "irreversible") & (claims["subject"] == "easy")]["sentence"].iloc[0]
    for control in ("a random mask", "removed weights drawn anew", "all weights drawn anew"):
        assert control in told
