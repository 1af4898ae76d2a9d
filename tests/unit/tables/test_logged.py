"""Runs that were read from logs which do not tell how likely the answers were."""

import numpy as np
import pytest

from junkdna.claims.study import aggregate
from junkdna.files.logged_answers import LoggedAnswer, SampleLog
from junkdna.files.runs import write_run
from junkdna.inference.logged import logged_facts, logged_predictions
from junkdna.inference.untrained import no_history
from junkdna.study.recipes import expand_recipes
from junkdna.tables.predictions import known_or_absent, read_runs

SWEEPS = {"theirs": {"source": {"logs": {"u30": "logs/u30", "u60": "logs/u60"}}}}
RECIPES = expand_recipes(SWEEPS)
TASKS = {name: {"format": "choice", "metric": "accuracy"} for name in ("easy", "hard")}
RIGHT = {("dense", "easy"): 55, ("dense", "hard"): 50}
RIGHT |= {("theirs-u30", "easy"): 52, ("theirs-u30", "hard"): 40}
RIGHT |= {("theirs-u60", "easy"): 45, ("theirs-u60", "hard"): 25}


def named(task, right, score=None):
    """A log of sixty questions in which the model names an option."""
    answers = [
        LoggedAnswer(
            key=f"{task} {i}",
            question="q",
            options=["a", "b", "c"],
            right=i % 3,
            chosen=i % 3 if i < right else -1,
            score=float(i < right) if score is None else score,
        )
        for i in range(60)
    ]
    return SampleLog(path="a.json", tool="inspect", model="m", answers=answers)


def write(folder, recipe, task, log):
    predictions = logged_predictions(log, "choice", "sum")
    regime = "dense" if recipe == "dense" else "zero-shot"
    keys = {"checkpoint": "m", "recipe": recipe, "task": task, "regime": regime, "seed": 1}
    write_run(
        (folder / "predictions.parquet", predictions),
        (folder / "history.parquet", no_history()),
        (folder / "metrics.parquet", logged_facts(log, predictions, RECIPES[recipe], "choice")),
        keys=keys | {key: RECIPES[recipe][key] for key in ("family", "level")},
        code="abc",
    )
    return keys


@pytest.fixture
def runs(tmp_path):
    """Folder -> keys of all runs."""
    folders = {tmp_path / recipe / task: (recipe, task) for recipe, task in RIGHT}
    return {folder: write(folder, *run, named(run[1], RIGHT[run])) for folder, run in folders.items()}


def test_losses_that_are_not_told_are_no_failure(runs):
    facts, stacks = read_runs(list(runs), TASKS, runs.values())
    assert len(facts) == 6 and all(stack.finite.all() for stack in stacks.values())
    assert all(stack.scores is None for stack in stacks.values()), "nothing can be said of margins"
    losses = np.array([[0.1, 0.2], [np.nan, np.nan], [0.1, np.nan], [np.inf, np.inf]])
    assert known_or_absent(losses).tolist() == [True, True, False, False]


def test_they_have_scores_retention_and_claims(runs):
    axes = {"depth": {"tasks": ["easy", "hard"]}}
    tables = aggregate(list(runs), expected=runs.values(), tasks=TASKS, recipes=RECIPES, axes=axes, draws=200)
    found = tables["runs"].set_index(["recipe", "task"])
    assert (found["outcome"] == "trained").all() and found["loss"].isna().all()
    for run, right in RIGHT.items():
        assert found.loc[run, "score"] == pytest.approx(right / 60)
    assert found.loc[("theirs-u60", "hard"), "retention"] == pytest.approx((25 - 20) / (50 - 20))
    claims = tables["claims"]
    assert set(claims[claims["recipes"] == "theirs"]["claim"]) >= {"monotone"}
    assert claims.loc[claims["claim"] == "more-than-margin", "effect"].isna().all()


def test_answers_without_a_score_are_a_failure(runs):
    folder = list(runs)[-1]
    write(folder, "theirs-u60", "hard", named("hard", 25, score=np.nan))
    tables = aggregate(list(runs), expected=runs.values(), tasks=TASKS, recipes=RECIPES, axes={}, draws=200)
    outcomes = tables["runs"].set_index(["recipe", "task"])["outcome"]
    assert outcomes["theirs-u60", "hard"] == "diverged" and (outcomes == "diverged").sum() == 1
