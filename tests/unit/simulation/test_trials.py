"""The machinery of claims against simulated studies whose truth is known, and the truths against brute force."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from junkdna.claims.study import tables_of
from junkdna.simulation.draws import Spread, design, simulate, stacks_of, sweep
from junkdna.simulation.hard_scenarios import (
    APART,
    EVEN,
    GAP,
    HARD,
    all_fail,
    curved,
    hard_fails,
    harder_fails,
    hump,
    late,
    near_chance,
    random_positions,
    spread_apart,
    twins_fail,
    unequal_classes,
)
from junkdna.simulation.scenarios import DIFFICULTY, at_margin, nothing_lost, planted
from junkdna.simulation.trials import KEY, estimates, plan_of, trial, truth_of_the_same_runs
from junkdna.tables.predictions import KEYS

MARGIN = 0.02
# Studies of each kind: enough to see a false-claim rate that is twice its nominal value, in a few seconds each.
STUDIES = 60
# Chance that a sound machinery fails one of these tests.
ALPHA = 1e-4


def trials(scenario, seeds: int, *, studies: int = STUDIES, **options) -> pd.DataFrame:
    rng = np.random.default_rng([seeds, *map(ord, scenario.name)])
    spread = {name: options.pop(name) for name in ("spread",) if name in options}
    plan = plan_of(scenario, seeds, **options)
    drawn = (trial(plan, rng, draws=150, **spread).assign(study=study) for study in range(studies))
    return pd.concat(drawn, ignore_index=True)


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
    rows = trials(scenario, seeds, margin=margin, collapse=collapse, tables=())
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
    assert 0.91 < rows["held"].mean() < 0.99


def test_planted_effects_are_found_more_often_with_more_seeds():
    scenario = replace(planted(8), levels=(30, 60), regimes=())
    found = [
        (rows[rows["claim"] == "harder-falls-further"]["verdict"] == "supported").mean()
        for rows in (trials(scenario, seeds, studies=40, tables=()) for seeds in (3, 6))
    ]
    assert found[0] > 0.2 and found[1] > max(0.6, found[0])


NULLS = [
    hard_fails("70/30"),
    hard_fails("90/10 by mcc", always=True),
    unequal_classes("70/30"),
    random_positions(),
    near_chance(0.22, lost=True),
    near_chance(0.22, lost=False),
    spread_apart(lost=True),
    twins_fail(None),
    twins_fail(1),
    all_fail(0.6),
    all_fail(0.0),
    curved(hump, 0.0),
    curved(hump, 0.0, damages=GAP),
    curved(hump, 0.0, damages=APART),
    curved(late, 0.0),
    curved(hump, MARGIN),
]


@pytest.mark.parametrize("scenario", NULLS, ids=lambda each: each.name)
def test_effects_of_the_nulls_are_at_most_the_margin(scenario):
    """By hand, from what is true of single runs: along the axis, and of frozen weights."""
    runs = scenario.runs((0,))
    kept = runs.set_index(["family", "regime", "task", "level"])["retention"]
    for family in sorted(set(runs["family"]) - {"dense"}):
        levels = sorted(set(runs.loc[runs["family"] == family, "level"]))
        of = {task: [kept[family, "sparse", task, level] for level in levels] for task in DIFFICULTY}
        ends = np.mean(of["easy"]) - np.mean(of[HARD])
        slopes = [-10 * np.polyfit([0, *levels], [1, *of[task]], 1)[0] for task in DIFFICULTY]
        found = {"harder-falls-further": ends, "difficulty-order": ends / 2}
        found["interaction"] = slopes[-1] - slopes[0]
        for claim in set(found) & set(scenario.nulls):
            assert found[claim] <= 1e-12, claim
        if "freeze" in scenario.regimes:
            assert kept[family, "freeze", HARD, 60.0] == kept[family, "sparse", HARD, 60.0]


@pytest.mark.parametrize("scenario", NULLS, ids=lambda each: each.name)
def test_the_truth_that_studies_are_held_against_is_the_one_by_hand(scenario):
    """Without noise the estimators say of the nulls what is true of them."""
    plan = plan_of(scenario, 3, tables=())
    for claim in set(scenario.nulls) - {"fails-earlier"}:
        rows = plan.truth[plan.truth["claim"] == claim]
        assert len(rows), claim
        if claim not in scenario.exact:
            assert rows["truth"].to_numpy() == pytest.approx(0, abs=1e-6), claim


def test_the_truth_of_a_study_is_that_of_the_runs_it_can_use():
    """Where a level has failed, effects are held against those over the levels that are left."""
    plan = plan_of(replace(planted(8), levels=(30, 60, 80)), 3, tables=("curves",))
    fewer = plan_of(replace(planted(8), levels=(30, 60)), 3, tables=("curves",))
    gone = plan.exact[0]["level"] == 80
    found = plan.exact[0].assign(
        outcome=np.where(gone, "uninformed", "trained"), trained=~gone, usable=~gone, measurable=True
    )
    both = truth_of_the_same_runs(plan, found).merge(fewer.truth, on=KEY, how="left")
    both = both[~both["claim"].isin(["fails-earlier", "cell"])]
    assert {"monotone", "harder-falls-further", "interaction", "small-weights", "s50"} <= set(both["claim"])
    assert both["truth_x"].to_numpy() == pytest.approx(both["truth_y"].to_numpy(), nan_ok=True)
    whole = plan.truth[plan.truth["claim"] == "harder-falls-further"]["truth"].iloc[0]
    assert both[both["claim"] == "harder-falls-further"]["truth_x"].iloc[0] != pytest.approx(whole, rel=0.02)


@pytest.mark.parametrize(
    ("shape", "more", "damages"),
    [
        (hump, 0.0, EVEN),
        (hump, 0.046, EVEN),
        (hump, 0.0, GAP),
        (late, 0.0, GAP),
        (late, 0.0, EVEN),
        (hump, 0.046, APART),
    ],
)
def test_under_curved_damage_both_kinds_separate_as_stated(shape, more, damages):
    """At each damage that quantization does, pruning's own curve, followed level by level, separates by `more`."""
    scenario = curved(shape, more, damages=damages, null=False)
    runs = scenario.runs((0,))
    kept = runs[runs["regime"] == "sparse"].pivot_table(
        index=["family", "level"], columns="task", values="retention"
    )[list(DIFFICULTY)]
    damage, apart = 1 - kept.mean(axis=1), (kept["easy"] - kept[HARD]) / 2
    assert damage.to_numpy() == pytest.approx([damages[family][level] for family, level in kept.index])
    assert ((kept > 0) & (kept < 1.01)).all(axis=None)
    for (family, level), value in damage.items():
        if family == "rtn":
            assert apart[family, level] == pytest.approx(shape(value))
        else:
            # The same point, were it a quantized level, and what lies between the two curves there.
            fades = float(np.clip(min(value, 1 - value) / 0.2, 0, 1))
            assert apart[family, level] == pytest.approx(shape(value) + more * fades)
    # Pruning to exactly the damage of each quantized level, through the same truth.
    for level, value in damages["rtn"].items():
        finer = curved(shape, more, damages={"magnitude": {level: value}, "rtn": {level: value}})
        run = {"family": "magnitude", "level": level}
        easy, hard = (finer.truth(run | {"task": task}) for task in ("easy", HARD))
        assert (easy - hard) / 2 - apart["rtn", level] == pytest.approx(more)
    assert plan_of(scenario, 3, tables=()).stated["quantization-differs"] == more


