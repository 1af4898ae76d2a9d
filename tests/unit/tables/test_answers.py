"""What asked models answered: by every rule, by kind, question by question, on answers whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from described import untrue
from junkdna.statistics.option_scores import RULES
from junkdna.statistics.proportions import wilson
from junkdna.study.specs import SCORE_RULES
from junkdna.tables.answers import (
    KINDS,
    answer_kinds_table,
    examples_table,
    kind_of,
    score_rules_table,
    scores_by,
)

RUN = {
    "checkpoint": "mine",
    "recipe": "dense",
    "task": "quiz",
    "regime": "dense",
    "seed": 1,
    "family": "dense",
}
RUN |= {"level": 0.0}


def chosen(sums, null, tokens, characters, right) -> pd.DataFrame:
    count = len(sums)
    return pd.DataFrame(
        {
            "example_id": range(count),
            "target": np.array(right, dtype=float),
            "prediction": [float(np.argmax(own)) for own in sums],
            "sums": [np.array(own) for own in sums],
            "tokens": [np.array(own) for own in tokens],
            "characters": [np.array(own) for own in characters],
            "null_sums": [np.array(own) for own in null],
        }
    )


def two_questions(**changes) -> pd.DataFrame:
    """By the sum the first option wins, by token the second, by character the third, by pmi the second."""
    parts = {
        "sums": [[-4.0, -5.0, -6.0]] * 2,
        "tokens": [[1, 5, 2]] * 2,
        "characters": [[4, 5, 60]] * 2,
        "null": [[-4.0, -9.0, -6.5]] * 2,
        "right": [1, 2],
    }
    return chosen(**(parts | changes))


def test_there_is_a_score_for_every_legal_rule():
    assert RULES == SCORE_RULES


def test_the_four_rules_compare_what_they_say_and_the_own_one_is_marked():
    table = score_rules_table([(RUN, two_questions())], {"quiz": "pmi"})
    assert untrue("score_rules", table) == []
    assert table.set_index("rule")["accuracy"].to_dict() == {"sum": 0, "char": 0.5, "token": 0.5, "pmi": 0.5}
    assert table.loc[table["chosen"], "rule"].tolist() == ["pmi"]
    assert table["chance"].to_numpy() == pytest.approx(1 / 3)
    row = table[table["rule"] == "sum"].iloc[0]
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(wilson(0, 2)), (
        "nothing right is no 0 [0, 0]"
    )
    assert [own.argmax() for own in scores_by(two_questions(), "char")] == [2, 2]


def test_scores_that_are_no_numbers_have_no_accuracy():
    broken = two_questions(null=[[-4.0, np.nan, -6.5], [-4.0, -9.0, -6.5]])
    table = score_rules_table([(RUN, broken)], {"quiz": "sum"}).set_index("rule")
    assert table["accuracy"].isna().to_dict() == {"sum": False, "char": False, "token": False, "pmi": True}
    assert untrue("score_rules", table.reset_index()[[*RUN, "rule", *table.columns[len(RUN) :]]]) == []


@pytest.mark.parametrize(
    ("score", "text", "ended", "kind"),
    [
        (1.0, "sun", "stop", "right"),
        (1.0, "the sun and then", "length", "right"),
        (0.0, "", "end", "empty"),
        (0.0, " \n ", "length", "empty"),
        (0.5, "sun or moon", "length", "partly right"),
        (0.0, "moon moon moon", "length", "unfinished"),
        (0.0, "moon", "stop", "wrong"),
    ],
)
def test_a_free_answer_is_of_the_first_kind_that_fits(score, text, ended, kind):
    assert kind_of(score, text, ended) == kind


def written(scores, texts, ended) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "example_id": range(len(scores)),
            "target": 1.0,
            "prediction": np.array(scores, dtype=float),
            "text": texts,
            "ended": ended,
        }
    )


def test_kinds_are_shares_that_sum_to_one():
    runs = [(RUN, written([1, 0, 0.5, 0], ["a", "", "b", "c"], ["stop", "end", "stop", "length"]))]
    runs += [
        (
            RUN | {"recipe": "all-empty", "family": "other", "level": 50.0},
            written([0] * 3, [""] * 3, ["end"] * 3),
        )
    ]
    table = answer_kinds_table(runs)
    assert untrue("answer_kinds", table) == []
    shares = table.pivot(index="recipe", columns="kind", values="share")
    assert shares.sum(axis=1).tolist() == [1, 1]
    assert shares.loc["dense", list(KINDS)].tolist() == [0.25, 0.25, 0.25, 0.25, 0]
    assert shares.loc["all-empty", "empty"] == 1
    lows = table.set_index(["recipe", "kind"])["share_low"]
    assert 0 < lows["all-empty", "empty"] < 1, "three of three is not 1 [1, 1]"


def test_questions_are_shown_with_what_each_run_said():
    questions = pd.DataFrame(
        {
            "example_id": [1, 0],
            "text": ["second?", "first?"],
            "options": [["x", "y", "z"], ["u", "v", "w"]],
            "label": [2, 1],
        }
    )
    none = two_questions().assign(prediction=[np.nan, 0.0])
    later = RUN | {"seed": 2}
    runs = [(RUN, two_questions()), (RUN | {"recipe": "other"}, none), (later, two_questions())]
    table = examples_table(runs, {"quiz": questions})
    assert untrue("examples", table) == []
    assert len(table) == 4 and set(table["seed"]) == {1}
    dense = table[table["recipe"] == "dense"].set_index("question")
    assert dense["right_answer"].to_dict() == {"second?": "z", "first?": "v"}
    assert dense["answer"].to_dict() == {"second?": "x", "first?": "u"} and not dense["correct"].any()
    assert table[table["recipe"] == "other"]["answer"].tolist() == ["x", ""]


def test_runs_that_were_not_asked_that_way_have_no_rows():
    assert score_rules_table([(RUN, written([1], ["a"], ["stop"]))], {"quiz": ""}).empty
    assert answer_kinds_table([(RUN, two_questions())]).empty
