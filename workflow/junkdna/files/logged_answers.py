"""What a sample log made elsewhere holds, whichever tool wrote it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedAnswer:
    """One question and what the model answered.

    key: names the question, the same in every log of its task. prompt: hash of all that the model was shown, "" where
    the log does not say. question: the text, for a reader. Of a choice: options, their texts; right, the place of the
    right one from 0; sums, null_sums, their log-probabilities in nats, and after the null prompt (() where the log has
    none); characters of each (() where not known); chosen, the place of the one that was named, -1 for none. Of a free
    answer: gold, the right ones; score, 0 to 1, NaN for none; written; ended, `stop`, `length` or None; tokens or None.
    """

    key: str
    question: str
    prompt: str = ""
    options: Sequence[str] = ()
    right: int = 0
    sums: Sequence[float] = ()
    null_sums: Sequence[float] = ()
    characters: Sequence[int] = ()
    chosen: int = -1
    gold: Sequence[str] = ()
    score: float = float("nan")
    written: str = ""
    ended: str | None = None
    tokens: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleLog:
    """One model on one task.

    tool: what wrote it, with its version. model: as the tool names it. about: what it says of the run: precision,
    device, parameters, seconds, versions; of these those that it has.
    """

    path: str
    tool: str
    model: str
    answers: Sequence[LoggedAnswer]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def likely(self) -> bool:
        """Whether it holds the likelihoods of options."""
        return all(answer.sums for answer in self.answers)


def checked_score(path: Path, question: object, value: Any, number_of: Callable[[Any], float]) -> float:
    """The score of an answer, 0 to 1, or NaN where there is none. ValueError for any other."""
    try:
        score = number_of(value)
    except (ValueError, TypeError):
        raise ValueError(f"{path}: question {question} has the score {value!r}; legal: 0 to 1") from None
    if math.isnan(score) or 0 <= score <= 1:
        return score
    raise ValueError(f"{path}: question {question} has the score {value!r}; legal: 0 to 1")