def test_retention_falls_with_damage_on_every_task_of_the_curved_scenarios():
    for shape, more in ((hump, 0.0), (hump, 0.046), (hump, 0.07), (late, 0.0)):
        for task in DIFFICULTY:
            kept = []
            for damage in np.linspace(0, 1, 101):
                levels = {"magnitude": {50: damage}, "rtn": {50: damage}}
                truth = curved(shape, more, damages=levels).truth
                kept.append(truth({"family": "magnitude", "level": 50, "task": task}))
            assert (np.diff(kept) < 1e-9).all(), (shape.__name__, more, task)


def test_a_task_near_chance_is_two_to_four_standard_errors_above_it():
    """Over its dense runs of five seeds, by the spread of their mean over studies."""
    for share, (low, high) in ((0.15, (1.5, 2.5)), (0.22, (2.3, 3.5)), (0.3, (3.2, 4.6))):
        scenario = near_chance(share, lost=True)
        runs = scenario.runs(range(5))
        dense = runs[(runs["task"] == HARD) & (runs["regime"] == "dense")].reset_index(drop=True)
        rng, means = np.random.default_rng(0), []
        for _ in range(200):
            stack = stacks_of(dense, scenario.described, examples=240, rng=rng, spread=Spread())[HARD]
            right = (stack.prediction == stack.target).mean()
            means.append(right - (stack.target == stack.guess).mean())
        assert low < np.mean(means) / np.std(means) < high, share


