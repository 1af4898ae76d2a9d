"""Claims on made-up studies whose truth is known."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from tests.simulated import MIDDLES, RECIPES, SHIFTS, grid, row_of, tables

from junkdna.claims.caveats import points, size_caveat
from junkdna.claims.table import PRIMARY
from junkdna.claims.verdicts import summarise, verdict

UNSTRUCTURED = {name: RECIPES[name] for name in RECIPES if not name.endswith("of8")}


def claims_of(*, seeds=(1, 2, 3), recipes=UNSTRUCTURED, **truth) -> pd.DataFrame:
    return tables(grid(recipes=recipes, seeds=seeds), **truth)["claims"]


@pytest.fixture(scope="module")
def planted() -> pd.DataFrame:
    collapse = [("magnitude-u80", "deduction", "sparse", 2), ("magnitude-u60", "options", "regrow", 1)]
    return claims_of(collapse=collapse, examples=1500)


@pytest.fixture(scope="module")
def null() -> pd.DataFrame:
    """Every task falls at the same level, far beyond any level of the study."""
    return claims_of(middles=dict.fromkeys(MIDDLES, 160.0), examples=2000)


def test_planted_effects_are_found(planted):
    assert row_of(planted, "harder-falls-further")["verdict"] == "supported"
    assert row_of(planted, "difficulty-order")["verdict"] == "supported"
    assert row_of(planted, "interaction")["verdict"] == "supported"
    falls = planted[planted["claim"] == "monotone"].set_index("subject")["verdict"]
    # The easiest task falls so late that its slope over these levels is near the margin.
    assert (falls.drop("keyword") == "supported").all()
    assert (planted.loc[planted["scope"] == "primary", "verdict"] == "supported").all()
    hard = {"subject": "deduction", "level": 60.0}
    assert row_of(planted, "irreversible", regime="sparse", **hard)["verdict"] == "supported"
    assert row_of(planted, "irreversible", regime="regrow", **hard)["verdict"] == "supported"
    assert row_of(planted, "small-weights", **hard)["verdict"] == "supported"


def test_where_nothing_falls_nothing_is_supported(null):
    assert not (null["verdict"] == "supported").any()
    assert set(null.loc[null["claim"] == "monotone", "verdict"]) == {"refuted"}
    assert row_of(null, "difficulty-order")["verdict"] == "refuted"


def test_a_claim_of_one_budget_says_so(planted):
    assert (
        "Only one training budget was tried." in row_of(planted, "irreversible", scope="primary")["sentence"]
    )
    assert "budget" not in row_of(planted, "monotone", scope="primary")["sentence"]


def test_effects_are_near_the_truth(planted):
    """What the simulator plants: retention along its logistic curve."""

    def retention(task: str, level: float, regime: str = "sparse") -> float:
        dense, pruned = (1 / (1 + np.exp((x - MIDDLES[task] - SHIFTS[regime]) / 7.0)) for x in (0.0, level))
        return pruned / dense

    for task in ("agreement", "options"):
        row = row_of(planted, "irreversible", subject=task, level=60.0, regime="sparse")
        assert row["effect"] == pytest.approx(1 - retention(task, 60.0), abs=0.12)
        row = row_of(planted, "small-weights", subject=task, level=60.0)
        expected = retention(task, 60.0, "freeze") - retention(task, 60.0)
        assert row["effect"] == pytest.approx(expected, abs=0.12)


def test_collapsed_runs_are_counted_and_left_out(planted):
    row = row_of(planted, "monotone", subject="deduction")
    assert (row["n_runs"], row["n_left_out"], row["n_seeds"], row["n_failed"]) == (12, 3, 3, 3)
    # One collapsed, and the others know nothing there: .006 of the dense score is left at 80 %.
    assert "3 of 15 runs did not train" in row["sentence"]
    assert "If the 3 runs that failed had kept nothing: " in row["sentence"]
    assert row["with_failed_verdict"] == "supported" and row["with_failed"] > 0
    assert "too few usable runs: 80 %" in row["sentence"]
    regrow = row_of(planted, "irreversible", subject="options", level=60.0, regime="regrow")
    assert (regrow["n_runs"], regrow["n_seeds"], regrow["verdict"]) == (2, 2, "too few seeds")


def test_every_sentence_can_be_quoted(planted):
    for row in planted.itertuples():
        assert row.sentence.endswith(".")
        assert "{" not in row.sentence and "nan" not in row.sentence
        assert row.verdict in row.sentence
        assert points(row.effect) in row.sentence
        assert row.checkpoint in row.sentence


def test_the_order_on_an_axis_is_told(planted):
    sentence = row_of(planted, "difficulty-order")["sentence"]
    assert "keyword > agreement > similarity > options > deduction" in sentence


def test_rows_have_their_runs_and_seeds(planted):
    axis = row_of(planted, "harder-falls-further", subject="made-up-difficulty")
    assert (axis["n_seeds"], axis["n_runs"], axis["margin"]) == (3, 24, 0.02)
    assert axis["low"] < axis["effect"] < axis["high"]


def test_two_seeds_are_too_few():
    claims = claims_of(seeds=(1, 2))
    measured = claims["effect"].notna()
    assert set(claims.loc[measured, "verdict"]) == {"too few seeds"}
    assert measured.mean() > 0.95 and set(claims.loc[~measured, "verdict"]) <= {"not measured"}


def test_a_task_whose_runs_all_collapsed_is_not_measured():
    recipes = {name: RECIPES[name] for name in ("dense", "magnitude-u40", "magnitude-u60")}
    collapse = [(name, "deduction", "sparse", seed) for name in recipes for seed in (1, 2, 3)]
    claims = claims_of(recipes=recipes, collapse=collapse, examples=100)
    row = row_of(claims, "monotone", subject="deduction")
    assert (row["verdict"], row["n_runs"], row["n_seeds"]) == ("not measured", 0, 0)
    assert "not measured" in row["sentence"]
    assert row_of(claims, "harder-falls-further")["verdict"] == "not measured"
    assert row_of(claims, "small-weights", subject="deduction", level=60.0)["verdict"] == "not measured"


def test_a_task_that_the_dense_model_does_not_solve_is_not_measured():
    dense = [("dense", "deduction", "dense", seed) for seed in (1, 2, 3)]
    claims = claims_of(collapse=dense, examples=100)
    row = row_of(claims, "monotone", subject="deduction")
    assert row["verdict"] == "not measured"
    assert re.search(r"\d+ of 15 have no dense run that trained and is above chance", row["sentence"])
    assert row["n_failed"] == 0 and "had kept nothing" not in row["sentence"], "there was nothing to keep"


def test_an_axis_needs_two_tasks_with_runs():
    runs = grid(tasks=("keyword",), recipes=UNSTRUCTURED)
    claims = tables(runs, examples=100)["claims"]
    assert set(claims["claim"]) == {"monotone", "irreversible", "small-weights"}


def test_a_study_of_dense_runs_alone_has_nothing_to_judge():
    with pytest.raises(ValueError, match="recipes other than dense"):
        tables(grid(recipes={"dense": RECIPES["dense"]}), examples=50)


@pytest.mark.parametrize(
    ("low", "high", "seeds", "expected"),
    [
        (0.03, 0.2, 3, "supported"),
        (0.01, 0.2, 3, "undecided"),
        (-0.01, 0.015, 3, "refuted"),
        (-0.3, -0.1, 3, "refuted"),
        (0.03, 0.2, 2, "too few seeds"),
        (np.nan, np.nan, 3, "not measured"),
    ],
)
def test_verdicts(low, high, seeds, expected):
    assert verdict((low + high) / 2, low, high, margin=0.02, n_seeds=seeds) == expected


def test_summaries_count_every_row_once(planted):
    rows = summarise(planted)
    assert sum(sum(row["counts"].values()) for row in rows) == (planted["scope"] == "cell").sum()
    assert all(row["primary"] for row in rows if row["claim"] in PRIMARY and row["regime"] != "sparse")
    assert [row["verdict"] for row in rows if row["claim"] == "difficulty-order"] == ["supported"]
    assert {row["regime"] for row in rows if row["claim"] == "irreversible"} == {"sparse", "regrow"}
    assert all(row["sentence"].startswith(row["question"]) for row in rows)


def test_points_are_written_with_a_minus_sign_and_without_negative_zero():
    assert [points(value) for value in (0.1234, -0.05, -0.0001)] == ["12.3", "\N{MINUS SIGN}5.0", "0.0"]


def test_training_sizes_that_differ_are_told():
    """On an axis whose tasks differ in data, difficulty and size cannot be told apart."""
    rte, sst2 = (SimpleNamespace(train_examples=size) for size in (2490, 67349))
    assert "2,490 to 67,349" in size_caveat([rte, sst2])
    assert size_caveat([rte, SimpleNamespace(train_examples=2600)]) == ""
