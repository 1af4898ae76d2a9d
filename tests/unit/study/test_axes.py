"""Axes along which one task varies: the tasks that they make, what these train on and how long, and mistakes."""

from copy import deepcopy
from fractions import Fraction

import pytest

from configs import SCHEMA, lines, user
from junkdna.study.check import check
from junkdna.study.figure_names import figure_names
from junkdna.study.runs import training_of, used_parts, valid_runs
from junkdna.study.sizes import run_sizes
from junkdna.study.tasks import data_of, study_tasks, train_rows
from junkdna.study.train_share import percent_of

ASKED = {"prompt": "Q: {{ text }}\nA:"}
WHY = {"knob": "a number", "reason": "mine"}
SHARES = {"task": "easy", "vary": "train_percent", "values": [100, 50, 10], **WHY}
BUDGETS = {"task": "easy", "vary": "budget", "values": [1, 2, 4], **WHY}


def varied(axis: dict, **changes) -> dict:
    return user(**{"axes__varied": axis, "study__axes": ["varied"], **changes})


def test_shares_of_the_data_become_tasks_of_the_study():
    config = check(varied(SHARES), SCHEMA)
    axis = config["axes"]["varied"]
    assert axis["tasks"] == study_tasks(config) == ["easy", "easy-p50", "easy-p10"]
    assert (axis["task"], axis["vary"], axis["values"]) == ("easy", "train_percent", [100, 50, 10])
    easy, tasks = config["tasks"]["easy"], config["tasks"]
    for percent in (50, 10):
        assert tasks[f"easy-p{percent}"] == easy | {"train_percent": percent}
        assert data_of(tasks[f"easy-p{percent}"]) == data_of(easy) | {"train_percent": percent}
    assert [train_rows(tasks[task]) for task in axis["tasks"]] == [100, 50, 10]
    runs = valid_runs(config)
    assert {run["task"] for run in runs} == set(axis["tasks"])
    assert {size["task"]: size["train_rows"] for size in run_sizes(config, runs)} == {
        "easy": 100,
        "easy-p50": 50,
        "easy-p10": 10,
    }
    assert figure_names(config, runs) == ["claims", "performance-varied", "difficulty", "dense"]
    assert set(used_parts(config, runs)["tasks"]) == set(axis["tasks"])


def test_budgets_multiply_what_study_checkpoint_and_task_give():
    changes = {
        "checkpoints__mine__training": {"max_steps": 30},
        "tasks__easy__training": {"epochs": 3},
        "training__batch_size": 8,
    }
    config = check(varied(BUDGETS, **changes), SCHEMA)
    assert config["axes"]["varied"]["tasks"] == ["easy", "easy-x2", "easy-x4"]
    first = training_of(config, "mine", "easy")
    assert (first["epochs"], first["max_steps"]) == (3, 30)
    for factor in (2, 4):
        more = training_of(config, "mine", f"easy-x{factor}")
        assert more == first | {"epochs": 3 * factor, "max_steps": 30 * factor}
        assert data_of(config["tasks"][f"easy-x{factor}"]) == data_of(config["tasks"]["easy"])
    uncapped = check(varied(BUDGETS), SCHEMA)
    assert training_of(uncapped, "mine", "easy-x4")["max_steps"] == 0


def test_a_checked_config_with_a_varied_axis_is_a_fixed_point():
    for axis in (SHARES, BUDGETS, SHARES | {"values": [100.0, 50.0]}):
        config = check(varied(axis), SCHEMA)
        assert repr(check(config, SCHEMA)) == repr(config)
        runs = valid_runs(config)
        used = check(used_parts(config, runs), SCHEMA)
        assert valid_runs(used) == runs


def test_an_axis_may_vary_what_an_axis_above_it_made():
    axes = {"shares": SHARES, "varied": BUDGETS | {"task": "easy-p50"}}
    config = check(user(axes=axes, study__axes=["varied"]), SCHEMA)
    assert study_tasks(config) == ["easy-p50", "easy-p50-x2", "easy-p50-x4"]
    assert config["tasks"]["easy-p50-x4"] == config["tasks"]["easy"] | {"train_percent": 50, "budget": 4}


def test_blocks_may_name_the_tasks_that_an_axis_makes():
    config = check(varied(SHARES, study__runs__0__tasks=["easy-p10"]), SCHEMA)
    assert {run["task"] for run in valid_runs(config)} == {"easy-p10"}


def test_the_same_task_written_by_hand_is_no_clash():
    written = {"base": "easy", "train_percent": 50, "max_length": 128}
    assert check(varied(SHARES, **{"tasks__easy-p50": written}), SCHEMA) == check(varied(SHARES), SCHEMA)


