"""A compressed language model is asked: by options, by the likelihood of gold answers, or in free text; nothing trains.

Every score is kept with the example, so that another rule needs no other run.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from junkdna.compression.compressed import Compressed
from junkdna.inference.generate import generate_answers
from junkdna.inference.gold_likelihood import likelihood_of_gold
from junkdna.inference.options import shares, target_sums
from junkdna.inference.precision import choose_precision, synchronize
from junkdna.inference.result import Result
from junkdna.inference.untrained import load_compressed, untrained_result
from junkdna.models.decoder import load_causal
from junkdna.statistics.answers import NORMALISERS, exact_match, same_number, token_f1
from junkdna.statistics.option_scores import score_by
from junkdna.tasks.asked import Asked
from junkdna.tasks.encode_prompts import Encoded
from junkdna.tasks.tokens import load_tokenizer

# Targets that follow the null prompt side by side.
TOGETHER = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerSpec:
    """How answers are made and judged.

    score: rule by which options are compared, one of `specs.SCORE_RULES`: the sum of the log-probabilities of an
    option's tokens; by character or by token of it; or less the sum after the null prompt. metric: of free answers.
    normalise: whose rule of exact match and F1, `squad` or `triviaqa`. stop, max_new_tokens: where a free answer ends.
    """

    score: str = "sum"
    metric: str = "accuracy"
    normalise: str = "squad"
    stop: tuple[str, ...] = ()
    max_new_tokens: int = 16

    @classmethod
    def from_mapping(cls, asked: Mapping[str, Any]) -> Self:
        """The spec in the keys of a task, which may hold more than the spec."""
        given = {name: asked[name] for name in cls.__dataclass_fields__ if name in asked}
        return cls(**given | {"stop": tuple(asked.get("stop", ()))})


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedRun:
    """A checkpoint that is asked, with what a recipe made of it.

    checkpoint: local folder. asked: the questions. gold: of free answers those that are right, by question; None where
    options are compared. recipe: expanded. compressed: what its files hold.
    """

    checkpoint: Path
    asked: Asked
    gold: Sequence[Sequence[str]] | None
    recipe: Mapping[str, Any]
    regime: str
    how: AnswerSpec
    precision: str
    device: torch.device
    compressed: Compressed = field(default_factory=Compressed)


def ask_model(run: AskedRun) -> Result:
    """Compress the checkpoint of `run` and put all its questions to it.

    The loss of an example is minus the log-probability of the right option among all (by the score rule), or that of
    the first gold answer by token; `prior_entropy` is the loss of who does not read the question, of options alone.
    ValueError for a regime that trains, and for a recipe, regime or mask that do not fit each other or the checkpoint.
    """
    start = time.perf_counter()
    precision = choose_precision(run.precision, run.device)
    model, applied = load_compressed(
        load_causal, run.checkpoint, run.recipe, run.regime, run.compressed, run.device, precision
    )
    loaded = time.perf_counter()
    if run.gold is None:
        predictions = choose_options(model, run.asked, run.how.score, precision)
        prior = float(np.log(np.diff(run.asked.ends.numpy())).mean())
    else:
        predictions = (
            likelihood_of_gold(model, run.asked, precision)
            if run.how.metric == "gold-likelihood"
            else write_answers(model, load_tokenizer(run.checkpoint), run.asked, run.gold, run.how, precision)
        )
        prior = float("nan")
    synchronize(run.device)
    return untrained_result(
        model,
        applied,
        predictions,
        shown=0,
        loss=float(predictions["loss"].mean()),
        prior=prior,
        seconds=(loaded - start, time.perf_counter() - loaded),
        precision=precision,
    )


def choose_options(model: PreTrainedModel, asked: Asked, rule: str, precision: str) -> pd.DataFrame:
    """Compare the options of every question; one row a question, in the order of `asked`.

    rule: one of `specs.SCORE_RULES`. Columns: `files.runs_columns.PREDICTIONS`; a question one of whose options has no
    number as its score is answered by NaN.
    """
    encoded = asked.encoded()
    fast = shares(model, encoded, precision)
    return compare_options(
        example_id=asked.example_id.numpy(),
        right=asked.right.numpy(),
        ends=asked.ends.numpy(),
        rule=rule,
        sums=np.concatenate(target_sums(model, encoded, precision, fast=fast)),
        tokens=np.diff(asked.target_ends.numpy()),
        characters=asked.characters.numpy(),
        null_sums=null_sums(model, asked, precision, fast),
    )


def compare_options(
    *,
    example_id: np.ndarray,
    right: np.ndarray,
    ends: np.ndarray,
    rule: str,
    sums: np.ndarray,
    tokens: np.ndarray,
    characters: np.ndarray,
    null_sums: np.ndarray,
) -> pd.DataFrame:
    """Compare options by what is kept of each, [options]; all else as of `choose_options`.

    example_id, right: int [questions]. ends: int [questions + 1], where the options of each question end, from 0.
    """
    kept = {"sums": sums, "tokens": tokens, "characters": characters, "null_sums": null_sums}
    flat = {"score": score_by(rule, **kept), **kept}
    lists = {name: np.split(values, ends[1:-1]) for name, values in flat.items()}
    with np.errstate(invalid="ignore"):  # a score that is no number stays none
        scores = [own - np.logaddexp.reduce(own) for own in lists.pop("score")]
    known = np.array([np.isfinite(own).all() for own in scores], dtype=bool)
    best = np.array([own.argmax() for own in scores], dtype=float)
    prediction = np.where(known, best, np.nan)
    loss = [-own[place] if good else np.nan for own, place, good in zip(scores, right, known, strict=True)]
    return pd.DataFrame(
        {
            "example_id": example_id,
            "target": right.astype(float),
            "prediction": prediction,
            "correct": pd.array(prediction == right, dtype="boolean"),
            "loss": np.array(loss, dtype=np.float32),
            "scores": [own.astype(np.float32) for own in scores],
            **lists,
        }
    )


def null_sums(model: PreTrainedModel, asked: Asked, precision: str, fast: bool) -> np.ndarray:
    """Sum of the log-probabilities of the tokens of each target after the null prompt, nats, float64 [targets].

    Targets that many questions have (letters) are looked at once, and several follow one context.
    """
    null = asked.without_question()
    place = {each: i for i, each in enumerate(dict.fromkeys(null))}
    different = [each.targets[0] for each in place]
    groups = [
        Encoded(null[0].context, tuple(different[start : start + TOGETHER]))
        for start in range(0, len(different), TOGETHER)
    ]
    sums = np.concatenate(target_sums(model, groups, precision, fast=fast))
    return sums[[place[each] for each in null]]


def write_answers(
    model: PreTrainedModel,
    tokenizer: Any,
    asked: Asked,
    gold: Sequence[Sequence[str]],
    how: AnswerSpec,
    precision: str,
) -> pd.DataFrame:
    """Have the model answer every question in free text; one row a question, in the order of `asked`.

    gold: the right answers of each. Columns: `files.runs_columns.PREDICTIONS`. What an answer scores by chance is what
    that to another question scores (`Asked.another`).
    """
    encoded = asked.encoded()
    fast = shares(model, encoded, precision)
    written = generate_answers(
        model,
        tokenizer,
        [each.context for each in encoded],
        stop=how.stop,
        max_new_tokens=how.max_new_tokens,
        precision=precision,
        share=fast,
    )
    sums = target_sums(model, encoded, precision, fast=fast)
    likely = [
        float(np.max(own / [len(target) for target in each.targets]))
        for own, each in zip(sums, encoded, strict=True)
    ]
    elsewhere = [written[place] for place in asked.another()]
    score, by_chance = (
        np.array([judge(answer.text, right, how) for answer, right in zip(answers, gold, strict=True)], float)
        for answers in (written, elsewhere)
    )
    return pd.DataFrame(
        {
            "example_id": asked.example_id.numpy(),
            "target": np.ones(len(asked)),
            "prediction": score,
            "correct": pd.array(score == 1, dtype="boolean"),
            "loss": -np.array(likely, dtype=np.float32),
            "scores": [np.array([each], dtype=np.float32) for each in likely],
            "by_chance": by_chance,
            "text": [answer.text for answer in written],
            "ended": [answer.ended for answer in written],
            "written": [answer.tokens for answer in written],
        }
    )


def judge(answer: str, gold: Sequence[str], how: AnswerSpec) -> float:
    """What a free answer scores by the metric, 0 to 1."""
    if how.metric == "number":
        return same_number(answer, gold)
    match = exact_match if how.metric == "exact-match" else token_f1
    return match(answer, gold, NORMALISERS[how.normalise])
