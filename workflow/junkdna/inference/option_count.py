"""Fewer options than a question has, from the run that compared all of them.

Where options are not named in the prompt, how likely one is does not hang on which others there are. So one run serves
every number of options, and of all choices of the others the mean is taken: less variance, and no further run.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb, isfinite, log
from typing import Any

import numpy as np
import pandas as pd

from junkdna.files.runs import SECONDS

# What names a run, and what a file says by itself.
NAMES = ("checkpoint", "recipe", "task", "regime", "seed", "family", "level", "versions")
# Choices of options over which the loss is averaged; of a question that has more of them, so many are drawn.
MOST = 500


def chance_to_win(scores: np.ndarray, right: int, count: int) -> float:
    """Chance that the right option is chosen among `count`, where the others are drawn at random.

    scores: [k], of all options. The right one wins against w of the D = k - 1 others, so it does against all that are
    drawn with probability C(w, count - 1) / C(D, count - 1). Of equal scores the first in the list wins, as it does
    among all options.
    """
    places = np.arange(len(scores))
    beaten = (scores < scores[right]) | ((scores == scores[right]) & (places > right))
    return comb(int(beaten.sum()), count - 1) / comb(len(scores) - 1, count - 1)


def mean_loss(scores: np.ndarray, right: int, count: int, seed: int) -> float:
    """Mean of minus the log-probability of the right option among `count`, over the choices of the others.

    scores: [k], logarithms up to a constant. Over all choices, or over MOST of them, drawn by `seed`.
    """
    wrong = np.delete(np.asarray(scores, dtype=np.float64), right) - scores[right]
    if comb(len(wrong), count - 1) <= MOST:
        chosen = np.array(list(combinations(range(len(wrong)), count - 1)), dtype=np.int64)
    else:
        rng = np.random.default_rng(seed)
        chosen = np.stack([rng.permutation(len(wrong))[: count - 1] for _ in range(MOST)])
    drawn = wrong[chosen]
    return float(np.logaddexp(0.0, np.logaddexp.reduce(drawn, axis=1)).mean())


def with_fewer_options(predictions: pd.DataFrame, count: int) -> pd.DataFrame:
    """What a run that compared all options says of `count` of them; one row a question, in the same order.

    predictions: of a choice, as `answers.choose_options` has them. The prediction is the chance to choose the right
    option (target 1); a question that was answered by NaN stays so. `scores` hold one choice of the options, the right
    one first. ValueError for a question that has fewer.
    """
    few = predictions["scores"].map(len).min()
    if count > few:
        raise ValueError(f"options: found {count}; legal: up to {few}, so many a question has")
    places = predictions["target"].astype(int)
    known = np.isfinite(predictions["prediction"].to_numpy())
    rows = list(zip(predictions["scores"], places, predictions["example_id"], known, strict=True))
    wins = [chance_to_win(own, right, count) if good else np.nan for own, right, _, good in rows]
    losses = [
        mean_loss(own, right, count, int(example) & 0xFFFFFFFF) if good else np.nan
        for own, right, example, good in rows
    ]
    prediction = np.array(wins, dtype=float)
    return pd.DataFrame(
        {
            "example_id": predictions["example_id"],
            "target": np.ones(len(predictions)),
            "prediction": prediction,
            "correct": pd.array(prediction == 1, dtype="boolean"),
            "loss": np.array(losses, dtype=np.float32),
            "scores": [_one_choice(own, right, count) for own, right, *_ in rows],
        }
    )


def _one_choice(scores: Sequence[float], right: int, count: int) -> np.ndarray:
    """Log-probabilities among the right option and the first of the others, the right one first."""
    kept = np.concatenate([[scores[right]], np.delete(np.asarray(scores), right)[: count - 1]])
    with np.errstate(invalid="ignore"):  # a score that is no number stays none
        return (kept - np.logaddexp.reduce(kept)).astype(np.float32)


def facts_of_fewer(whole: Mapping[str, Any], predictions: pd.DataFrame, count: int) -> dict[str, Any]:
    """The facts of a run with fewer options: those of the run with all, which took all the time, and its own loss.

    whole: a row of `metrics.parquet`. predictions: of `with_fewer_options`.
    """
    loss = float(predictions["loss"].mean(skipna=False))
    facts = {name: value for name, value in whole.items() if name not in NAMES} | dict.fromkeys(SECONDS, 0.0)
    facts |= dict.fromkeys(("first_loss", "final_loss", "min_loss"), loss)
    return facts | {"prior_entropy": log(count), "diverged": not isfinite(loss)}
