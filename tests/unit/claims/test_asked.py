"""Claims about asked models on studies whose truth is known: what margins foretell, and formats of one question."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.simulated import grid, tables

from junkdna.claims.questions import questions_of
from junkdna.claims.study import tables_of
from junkdna.simulation.asked import AXES, LEVELS, Formats, Margins, asked_runs, claims_of
from junkdna.simulation.draws import facts_of, recipe, sweep

RECIPES = {"dense": recipe("dense", 0, method="none"), **sweep("magnitude", LEVELS)}


def study(scenario, *, seeds: int = 1, examples: int = 1500, change=lambda stacks: stacks) -> pd.DataFrame:
    runs = asked_runs(seeds)
    stacks = change(scenario.stacks(runs, examples, np.random.default_rng(11)))
    facts = facts_of(runs, scenario.described(), examples).assign(steps=0)
    made = tables_of(
        facts, stacks, tasks=scenario.described(), recipes=RECIPES, axes=AXES, draws=200, seed=5, margin=0.02
    )
    return made["claims"]


def row_of(claims: pd.DataFrame, claim: str) -> pd.Series:
    (row,) = claims[claims["claim"] == claim].to_dict("records")
    return pd.Series(row)


def test_a_hard_task_whose_margins_are_smaller_falls_further_but_not_more_than_they_foretell():
    claims = study(Margins(name="null"))
    falls = claims[(claims["claim"] == "harder-falls-further") & (claims["scope"] == "cell")].iloc[0]
    assert falls["verdict"] == "supported" and falls["effect"] > 0.1
    row = row_of(claims, "more-than-margin")
    assert row["verdict"] in ("undecided", "refuted") and abs(row["effect"]) < 0.07
    assert row["low"] < 0 < row["high"] and (row["regime"], row["n_seeds"], row["n_runs"]) == (
        "zero-shot",
        1,
        8,
    )


@pytest.mark.parametrize(
    "scenario", [Margins(name="more noise", lead=(3.0, 2.0), harder=2.0), Margins(name="sinks", drift=0.5)]
)
def test_what_is_hit_harder_loses_more_than_its_margins_foretell(scenario):
    row = row_of(study(scenario), "more-than-margin")
    assert row["verdict"] == "supported" and row["effect"] > 0.1
    assert "of easy " in row["sentence"] and "% of the wrong right" in row["sentence"]


def test_prompts_that_are_drawn_give_a_gap_a_seed():
    row = row_of(study(Margins(name="drawn", drawn=0.5, drift=0.5), seeds=3), "more-than-margin")
    assert (row["n_seeds"], row["n_runs"], row["verdict"]) == (3, 24, "supported")


def test_a_task_with_one_run_stands_beside_one_with_a_run_a_seed():
    """Its prompts are not drawn: another seed would say the same, and it is no less measured than the other."""
    scenario = Margins(name="drawn", drawn=0.5)
    runs = asked_runs(3)
    runs = runs[(runs["task"] == "hard") | (runs["seed"] == 0)].reset_index(drop=True)
    stacks = scenario.stacks(runs, 1500, np.random.default_rng(2))
    facts = facts_of(runs, scenario.described(), 1500).assign(steps=0)
    options = {"tasks": scenario.described(), "recipes": RECIPES, "axes": AXES, "seed": 5, "margin": 0.02}
    made = tables_of(facts, stacks, draws=200, **options)["claims"]
    falls = made[(made["claim"] == "harder-falls-further") & (made["scope"] == "cell")].iloc[0]
    assert falls["verdict"] == "supported" and falls["n_runs"] == 4 + 12
    whole = made[(made["claim"] == "monotone") & (made["scope"] == "primary")].iloc[0]
    assert whole["n_runs"] == 4 + 12 and "could not be measured" not in whole["sentence"]
    # The seeds of the one that has some count.
    alone = made[(made["claim"] == "monotone") & (made["subject"] == "hard")].iloc[0]
    assert whole["high"] - whole["low"] > 0.4 * (alone["high"] - alone["low"])


def test_nothing_lost_is_no_gap_and_not_a_sure_zero():
    row = row_of(study(Margins(name="nothing", nothing=True)), "more-than-margin")
    assert row["effect"] == pytest.approx(0, abs=1e-6) and row["low"] < 0 < row["high"]


def without_numbers(stacks):
    """Every compressed run of the hard task answers with no numbers."""
    hard = stacks["hard"]
    broken = hard.scores.copy()
    broken[1:] = np.nan
    prediction = np.where(np.isnan(broken).any(axis=2), np.nan, hard.prediction)
    return stacks | {"hard": replace(hard, scores=broken, prediction=prediction)}


def test_runs_without_numbers_are_not_measured():
    row = row_of(study(Margins(name="null"), change=without_numbers), "more-than-margin")
    assert (row["verdict"], row["n_runs"]) == ("not measured", 0) and np.isnan(row["effect"])


def test_a_task_at_chance_is_not_measured():
    row = row_of(study(Margins(name="at chance", lead=(2.5, 0.0))), "more-than-margin")
    assert row["verdict"] == "not measured"


def test_questions_with_nothing_like_them_are_not_compared():
    row = row_of(study(Margins(name="sure", lead=(30.0, 0.4))), "more-than-margin")
    assert row["verdict"] == "not measured" and "have any of easy like them" in row["sentence"]


def fewer(stacks):
    """The easy task as if it had been read off a run with more options: the right one first, targets all 1."""
    easy = stacks["easy"]
    right = easy.target.astype(int)
    order = np.argsort(np.arange(easy.scores.shape[2]) != right[:, None], axis=1, kind="stable")
    scores = np.take_along_axis(easy.scores, order[None], axis=2)
    hits = (scores.argmax(axis=2) == 0).astype(np.float32)
    return stacks | {"easy": replace(easy, scores=scores, prediction=hits, target=np.ones_like(easy.target))}


def test_a_task_with_options_left_out_has_its_right_option_first():
    scenario = Margins(name="null")
    runs, tasks = asked_runs(1), scenario.described()
    stacks = scenario.stacks(runs, 300, np.random.default_rng(3))
    runs = runs.assign(dense_row=runs.groupby("task")["seed"].transform(lambda group: group.index[0]))
    same = [
        questions_of(runs, each, of, AXES, replicates_of_one(), 1)
        for each, of in (
            (stacks, tasks),
            (fewer(stacks), tasks | {"easy": {"format": "choice", "metric": "expected-accuracy"}}),
        )
    ]
    for key, gap in same[0].gaps.items():
        np.testing.assert_allclose(gap.gap, same[1].gaps[key].gap, atol=1e-9)


def replicates_of_one():
    from junkdna.statistics.bootstrap import Replicates

    return Replicates(seeds=(0,), draws=20)


def test_chosen_and_written_that_lose_alike_do_not_differ():
    row = row_of(study(Formats(name="null"), examples=4000), "asked-or-written")
    assert row["verdict"] in ("undecided", "refuted") and row["low"] < 0 < row["high"]
    assert "more-than-margin" not in set(study(Formats(name="null"))["claim"]), (
        "no margins of what is written"
    )


def test_what_is_written_and_lost_first_is_told():
    row = row_of(study(Formats(name="more", more=0.15), examples=4000), "asked-or-written")
    assert row["verdict"] == "supported" and row["low"] < 0.15 < row["high"] and row["p_tost"] > 0.5
    assert "hard (written) keeps" in row["sentence"]


def test_where_nothing_is_lost_nothing_hangs_on_the_format():
    scenario = Formats(name="nothing", nothing=True)
    made = [
        claims_of(scenario, np.random.default_rng(seed), seeds=1, examples=400, draws=200, margin=0.02)
        for seed in range(20)
    ]
    verdicts = [row_of(claims, "asked-or-written")["verdict"] for claims in made]
    assert verdicts.count("not measured") >= 17 and "supported" not in verdicts
    sentence = row_of(made[verdicts.index("not measured")], "asked-or-written")["sentence"]
    assert "no more than the margin is lost: 20 %, 40 %, 60 %, 80 %" in sentence


def apart(stacks):
    return stacks | {"hard": replace(stacks["hard"], example_id=stacks["hard"].example_id + 1)}


def test_other_questions_are_not_the_same_in_another_format():
    assert "asked-or-written" not in set(study(Formats(name="apart"), change=apart)["claim"])


def test_a_study_that_trains_has_neither_row():
    claims = set(tables(grid(tasks=("keyword", "options"), extra=()))["claims"]["claim"])
    assert "monotone" in claims and not claims & {"more-than-margin", "asked-or-written"}