def test_failures_are_where_the_scenarios_put_them():
    runs = hard_fails("70/30", always=True).runs(range(3))
    rates = runs.groupby(["task", "level"])["collapse"].mean()
    assert rates[HARD].to_dict() == pytest.approx({0.0: 0.0, 20.0: 0.2, 40.0: 0.4, 60.0: 1.0, 80.0: 1.0})
    assert (rates["easy"] == 0).all() and (rates["middle"] == 0).all()
    assert hard_fails("70/30").runs((0,)).query("task == @HARD")["collapse"].max() == pytest.approx(0.4)
    failed = twins_fail(1).runs(range(3)).query("collapse > 0")
    assert set(failed["task"]) == {HARD} and set(failed["regime"]) == {"dense"} and set(failed["seed"]) == {0}
    for scenario, truth in ((harder_fails(0.4), 0.4), (all_fail(0.6), 0.0), (hard_fails("70/30"), 0.325)):
        assert plan_of(scenario, 3, tables=()).stated["fails-earlier"] == pytest.approx(truth)


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("scenario", NULLS, ids=lambda each: each.name)
def test_studies_that_are_hard_to_judge_go_through(scenario, seeds):
    """Two small studies each, of two ways to fail: every null claim is there, and judged or not with a reason."""
    for failing in ("uninformed", "mixed"):
        rows = trials(scenario, seeds, studies=1, spread=Spread(failing=failing), tables=("cells",))
        assert set(scenario.nulls) - {"fails-earlier"} <= set(rows["claim"])
        assert set(rows["scope"]) == {"primary", "cell", "table"}
        assert not rows.duplicated(KEY).any()
        known = rows[rows["scope"] != "table"]
        measured = known["verdict"] != "not measured"
        assert known.loc[measured, ["effect", "low", "high"]].notna().all(axis=None)
        # No interval of width zero: a run that knows nothing is no exact measurement.
        assert (known.loc[measured, "low"] < known.loc[measured, "high"]).all()


def test_where_no_dense_run_of_a_task_trained_nothing_is_said_of_it():
    rows = trials(twins_fail(None), 5, studies=2, tables=("cells",))
    along = rows[rows["claim"].isin(["harder-falls-further", "difficulty-order", "interaction"])]
    assert (along["verdict"] == "not measured").all()
    of_hard = rows[rows["subject"] == HARD]
    assert of_hard["effect"].isna().all() and len(of_hard)


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
    assert len(tables["runs"]) == len(runs) and (tables["runs"]["outcome"] == "constant").any()
    rows = estimates(tables)
    assert set(rows["scope"]) == {"primary", "cell", "table"}
    assert not rows.duplicated(KEY).any()
    claims = tables["claims"]
    told = claims[(claims["claim"] == "irreversible") & (claims["subject"] == "easy")]["sentence"].iloc[0]
    for control in ("a random mask", "removed weights drawn anew", "all weights drawn anew"):
        assert control in told
