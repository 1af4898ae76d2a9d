"""A sample log made elsewhere as a run: the same predictions and facts as a model that was asked here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from junkdna.files.logged_answers import SampleLog
from junkdna.inference.answers import compare_options
from junkdna.models.footprint import pruned_bits
from junkdna.study.specs import WEIGHT_BITS
from junkdna.tasks.logged import question_ids

UNKNOWN = "unknown"


def logged_predictions(log: SampleLog, form: str, rule: str) -> pd.DataFrame:
    """What the model of a log answered, one row a question. Columns: `files.runs_columns.PREDICTIONS`.

    form: `choice` or `generate`. rule: by which options are compared, where the log holds likelihoods; ValueError where
    it lacks what the rule needs. Where it holds none, a loss is not known (NaN).
    """
    answers, ids = log.answers, question_ids(log)
    if form == "choice" and log.likely:
        return _compared(log, ids, rule)
    known = np.array([answer.score for answer in answers], dtype=float)
    target, said = np.ones(len(answers)), known
    scores = [np.array([np.nan], dtype=np.float32)] * len(answers)
    if form == "choice":
        target = np.array([answer.right for answer in answers], dtype=float)
        said = np.where(np.isnan(known), np.nan, [answer.chosen for answer in answers])
        scores = [np.full(len(answer.options), np.nan, dtype=np.float32) for answer in answers]
    table = pd.DataFrame(
        {
            "example_id": ids,
            "target": target,
            "prediction": said,
            "correct": pd.array(said == target, dtype="boolean"),
            "loss": np.full(len(answers), np.nan, dtype=np.float32),
            "scores": scores,
        }
    )
    if form == "choice":
        return table
    return table.assign(
        # What another answer would score by their metric is not told.
        by_chance=np.nan,
        text=[answer.written for answer in answers],
        ended=pd.array([answer.ended for answer in answers], dtype="str"),
        written=np.array(
            [np.nan if answer.tokens is None else answer.tokens for answer in answers], dtype=float
        ),
    )


def _compared(log: SampleLog, ids: np.ndarray, rule: str) -> pd.DataFrame:
    """The table of options by their likelihood; a log does not count their tokens."""
    answers = log.answers
    counts = [len(answer.sums) for answer in answers]

    def joined(name: str) -> np.ndarray:
        held = [getattr(answer, name) for answer in answers]
        filled = [each or [np.nan] * count for each, count in zip(held, counts, strict=True)]
        return np.concatenate([np.asarray(each, dtype=float) for each in filled])

    kept = {name: joined(name) for name in ("sums", "characters", "null_sums")}
    needed = {"char": "characters", "pmi": "null_sums"}.get(rule)
    if needed and np.isnan(kept[needed]).any():
        raise ValueError(
            f"{log.path}: it has no {needed} of options, so score {rule!r} is not there; legal: sum"
        )
    return compare_options(
        example_id=ids,
        right=np.array([answer.right for answer in answers]),
        ends=np.concatenate([[0], np.cumsum(counts)]),
        tokens=np.full(sum(counts), np.nan),
        rule=rule,
        **kept,
    )


def logged_facts(
    log: SampleLog, predictions: pd.DataFrame, recipe: Mapping[str, Any], form: str
) -> dict[str, Any]:
    """The facts of such a run; what a log does not say is NaN, or `unknown`.

    recipe: expanded; the share of weights that are gone, and the bits of one, are as it states.
    """
    loss = float(predictions["loss"].mean(skipna=False))
    sparsity = recipe["level"] / 100 if recipe.get("counts_as") == "prune" else 0.0
    bits = float(recipe.get("bits", pruned_bits(sparsity) if sparsity else WEIGHT_BITS))
    prior = float(np.log(predictions["scores"].map(len)).mean()) if form == "choice" else np.nan
    return {
        "train_examples": 0,
        "validation_examples": len(predictions),
        "steps": 0,
        "train_seconds": 0.0,
        # No time of this study.
        "eval_seconds": 0.0,
        "load_seconds": 0.0,
        "examples_per_second": 0.0,
        "peak_memory_mb": np.nan,
        "sparsity": sparsity,
        "effective_bits": bits,
        "body_bytes": np.nan,
        "first_loss": loss,
        "final_loss": loss,
        "min_loss": loss,
        "prior_entropy": prior,
        "precision": log.about.get("precision", UNKNOWN),
        "device": log.about.get("device", UNKNOWN),
        "threads": np.nan,
        "diverged": bool(predictions["prediction"].isna().any()),
        "versions": log.about.get("versions", UNKNOWN),
    }
