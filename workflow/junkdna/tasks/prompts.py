"""Prompts: what a language model is asked, as text. An example becomes a context and what may follow it.

Templates are Jinja2, as those of lm-evaluation-harness are, in Jinja's sandbox: a template comes with a config that
someone else may have written. A template sees the columns of the example, and of a choice `option`, the one that is
asked about, and its `place` (from 0), for two options may have the same text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from junkdna.study.problems import problem
from junkdna.tasks.fetch import subset_order


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSpec:
    """How an example is put to a model.

    prompt: template of the question. answer: template of what follows it: an option, or the right answer. delimiter:
    stands between the two. instruction: stands once, before everything. shots: examples that are shown with their
    answers. separator: follows each of them. null_prompt: template of the context without the question, against which
    the score rule `pmi` sets the likelihood of a target.
    """

    prompt: str
    answer: str = "{{ option }}"
    delimiter: str = " "
    instruction: str = ""
    shots: int = 0
    separator: str = "\n\n"
    null_prompt: str = ""
    options: int = 0
    evidence: str | int = "all"
    distance: int = 0

    @classmethod
    def from_mapping(cls, asked: Mapping[str, Any]) -> Self:
        """The spec in the keys of a task, which may hold more than the spec."""
        return cls(**{name: asked[name] for name in cls.__dataclass_fields__ if name in asked})

    @property
    def asks_by_option(self) -> bool:
        """Whether each option makes a question of its own (partial scoring: what follows is the same for all)."""
        return not names_in(self.prompt).isdisjoint(OF_OPTION)


@dataclass(frozen=True, slots=True)
class Question:
    """One example as text. contexts: one, or one an option where options make questions of their own. targets: what
    may follow, of a choice one an option, else the gold answers. right: place of the right option, 0 where there is
    none."""

    contexts: tuple[str, ...]
    targets: tuple[str, ...]
    right: int


# What a template sees of the option that is asked about.
OF_OPTION = ("option", "place")
_SANDBOX = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)


@cache
def names_in(template: str) -> frozenset[str]:
    """The names that a template asks for."""
    return frozenset(meta.find_undeclared_variables(_SANDBOX.parse(template)))


def check_template(where: str, template: str, names: Sequence[str]) -> list[str]:
    """List what is wrong with a template: its syntax, and names that no example has."""
    try:
        asked = names_in(template)
    except TemplateError as error:
        return [f"{where}: found a template that Jinja2 cannot read ({error}); legal: a Jinja2 template"]
    return [problem(where, name, names, what="the name") for name in sorted(asked - set(names))]


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill in a template. ValueError where it does what the sandbox forbids, or fails on these values."""
    try:
        return _compiled(template).render(values)
    except (TemplateError, TypeError, ValueError, AttributeError, IndexError, KeyError) as error:
        raise ValueError(f"the template {template!r} cannot be filled in: {error}") from error


@cache
def _compiled(template: str) -> Template:
    return _SANDBOX.from_string(template)


def keep_options(example: Mapping[str, Any], count: int) -> dict[str, Any]:
    """An example with `count` of its options, in their order, the right one among them.

    Which wrong ones stay hangs on the example alone, and those of fewer options are some of those of more. ValueError
    where there are not so many.
    """
    options, right = list(example["options"]), int(example["label"])
    if count > len(options):
        raise ValueError(f"options: found {count}; legal: up to {len(options)}, so many a question has")
    places = np.arange(len(options))
    ids = np.int64(example["example_id"]) ^ places
    order = subset_order(ids, np.zeros(len(ids), dtype=np.int64), 0)
    wrong = [int(place) for place in order if place != right]
    kept = sorted([right, *wrong[: count - 1]])
    return {**example, "options": [options[place] for place in kept], "label": kept.index(right)}


def question_of(example: Mapping[str, Any], spec: PromptSpec) -> Question:
    """Put one example, without shots.

    example: the columns of a task, of a choice `options` and `label`, else `answers`.
    """
    if "options" not in example:
        targets = tuple(render(spec.answer, {**example, "answer": each}) for each in example["answers"])
        return Question((render(spec.prompt, example),), targets, 0)
    options = list(example["options"])
    by_option = [{**example, "option": option, "place": place} for place, option in enumerate(options)]
    targets = tuple(render(spec.answer, values) for values in by_option)
    asked = by_option if spec.asks_by_option else [dict(example)]
    return Question(tuple(render(spec.prompt, values) for values in asked), targets, int(example["label"]))


def shot_of(example: Mapping[str, Any], spec: PromptSpec) -> str:
    """One example with its answer, as it is shown before the question, separator included."""
    asked = question_of(example, spec)
    context = asked.contexts[asked.right if spec.asks_by_option else 0]
    return context + spec.delimiter + asked.targets[asked.right] + spec.separator


def choose_shots(
    example_id: np.ndarray, texts: Sequence[str], measured: Sequence[str], seed: int, count: int
) -> np.ndarray:
    """Which examples are shown: the first `count` of an order that hangs on `seed` and the examples alone.

    So fewer shots are the beginning of more, and all recipes of a seed see the same. An example whose text is one of
    the `measured` ones is none. ValueError where too few are left.
    """
    if not count:
        return np.zeros(0, dtype=np.int64)
    asked = {text.strip() for text in measured}
    free = np.array([text.strip() not in asked for text in texts], dtype=bool)
    if free.sum() < count:
        raise ValueError(
            f"shots: found {count}; legal: up to {free.sum()}, so many examples are there that are not measured "
            f"themselves ({len(texts)} with those that are)"
        )
    order = subset_order(example_id, np.zeros(len(example_id), dtype=np.int64), seed)
    return order[free[order]][:count]
