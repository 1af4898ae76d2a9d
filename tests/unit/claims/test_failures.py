"""Failed trainings as an outcome of their own, and what a claim would be if they counted as nothing kept."""

import numpy as np
import pandas as pd
import pytest
from tests.simulated import RECIPES, grid, row_of, tables

from junkdna.claims.effects import limits, p_against
from junkdna.claims.failures import fails_earlier
from junkdna.claims.study import tables_of
from junkdna.claims.table import claims_table
from junkdna.claims.verdicts import verdict
from junkdna.simulation.draws import design, recipe, simulate, sweep
from junkdna.statistics.bootstrap import Replicates
from junkdna.tables.families import families_of
from junkdna.tables.predictions import score_draws
from junkdna.tables.runs import runs_table

LEVELS = ("magnitude-u20", "magnitude-u40", "magnitude-u60", "magnitude-u80")
SWEEP = {name: RECIPES[name] for name in ("dense", *LEVELS)}
SEEDS = (1, 2, 3, 4, 5)
PAIR = ("keyword", "agreement")
AXES = {"two": {"tasks": list(PAIR)}}
FLAT = {"keyword": 160.0, "agreement": 160.0}


def study(collapse=(), seeds=SEEDS, recipes=SWEEP, **options) -> dict[str, pd.DataFrame]:
    runs = grid(tasks=PAIR, recipes=recipes, extra=(), seeds=seeds)
    return tables(runs, axes=AXES, collapse=collapse, middles=FLAT, examples=3000, **options)


def failing(task: str, levels=("magnitude-u60", "magnitude-u80"), seeds=SEEDS) -> list[tuple]:
    return [(level, task, "sparse", seed) for level in levels for seed in seeds]


def test_a_hard_task_that_fails_to_train_is_told_apart_from_one_that_keeps_less():
    claims = study(failing("agreement"))["claims"]
    row = row_of(claims, "fails-earlier")
    assert (row["effect"], row["n_seeds"], row["n_runs"]) == (pytest.approx(0.5), 5, 40)
    assert row["low"] < 0.15 and row["high"] < 0.9, "five seeds, not forty runs"
    falls = row_of(claims, "harder-falls-further")
    assert falls["verdict"] == "refuted" and falls["n_failed"] == 10
    assert falls["with_failed_verdict"] == "supported" and falls["with_failed"] == pytest.approx(
        0.5, abs=0.05
    )
    assert "If the 10 runs that failed had kept nothing: 49.9 [" in falls["sentence"]
    whole = row_of(claims, "harder-falls-further", scope="primary")
    assert (whole["verdict"], whole["with_failed_verdict"], whole["n_failed"]) == ("refuted", "supported", 10)


def test_failing_at_all_levels_is_supported_on_five_seeds_and_not_on_two():
    every = failing("agreement", LEVELS)
    row = row_of(study(every)["claims"], "fails-earlier")
    assert (row["effect"], row["verdict"]) == (1.0, "supported") and row["low"] < 0.5
    few = study(failing("agreement", LEVELS, (1, 2)), seeds=(1, 2))["claims"]
    assert row_of(few, "fails-earlier")["verdict"] == "too few seeds"


def test_tasks_that_fail_alike_do_not_fail_earlier():
    claims = study(failing("agreement") + failing("keyword"))["claims"]
    row = row_of(claims, "fails-earlier")
    assert row["effect"] == 0 and row["low"] < 0 < row["high"] and row["verdict"] == "undecided"


def test_without_failures_there_is_no_such_row():
    assert "fails-earlier" not in set(study()["claims"]["claim"])


def test_a_task_that_no_dense_run_learns_cannot_fail_earlier():
    dense = [("dense", "agreement", "dense", seed) for seed in SEEDS]
    claims = study(failing("agreement") + failing("keyword", seeds=(1,)) + dense)["claims"]
    row = row_of(claims, "fails-earlier")
    assert row["verdict"] == "not measured" and np.isnan([row["effect"], row["low"], row["high"]]).all()
    assert row_of(claims, "harder-falls-further")["verdict"] == "not measured"


def test_rates_and_cells_agree():
    made = study(failing("agreement", seeds=(1, 2)))
    cells = made["cells"].set_index(["task", "recipe"])
    assert cells.loc[("agreement", "magnitude-u80"), "fail_rate"] == pytest.approx(0.4)
    assert (cells["n_constant"] == cells["n_seeds"] - cells["n_trained"]).all()
    row = row_of(made["claims"], "fails-earlier")
    assert row["effect"] == pytest.approx(0.2)
    assert row["effect"] > row["low"] > -0.3


def test_running_text_has_no_training_that_could_fail():
    families = [each for each in families_of(*_text()) if each.curve_regime == "zero-shot"]
    assert families and all(not fails_earlier(each, "two", ["a", "b"], 0.02) for each in families)