def choice(**changes) -> dict:
    """A config with an axis over one asked multiple-choice task."""
    task = {
        "source": {"path": {"train": "a.csv", "validation": "b.csv"}},
        "format": "choice",
        "columns": {"text": "q", "options": "o", "label": "l", "evidence": "e"},
        "metric": "accuracy",
        "version": 1,
        **ASKED,
        **changes.pop("task", {}),
    }
    runs = [{"recipes": ["magnitude"], "regimes": ["zero-shot"]}]
    return user(
        tasks__quiz=task, axes={"varied": {"task": "quiz", **WHY, **changes}}, study__axes=["varied"],
        study__tasks=[], study__runs=runs,
    )  # fmt: skip


def test_one_run_with_all_options_serves_every_number_where_they_are_not_shown():
    config = check(choice(vary="options", values=[2, 3, 5]), SCHEMA)
    assert config["axes"]["varied"]["tasks"] == ["quiz-o2", "quiz-o3", "quiz"]
    quiz = config["tasks"]["quiz"]
    made = {"options": 2, "options_of": "quiz", "metric": "expected-accuracy"}
    assert config["tasks"]["quiz-o2"] == quiz | made
    assert "options_of" not in quiz and quiz["metric"] == "accuracy"
    assert repr(check(config, SCHEMA)) == repr(config)
    # A study of some of the numbers needs the run with all.
    runs = [run for run in valid_runs(config) if run["task"] == "quiz-o2"]
    assert {run["seed"] for run in runs} == {config["study"]["seeds"][0]}
    assert "quiz" in used_parts(config, runs)["tasks"]


@pytest.mark.parametrize(
    "prompt", ["{{ options | join(', ') }}", "{% for o in options %}{{ o }}{% endfor %}"]
)
def test_options_that_are_shown_are_asked_anew_for_each_number(prompt):
    config = check(choice(vary="options", values=[2, 5], task={"prompt": prompt}), SCHEMA)
    assert config["tasks"]["quiz-o2"] == config["tasks"]["quiz"] | {"options": 2}
    assert repr(check(config, SCHEMA)) == repr(config)


def test_a_run_with_all_options_must_be_there_to_be_read():
    wrong = choice(vary="options", values=[2, 5])
    wrong["tasks"]["quiz-o3"] = {"base": "quiz", "options": 3, "options_of": "quizz"}
    assert "tasks.quiz-o3.options_of: found 'quizz'; legal:" in lines(wrong)[0]


def test_scores_of_all_options_are_not_those_of_fewer():
    config = check(choice(vary="options", values=[2, 5], task={"paper": "commonsense-qa"}), SCHEMA)
    assert "paper" in config["tasks"]["quiz"] and "paper" not in config["tasks"]["quiz-o2"]


@pytest.mark.parametrize(
    ("vary", "values", "slugs"),
    [
        ("shots", [8, 4, 0], ["quiz-k8", "quiz-k4", "quiz-k0"]),
        ("evidence", ["sentence", 64, "all", "none"], ["quiz-sentence", "quiz-e64", "quiz-all", "quiz-none"]),
    ],
)
def test_how_a_task_is_asked_may_vary(vary, values, slugs):
    config = check(choice(vary=vary, values=values), SCHEMA)
    assert config["axes"]["varied"]["tasks"] == slugs
    assert [config["tasks"][slug][vary] for slug in slugs] == values
    assert repr(check(config, SCHEMA)) == repr(config)
    runs = valid_runs(config)
    assert valid_runs(check(used_parts(config, runs), SCHEMA)) == runs


def test_a_distance_is_behind_a_sentence():
    far = choice(vary="distance", values=[0, 64], task={"evidence": "sentence"})
    assert check(far, SCHEMA)["axes"]["varied"]["tasks"] == ["quiz-d0", "quiz-d64"]
    told = lines(choice(vary="distance", values=[0, 64]))
    assert (
        told[0]
        == "tasks.quiz-d0.distance: found without evidence sentence; legal: beside evidence sentence only"
    )


