"""What a model answered that was asked: by each score rule, in free text, and a few questions in full."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from junkdna.statistics.option_scores import RULES, score_by
from junkdna.statistics.proportions import wilson
from junkdna.tables.predictions import KEYS

# What a free answer may turn out as, the first that fits.
KINDS = ("right", "empty", "partly right", "unfinished", "wrong")
# Questions of a task that are shown in full.
SHOWN = 10

Run = Mapping[str, Any]


def score_rules_table(runs: Sequence[tuple[Run, pd.DataFrame]], rules: Mapping[str, str]) -> pd.DataFrame:
    """How often each score rule chooses the right option: a row a run of compared options and rule.

    runs: keys (KEYS, family, level) and predictions. rules: task -> the rule of the task. Columns:
    `answers_columns.SCORE_RULES`. A run of which a score is no number has no accuracy by a rule that needs it.
    """
    rows = []
    for run, predictions in runs:
        if "sums" not in predictions:
            continue
        number = len(predictions)
        chance = float((1 / predictions["sums"].map(len)).mean())
        for rule in RULES:
            hits = _hits(predictions, rule)
            low, high = (np.nan, np.nan) if hits is None else wilson(int(hits.sum()), number)
            rows.append(
                {
                    **run,
                    "rule": rule,
                    "chosen": rules[run["task"]] == rule,
                    "accuracy": np.nan if hits is None else float(hits.mean()),
                    "accuracy_low": low,
                    "accuracy_high": high,
                    "chance": chance,
                    "n_examples": number,
                }
            )
    return pd.DataFrame(rows)


def scores_by(predictions: pd.DataFrame, rule: str) -> list[np.ndarray]:
    """The scores of the options of each question by one of RULES, from what predictions keep."""
    kept = ("sums", "tokens", "characters", "null_sums")
    parts = predictions[list(kept)].itertuples(index=False, name=None)
    return [score_by(rule, **dict(zip(kept, part, strict=True))) for part in parts]


def _hits(predictions: pd.DataFrame, rule: str) -> np.ndarray | None:
    scores = scores_by(predictions, rule)
    if not all(np.isfinite(own).all() for own in scores):
        return None
    return np.array(
        [own.argmax() == right for own, right in zip(scores, predictions["target"], strict=True)], dtype=bool
    )


def kind_of(score: float, text: str, ended: str) -> str:
    """What a free answer turned out as, one of KINDS. score: by the metric of the task, 1 is right."""
    if score == 1:
        return "right"
    if not text.strip():
        return "empty"
    if score > 0:
        return "partly right"
    return "unfinished" if ended == "length" else "wrong"


def answer_kinds_table(runs: Sequence[tuple[Run, pd.DataFrame]]) -> pd.DataFrame:
    """What the free answers of each run turned out as, as shares: a row a run and kind.

    runs: as of `score_rules_table`. Columns: `answers_columns.ANSWER_KINDS`.
    """
    rows = []
    for run, predictions in runs:
        if "ended" not in predictions:
            continue
        answers = predictions[["prediction", "text", "ended"]].itertuples(index=False, name=None)
        found = [kind_of(*answer) for answer in answers]
        for kind in KINDS:
            number = found.count(kind)
            low, high = wilson(number, len(found))
            share = {"share": number / len(found), "share_low": low, "share_high": high}
            rows.append({**run, "kind": kind, **share, "n_examples": len(found)})
    return pd.DataFrame(rows)


def examples_table(
    runs: Sequence[tuple[Run, pd.DataFrame]], questions: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """A few questions of each task with the answer of each run of its first seed: a row a question and run.

    questions: task -> its examples, of which the first SHOWN are taken. Columns: `answers_columns.EXAMPLES`.
    """
    rows = []
    first: dict[str, int] = {}
    for run, _ in runs:
        first[run["task"]] = min(run["seed"], first.get(run["task"], run["seed"]))
    for run, predictions in runs:
        if run["seed"] != first[run["task"]] or run["task"] not in questions:
            continue
        free = "text" in predictions
        if not free and "options" not in questions[run["task"]]:
            continue  # nothing was said: gold answers had a likelihood
        answered = predictions.set_index("example_id")
        for asked in questions[run["task"]].head(SHOWN).to_dict("records"):
            row = answered.loc[asked["example_id"]]
            right = asked["answers"][0] if free else asked["options"][int(asked["label"])]
            said = row["text"] if free else _option(row["prediction"], asked["options"])
            correct = bool(row["prediction"] == row["target"])
            rows.append(
                {**run, "example_id": asked["example_id"], "question": asked["text"], "right_answer": right}
                | {"answer": said, "correct": correct}
            )
    return pd.DataFrame(rows)


def _option(prediction: float, options: Sequence[str]) -> str:
    return options[int(prediction)] if np.isfinite(prediction) and prediction >= 0 else ""


def keys_of(facts: pd.Series) -> dict[str, Any]:
    """What names a run in these tables, from a row of `metrics.parquet`."""
    return {name: facts[name] for name in (*KEYS, "family", "level")}
