"""Make of the examples of a task the questions that a model is asked: cut to what is wanted, with shots, as tokens."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from junkdna.study.problems import raise_all
from junkdna.tasks.asked import Asked, Flat
from junkdna.tasks.encode_prompts import Encoded, TooLongError, encode_pair, encode_question, first_token
from junkdna.tasks.evidence import choose_evidence, token_spans
from junkdna.tasks.prompts import (
    OF_OPTION,
    PromptSpec,
    check_template,
    choose_shots,
    keep_options,
    question_of,
    render,
    shot_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedTokenizerBase


def room_of(tokenizer: "PreTrainedTokenizerBase", max_length: int, new: int) -> int:
    """Tokens that a prompt and what follows it may take, where `new` more are to be written."""
    return min(max_length, tokenizer.model_max_length) - new


def ask(
    measured: "pd.DataFrame",
    pool: "pd.DataFrame",
    tokenizer: "PreTrainedTokenizerBase",
    spec: PromptSpec,
    *,
    seed: int,
    room: int,
    add_bos: bool | None = None,
    key: str = "task",
) -> Asked:
    """Encode the questions of `measured`, with shots drawn by `seed` from `pool`.

    room: tokens that a context and its longest target may take together. key: the task, for messages. ValueError for
    templates that do not fit the examples, too few examples to show, and a question that does not fit by itself.
    """
    names = [name for name in measured.columns if name not in ("example_id", "label")]
    names += OF_OPTION if "options" in names else ["answer"]

    def cut(row: Mapping[str, Any]) -> dict[str, Any]:
        return _kept(row, spec, tokenizer, key)

    raise_all(
        line
        for part in ("prompt", "answer", "null_prompt")
        for line in check_template(f"{key}.{part}", getattr(spec, part), names)
    )
    first = first_token(tokenizer, add_bos)
    chosen = choose_shots(
        pool["example_id"].to_numpy(), pool["text"].tolist(), measured["text"].tolist(), seed, spec.shots
    )
    shots = [shot_of(cut(pool.iloc[i].to_dict()), spec) for i in chosen]
    put = partial(
        encode_question, tokenizer, instruction=spec.instruction, shots=shots, first=first, room=room
    )
    made = Flat()
    for _, row in measured.iterrows():
        example = cut(row.to_dict())
        question = question_of(example, spec)
        encoded, is_cut = _fitted(example, spec, put, tokenizer)
        null = [
            encode_pair(tokenizer, render(spec.null_prompt, example), spec.delimiter + target, first)
            for target in question.targets
        ]
        lacks = bool(row.get("evidence")) and spec.evidence != "none" and not example["evidence"]
        made.add(encoded, null, question, int(row["example_id"]), (is_cut, lacks))
    return made.asked()


def _fitted(
    example: Mapping[str, Any],
    spec: PromptSpec,
    put: Callable[..., Encoded],
    tokenizer: "PreTrainedTokenizerBase",
) -> tuple[list[Encoded], bool]:
    """One question as tokens, and whether its evidence was cut at its far end for it to fit."""
    try:
        return _encoded(example, spec, put), False
    except TooLongError:
        text = example.get("evidence", "")
        if not text:
            raise
    spans = token_spans(tokenizer, text)
    above = spec.prompt.find("evidence") < spec.prompt.find("text")
    # The most tokens of the evidence with which the question fits: more never fit where fewer do not.
    fits, fails = 0, len(spans)
    best = _encoded({**example, "evidence": ""}, spec, put)
    while fails - fits > 1:
        kept = (fits + fails) // 2
        part = text[spans[-kept][0] :] if above else text[: spans[kept - 1][1]]
        try:
            best, fits = _encoded({**example, "evidence": part}, spec, put), kept
        except TooLongError:
            fails = kept
    return best, True


def _encoded(example: Mapping[str, Any], spec: PromptSpec, put: Callable[..., Encoded]) -> list[Encoded]:
    question = question_of(example, spec)
    spaced = [spec.delimiter + target for target in question.targets]
    if spec.asks_by_option:
        pairs = zip(question.contexts, spaced, strict=True)
        return [put(context=context, targets=[target]) for context, target in pairs]
    return [put(context=question.contexts[0], targets=spaced)]


def _kept(
    row: Mapping[str, Any], spec: PromptSpec, tokenizer: "PreTrainedTokenizerBase", key: str
) -> dict[str, Any]:
    """An example with what its question keeps of its options and its evidence."""
    example = dict(row)
    if "evidence" in example:
        options = example.get("options")
        answers = [options[int(example["label"])]] if options is not None else example["answers"]
        example["evidence"] = choose_evidence(
            example["evidence"], answers, spec.evidence, spec.distance, tokenizer
        )
    try:
        return keep_options(example, spec.options) if spec.options else example
    except ValueError as error:
        raise ValueError(f"{key}.{error}") from None
