"""The tables of the report on what a model answered that was asked."""

from typing import Any

import pandas as pd

from junkdna.report.tables import DASH, rows_of

CELL = ["checkpoint", "task", "recipe", "level"]
TICK, STAR = " \N{CHECK MARK}", " \N{BLACK STAR}"
# Characters of an answer that are shown.
LONGEST = 80


def score_rule_rows(table: pd.DataFrame) -> dict[str, Any]:
    """Header and rows of accuracy by rule: a row a cell, a column a rule; the task's own has a star."""
    means = table.groupby([*CELL, "rule"], sort=False, dropna=False)
    shown = means.agg(accuracy=("accuracy", "mean"), chosen=("chosen", "first"), chance=("chance", "mean"))
    shown["text"] = [
        (DASH if pd.isna(row.accuracy) else f"{row.accuracy:.3f}") + STAR * bool(row.chosen)
        for row in shown.itertuples()
    ]
    wide = shown["text"].unstack("rule", sort=False)
    columns: dict[str, Any] = _cells(wide)
    columns |= {rule: wide[rule].fillna(DASH) for rule in wide}
    columns["chance"] = [f"{value:.3f}" for value in shown["chance"].groupby(CELL, sort=False).first()]
    return rows_of(columns)


def answer_kind_rows(table: pd.DataFrame) -> dict[str, Any]:
    """Header and rows of the kinds of free answers: a row a cell, a column a kind."""
    wide = 100 * table.groupby([*CELL, "kind"], sort=False)["share"].mean().unstack("kind", sort=False)
    columns = _cells(wide)
    columns |= {f"{kind} %": [f"{value:.1f}" for value in wide[kind]] for kind in wide}
    return rows_of(columns)


def _cells(wide: pd.DataFrame) -> dict[str, Any]:
    columns: dict[str, Any] = {name: wide.index.get_level_values(name) for name in CELL[:3]}
    columns["level %"] = [f"{value:.4g}" for value in wide.index.get_level_values("level")]
    return columns


def example_rows(table: pd.DataFrame) -> dict[str, Any]:
    """Header and rows of single questions: the dense answer beside that of the highest level of each family."""
    highest = table["level"] == table.groupby(["checkpoint", "family"])["level"].transform("max")
    shown = table[highest]
    said = [_said(*each) for each in zip(shown["answer"], shown["correct"], strict=True)]
    shown = shown.assign(said=said)
    wide = shown.pivot_table(
        index=["checkpoint", "task", "question", "right_answer"],
        columns="recipe",
        values="said",
        aggfunc="first",
        sort=False,
    )
    columns: dict[str, Any] = {
        name: wide.index.get_level_values(name) for name in ("checkpoint", "task", "question")
    }
    columns["right answer"] = wide.index.get_level_values("right_answer")
    columns |= {recipe: wide[recipe].fillna(DASH) for recipe in wide}
    return rows_of(columns, text=list(columns))


def _said(answer: str, correct: bool) -> str:
    words = " ".join(answer.split())
    short = words if len(words) <= LONGEST else words[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return (short or "(nothing)") + TICK * bool(correct)