FALLING = "whole percents from 1 to 100 that fall, the first 100, such as [100, 50, 10]"
RISING = "whole numbers that rise, the first 1, such as [1, 2, 4]"
EITHER = "legal: tasks, or task with vary and values"
MISTAKES = {
    "neither": (WHY, {}, f"axes.varied.tasks: missing; {EITHER}"),
    "half of it": (
        {key: SHARES[key] for key in ("task", "vary", "knob", "reason")},
        {},
        f"axes.varied.values: missing; {EITHER}",
    ),
    "both": (
        SHARES | {"tasks": ["easy", "hard"]},
        {},
        f"axes.varied.tasks: found beside vary, and not the tasks that it makes; {EITHER}",
    ),
    "no such task": (
        SHARES | {"task": "eassy"},
        {},
        "axes.varied.task: found 'eassy'; legal: easy, hard; did you mean 'easy'?",
    ),
    "no such key": (
        SHARES | {"vary": "train_percents"},
        {},
        "axes.varied.vary: found 'train_percents'; legal: train_percent, budget, options, shots, evidence, "
        "distance; did you mean 'train_percent'?",
    ),
    "hard to easy": (
        SHARES | {"values": [10, 50, 100]},
        {},
        f"axes.varied.values: found [10, 50, 100]; legal: {FALLING}",
    ),
    "no whole": (SHARES | {"values": [70, 50]}, {}, f"axes.varied.values: found [70, 50]; legal: {FALLING}"),
    "more than all": (
        SHARES | {"values": [200, 100, 50]},
        {},
        f"axes.varied.values: found [200, 100, 50]; legal: {FALLING}",
    ),
    "falling budget": (
        BUDGETS | {"values": [4, 1]},
        {},
        f"axes.varied.values: found [4, 1]; legal: {RISING}",
    ),
    "fraction": (
        SHARES | {"values": [100, 12.5]},
        {},
        "axes.varied.values[1]: found 12.5 (a number); legal: whole numbers up to 10000, of evidence also words",
    ),
    "zero": (
        SHARES | {"values": [100, 0]},
        {},
        f"axes.varied.values: found [100, 0]; legal: {FALLING}",
    ),
    "falling options": (
        {"task": "easy", "vary": "options", "values": [5, 2], **WHY},
        {},
        "axes.varied.values: found [5, 2]; legal: whole numbers from 2 that rise, the last all options of the "
        "task, such as [2, 3, 5]",
    ),
    "no such word": (
        {"task": "easy", "vary": "evidence", "values": ["some", "all"], **WHY},
        {},
        "axes.varied.values: found ['some', 'all']; legal: sentence, all, none and whole numbers of tokens, each "
        "once",
    ),
    "a word where numbers are": (
        SHARES | {"values": [100, "all"]},
        {},
        f"axes.varied.values: found [100, 'all']; legal: {FALLING}",
    ),
    "one value": (SHARES | {"values": [100]}, {}, "axes.varied.values: found 1 entries; legal: at least 2"),
    "another task of that name": (
        SHARES,
        {"tasks__easy-p50": {"base": "hard", "train_percent": 50}},
        "tasks.easy-p50: found a task of its own that differs in columns, format, metric; "
        "legal: another name, axes.varied makes easy-p50 from easy",
    ),
    "varied twice": (
        SHARES,
        {"tasks__easy__train_percent": 20},
        "axes.varied.task: found 'easy' with train_percent 20; legal: a task that does not say train_percent "
        "itself",
    ),
    "shares are not matched": (
        SHARES | {"matched": True},
        {},
        "axes.varied.matched: found train_examples easy 100, easy-p50 50, easy-p10 10; legal: the same number "
        "on every task",
    ),
    "budgets are not matched": (
        BUDGETS | {"matched": True},
        {},
        "axes.varied.matched: found epochs easy 2, easy-x2 4, easy-x4 8 on mine; legal: the same on every task",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_gives_its_one_line(mistake):
    axis, changes, expected = MISTAKES[mistake]
    told = lines(varied(deepcopy(axis), **changes))
    assert told[0] == expected and len(told) == 1, told


@pytest.mark.parametrize(
    "junk", [3, None, [], {"task": {}, "vary": [], "values": "x"}, {"values": [True, None]}]
)
def test_junk_is_an_error_with_lines(junk):
    assert lines(varied(junk))


def test_equal_numbers_of_rows_may_come_from_anywhere():
    changes = {
        "axes__depth__matched": True,
        "tasks__easy__train_examples": ...,
        "tasks__easy__rows": {"train": 100},
        "tasks__hard__rows": {"train": 200},
        "tasks__hard__train_percent": 50,
    }
    check(user(**changes), SCHEMA)
    told = lines(user(**{**changes, "tasks__hard__train_percent": 40}))
    assert told == [
        "axes.depth.matched: found train_examples easy 100, hard 80; legal: the same number on every task"
    ]


def test_a_share_is_the_nearest_number_of_rows():
    for rows in (1, 7, 250, 2490, 67349, 104743):
        for percent in (1, 10, 25, 50, 70, 99, 100):
            found = percent_of(rows, percent)
            assert abs(found - Fraction(rows * percent, 100)) <= Fraction(1, 2) or found == 1
            assert 1 <= found <= rows
    # What `datasets` takes for train[:50%] of SST-2 and QNLI.
    assert (percent_of(67349, 50), percent_of(104743, 50)) == (33674, 52372)


def test_the_price_takes_the_mean_length_where_it_is_known_and_no_more_than_the_longest():
    changes = {"tasks__easy__tokens": 50, "tasks__hard__max_length": 40}
    config = check(user(**changes), SCHEMA)
    tokens = {size["task"]: size["tokens"] for size in run_sizes(config, valid_runs(config))}
    assert tokens == {"easy": 50, "hard": 40}
    config["tasks"]["easy"] |= {"format": "choice", "max_length": 20}
    del config["tasks"]["hard"]["tokens"]
    tokens = {size["task"]: size["tokens"] for size in run_sizes(config, valid_runs(config))}
    assert tokens == {"easy": 50, "hard": 40}