def _text():
    """A checkpoint whose one sweep is asked on running text and fine-tuned on a task."""
    tasks = {name: {"metric": "accuracy", "format": "pair", "classes": 2} for name in ("a", "b")}
    recipes = {"dense": recipe("dense", 0, method="none"), **sweep("magnitude", (20, 60))}
    common = {"recipes": recipes, "seeds": (1, 2, 3), "retention": lambda cell: 1 - cell["level"] / 200}
    runs = design(tasks=tasks, **common)
    facts, stacks = simulate(runs, tasks, examples=400, rng=np.random.default_rng(0))
    made = _as_it_is(facts, stacks, tasks, recipes)
    return made


def _as_it_is(facts, stacks, tasks, recipes):
    facts = facts.copy()
    text = (facts["task"] == "b") & (facts["family"] != "dense")
    facts.loc[text, "regime"] = "zero-shot"
    facts.loc[facts["task"] == "b", "steps"] = 0
    replicates = Replicates(seeds=(1, 2, 3), draws=50)
    draws = score_draws(stacks, tasks, replicates, 0)
    return (
        runs_table(facts, stacks, draws, replicates, tasks=tasks, recipes=recipes),
        draws,
        replicates,
        recipes,
    )


def test_a_sweep_for_text_and_for_training_has_claims_on_both_and_their_means_apart():
    runs, draws, replicates, recipes = _text()
    claims = claims_table(runs, draws, replicates, {}, recipes)
    single = claims[(claims["claim"] == "monotone") & (claims["scope"] == "cell")].set_index("subject")
    assert single["regime"].to_dict() == {"a": "sparse", "b": "zero-shot"} and single["effect"].notna().all()
    whole = row_of(claims, "monotone", scope="primary")
    assert whole["effect"] == pytest.approx(single.loc["a", "effect"]), "the text is not in the mean"
    assert "1 on running text, where nothing trains, stand in rows of their own." in whole["sentence"]


def test_equal_answers_have_an_interval_of_some_width():
    """Everything right, dense and compressed, on 600 examples: what n equal answers leave open is not nothing."""
    replicates = Replicates(seeds=(1, 2, 3), draws=50)
    values, grain = np.zeros(replicates.size), 1 / 600
    effect, low, high = limits(values, replicates, grain)
    assert effect == 0 and low == -high and high == pytest.approx(3.69 / 600, rel=1e-3)
    assert p_against(values, replicates, 0.02, grain) > 0.99
    assert p_against(values + 0.02 + 3.69 * grain, replicates, 0.02, grain) == pytest.approx(0.025, abs=1e-4)
    perfect = dict.fromkeys(PAIR, 1000000.0)
    runs = grid(tasks=PAIR, recipes=SWEEP, extra=(), seeds=SEEDS)
    made = tables(runs, axes=AXES, middles=perfect, examples=600)
    assert (made["claims"]["low"] < made["claims"]["high"]).all()


def test_the_verdict_and_the_p_beside_it_are_of_one_test():
    common = {"margin": 0.02, "n_seeds": 5, "p": 0.02}
    assert verdict(0.3, 0.03, 0.57, corrected=0.052, **common) == "undecided"
    assert verdict(0.3, 0.03, 0.57, corrected=0.05, **common) == "supported"
    claims = tables(grid(recipes=SWEEP, extra=()), examples=600)["claims"]
    supported = claims[claims["verdict"] == "supported"]
    corrected = supported["p_holm"].fillna(supported["p_bh"])
    assert len(supported) and (corrected <= 0.05).all()


def test_unequal_classes_whose_trainings_fail_do_not_make_a_task_fall_further():
    """The hard task has classes of 70 and 30 %, its trainings fail the more the sparser, and all fall alike."""
    tasks = {
        "easy": {"metric": "accuracy", "format": "pair", "classes": 2},
        "hard": {"metric": "accuracy", "format": "pair", "classes": 2, "shares": [0.7, 0.3]},
    }
    recipes = {"dense": recipe("dense", 0, method="none"), **sweep("magnitude", (20, 40, 60, 80))}

    def collapse(cell: dict) -> float:
        return 0.0 if cell["task"] == "easy" else 1.0 if cell["level"] >= 60 else 0.4 * cell["level"] / 40

    false = 0
    for trial in range(12):
        runs = design(
            tasks=tasks,
            recipes=recipes,
            seeds=SEEDS,
            retention=lambda cell: 1 - 0.3 * cell["level"] / 80,
            collapse=collapse,
        )
        facts, stacks = simulate(runs, tasks, examples=400, rng=np.random.default_rng(trial))
        axes = {"two": {"tasks": ["easy", "hard"]}}
        options = {"axes": axes, "draws": 100, "seed": 0, "margin": 0.02}
        claims = tables_of(facts, stacks, tasks=tasks, recipes=recipes, **options)["claims"]
        false += row_of(claims, "harder-falls-further")["verdict"] == "supported"
        assert row_of(claims, "fails-earlier")["effect"] > 0.4
    assert false <= 1
