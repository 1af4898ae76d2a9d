"""Claims that need more than one curve: budgets, controls, quantization, and the claim as a whole."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.simulated import row_of

from described import untrue
from junkdna.claims.effects import p_equivalent
from junkdna.claims.study import tables_of
from junkdna.claims.table import PRIMARY
from junkdna.claims.training import endless
from junkdna.simulation.draws import design, logistic, recipe, simulate, sweep
from junkdna.statistics.bootstrap import Replicates, seed_weights
from junkdna.statistics.multiplicity import benjamini_hochberg, holm

BUDGETS = {"t": 1, "t-x2": 2, "t-x4": 4}
BUDGET_AXIS = {"longer": {"tasks": list(BUDGETS), "task": "t", "vary": "budget", "values": [1, 2, 4]}}
DENSE = {"dense": recipe("dense", 0, method="none")}


def two_classes(*names: str, pool: str | None = None) -> dict[str, dict]:
    common = {"metric": "accuracy", "format": "pair", "classes": 2, "dense": 0.9}
    return {name: common | ({"pool": pool} if pool else {}) for name in names}


def claims_of(
    runs: pd.DataFrame, tasks: dict, recipes: dict, axes: dict, *, examples: int = 1500
) -> pd.DataFrame:
    facts, stacks = simulate(runs, tasks, examples=examples, rng=np.random.default_rng(4))
    options = {"axes": axes, "draws": 200, "seed": 0, "margin": 0.02}
    made = tables_of(facts, stacks, tasks=tasks, recipes=recipes, **options)
    # Simulated runs say little of themselves.
    assert [line for name in made if name != "runs" for line in untrue(name, made[name])] == []
    return made["claims"]


def trained_longer(stays: float, goes: float) -> pd.DataFrame:
    """Claims of a task whose gap is stays + goes / budget in the regrow regime, and constant in the sparse one."""
    recipes, tasks = DENSE | sweep("magnitude", [60]), two_classes(*BUDGETS, pool="t")

    def retention(cell: dict) -> float:
        return 1 - stays - goes * (1 / BUDGETS[cell["task"]] if cell["regime"] == "regrow" else 1)

    common = {"seeds": range(5), "recipes": recipes, "tasks": tasks, "retention": retention}
    runs = design(regimes=("sparse", "regrow"), **common)
    return claims_of(runs, tasks, recipes, BUDGET_AXIS)


def test_the_gap_that_stays_is_found_where_it_falls_as_supposed():
    times = np.array([1.0, 2, 4])
    for decay in (1.0, 0.5):
        gaps = 0.07 + 0.2 * times[:, None] ** -decay * np.ones(3)
        assert endless(times, gaps, decay) == pytest.approx(np.full(3, 0.07))
    rng = np.random.default_rng(0)
    gaps = rng.normal(size=(3, 4))
    by_polyfit = [np.polyfit(1 / times, gaps[:, place], 1)[1] for place in range(4)]
    assert endless(times, gaps, 1.0) == pytest.approx(by_polyfit)


def test_a_gap_that_stays_with_the_budget_is_irreversible():
    claims = trained_longer(0.25, 0.1)
    assert set(claims.loc[claims["claim"] == "irreversible", "subject"]) == {"t"}
    row = row_of(claims, "irreversible", regime="regrow")
    assert row["effect"] == pytest.approx(0.25 + 0.1 / 4, abs=0.06)
    assert (row["verdict"], row["n_axis"], row["n_runs"], row["n_seeds"]) == ("supported", 3, 15, 5)
    assert "points are missing at 4x the training (regrow)" in row["sentence"]
    assert "Missing at 1x, 2x, 4x, against dense runs of the same budget" in row["sentence"]
    assert "against the dense run of the first budget" in row["sentence"]
    whole = row_of(claims, "irreversible", scope="primary")
    assert (whole["regime"], whole["effect"]) == ("regrow", row["effect"])
    # A budget is no difficulty: no claim about an axis, and only the first budget's curve counts as one.
    assert not set(claims["claim"]) & {"harder-falls-further", "difficulty-order", "interaction"}
    assert "Over 1 curve" in row_of(claims, "monotone", scope="primary")["sentence"]


def test_a_gap_that_is_closed_at_the_largest_budget_refutes():
    row = row_of(trained_longer(-0.15, 0.3), "irreversible", regime="regrow")
    assert row["effect"] == pytest.approx(-0.15 + 0.3 / 4, abs=0.06)
    assert row["verdict"] == "refuted"


def test_a_gap_that_is_there_but_would_close_supports_nothing():
    """A gap of 40, 20, 10 points: what is measured is well above the margin, but with 1/t nothing would stay."""
    row = row_of(trained_longer(0.0, 0.4), "irreversible", regime="regrow")
    assert row["effect"] == pytest.approx(0.1, abs=0.05) and row["low"] > row["margin"]
    assert endless([1, 2, 4], np.array([0.4, 0.2, 0.1])[:, None], 1.0)[0] == pytest.approx(0)
    assert row["p"] > 0.025 and row["verdict"] in ("undecided", "too few seeds")


@pytest.fixture(scope="module")
def controlled() -> pd.DataFrame:
    recipes = DENSE | sweep("magnitude", [60]) | sweep("random", [60], like="magnitude")
    kept = {"sparse": 0.7, "regrow": 0.75, "freeze": 0.95, "reinit": 0.6, "scratch": 0.2}

    def retention(cell: dict) -> float:
        return 0.4 if cell["family"] == "random" else kept[cell["regime"]]

    common = {"seeds": range(4), "tasks": two_classes("t"), "retention": retention}
    of_random = {name: each for name, each in recipes.items() if each["family"] == "random"}
    of_rest = {name: each for name, each in recipes.items() if each["family"] != "random"}
    runs = pd.concat(
        [
            design(recipes=of_rest, regimes=("sparse", "regrow", "freeze", "reinit", "scratch"), **common),
            design(recipes=of_random, regimes=("sparse",), **common),
        ],
        ignore_index=True,
    )
    return claims_of(runs, two_classes("t"), recipes, {})


def told(sentence: str, before: str) -> float:
    """The first number after some words of a sentence."""
    after = sentence.split(before)[1].split("[")[0].split()[-1]
    return float(after.replace("\N{MINUS SIGN}", "-"))


def test_controls_are_told_beside_the_gap(controlled):
    sentence = row_of(controlled, "irreversible", regime="regrow")["sentence"]
    assert told(sentence, "a random mask with as many weights of every layer") == pytest.approx(40, abs=8)
    assert told(sentence, "removed weights drawn anew") == pytest.approx(60, abs=8)
    assert told(sentence, "all weights drawn anew") == pytest.approx(20, abs=8)
    assert "Only one training budget was tried" in sentence


def test_controls_are_told_beside_the_small_weights(controlled):
    row = row_of(controlled, "small-weights")
    assert row["effect"] == pytest.approx(0.25, abs=0.06)
    assert row["verdict"] == "supported"
    assert told(row["sentence"], "at random costs") == pytest.approx(30, abs=8)
    assert told(
        row["sentence"],
        "is worth",
    ) == pytest.approx(25, abs=6)
    assert told(row["sentence"].split("zero")[1], "is worth") == pytest.approx(-15, abs=8)


def test_a_run_from_scratch_is_no_dense_run_and_a_control_does_not_speak_for_the_claim(controlled):
    whole = row_of(controlled, "monotone", scope="primary")
    assert whole["recipes"] == "magnitude unstructured"
    assert whole["effect"] == row_of(controlled, "monotone", recipes="magnitude unstructured")["effect"]
    assert set(controlled.loc[controlled["scope"] == "cell", "recipes"]) == {
        "magnitude unstructured",
        "random unstructured",
    }


def quantized_claims(apart: float) -> pd.DataFrame:
    """Tasks apart by 10 points of sparsity under pruning, and by `apart` under quantization."""
    tasks = two_classes("easy", "middle", "hard")
    place = {task: index - 1 for index, task in enumerate(tasks)}
    levels = (20, 40, 50, 60, 80)
    recipes = DENSE | sweep("magnitude", levels) | sweep("rtn", levels, method="quantize")

    def retention(cell: dict) -> float:
        step = 10 if cell["family"] == "magnitude" else apart
        return logistic(cell["level"], 55 - step * place[cell["task"]], 12)

    runs = design(tasks=tasks, recipes=recipes, seeds=range(8), retention=retention)
    return claims_of(runs, tasks, recipes, {"depth": {"tasks": list(tasks)}}, examples=6000)


def test_quantization_that_does_not_separate_tasks_differs_from_pruning():
    claims = quantized_claims(0.0)
    row = row_of(claims, "quantization-differs")
    assert row["verdict"] == "supported"
    assert row["p_tost"] < 0.05
    assert row["effect"] > 0.06
    assert "Quantization alone costs" in row["sentence"]
    whole = row_of(claims, "monotone", scope="primary")
    assert whole["recipes"] == "magnitude unstructured"


def test_quantization_that_separates_tasks_as_pruning_does_is_no_different():
    row = row_of(quantized_claims(10.0), "quantization-differs")
    assert abs(row["effect"]) < 0.02
    assert row["verdict"] in ("refuted", "undecided", "too few seeds")
    assert row["p_tost"] > 0.5


def test_p_values_are_corrected_within_their_scope(controlled):
    primary, single = (controlled[controlled["scope"] == scope] for scope in ("primary", "cell"))
    assert list(primary["claim"]) == [claim for claim in PRIMARY if claim in set(controlled["claim"])]
    assert primary["p_holm"].to_numpy() == pytest.approx(holm(primary["p"].to_numpy()))
    assert single["p_bh"].to_numpy() == pytest.approx(benjamini_hochberg(single["p"].to_numpy()))
    assert primary["p_bh"].isna().all() and single["p_holm"].isna().all()


def test_the_claim_as_a_whole_is_the_mean_of_its_effects():
    single = quantized_claims(10.0)
    chosen = (single["claim"] == "monotone") & (single["recipes"] == "magnitude unstructured")
    falls = single[chosen & (single["scope"] == "cell")]
    whole = row_of(single, "monotone", scope="primary")
    assert whole["effect"] == pytest.approx(falls["effect"].mean())
    assert whole["n_runs"] == falls["n_runs"].sum() and "Over 3 curves" in whole["sentence"]
    # Seeds and examples are shared in part, so the mean is known better than one curve.
    assert whole["high"] - whole["low"] < (falls["high"] - falls["low"]).max()


def test_equivalence_is_two_one_sided_tests():
    replicates = Replicates(seeds=(0, 1, 2, 3), draws=40)
    weights = seed_weights(replicates)
    seeds = np.array([0.01, 0.012, 0.008, 0.011])
    stacked = np.stack([weights[seed] for seed in range(4)])
    values = (seeds @ stacked) / stacked.sum(axis=0)
    low = stats.ttest_1samp(seeds, -0.02, alternative="greater").pvalue
    high = stats.ttest_1samp(seeds, 0.02, alternative="less").pvalue
    assert p_equivalent(values, replicates, 0.02) == pytest.approx(max(low, high))


def test_a_power_that_is_lacking_is_told_as_a_number_of_seeds():
    recipes, tasks = DENSE | sweep("magnitude", [60]), two_classes("t")
    levels = {"sparse": 0.93, "regrow": 0.95}
    common = {"recipes": recipes, "tasks": tasks, "retention": lambda cell: levels[cell["regime"]]}
    runs = design(seeds=range(3), regimes=("sparse", "regrow"), **common)
    claims = claims_of(runs, tasks, recipes, {}, examples=4000)
    short = claims[(claims["verdict"] == "too few seeds")]
    assert len(short)
    for row in short.itertuples():
        assert row.seeds_needed > 3
        assert f"too few seeds for this claim, {row.seeds_needed:.0f} would do" in row.sentence
