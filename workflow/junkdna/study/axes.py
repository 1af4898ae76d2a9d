"""Axes along which one task varies in one key: its share of training data, its budget, or how a model is asked it.

Standard library only: Snakemake imports this on every dry run.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from junkdna.study.problems import problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Varied:
    """What an axis may vary, a key of the task.

    letter: opens what its value adds to the slug. own: which of the values is the task as it is, which then says
    nothing of the key itself: `first`, `last` or "" (each value makes a task). starts: what the first value must be.
    lowest: the smallest legal whole number. rises: whether numbers rise along the axis; None for any order. words:
    values that are no numbers. legal: all this in words.
    """

    letter: str
    own: str = ""
    starts: int | None = None
    lowest: int = 1
    rises: bool | None = None
    words: tuple[str, ...] = ()
    legal: str


VARIED = {
    "train_percent": Varied(
        letter="p",
        own="first",
        starts=100,
        rises=False,
        legal="whole percents from 1 to 100 that fall, the first 100, such as [100, 50, 10]",
    ),
    "budget": Varied(
        letter="x",
        own="first",
        starts=1,
        rises=True,
        legal="whole numbers that rise, the first 1, such as [1, 2, 4]",
    ),
    "options": Varied(
        letter="o",
        own="last",
        lowest=2,
        rises=True,
        legal="whole numbers from 2 that rise, the last all options of the task, such as [2, 3, 5]",
    ),
    "shots": Varied(
        letter="k", lowest=0, rises=False, legal="whole numbers from 0 that fall, such as [8, 4, 1]"
    ),
    "evidence": Varied(
        letter="e",
        words=("sentence", "all", "none"),
        legal="sentence, all, none and whole numbers of tokens, each once",
    ),
    "distance": Varied(
        letter="d", lowest=0, rises=True, legal="whole numbers from 0 that rise, such as [0, 64, 256]"
    ),
}
KEYS = ("task", "vary", "values")
EITHER = "tasks, or task with vary and values"
# A question whose options stand in its prompt must be asked anew for each number of them.
SHOWN = re.compile(r"\{[{%][^}]*\boptions\b")
# Of the task with all its options, and so not of one with fewer.
OF_ALL_OPTIONS = ("human", "paper")


def expand_axes(config: dict[str, Any]) -> list[str]:
    """Give each axis that varies one task its `tasks`, and `config` these tasks; return the problems.

    `task: qnli, vary: train_percent, values: [100, 50]` makes `tasks: [qnli, qnli-p50]` and the task
    `qnli-p50: {base: qnli, train_percent: 50}`; `vary: budget` makes `rte-x2` and so on. Changes `config` in
    place, before its bases are resolved. What has a wrong shape is left to the schema.
    """
    tasks, axes = config.get("tasks"), config.get("axes")
    if not isinstance(tasks, dict) or not isinstance(axes, dict):
        return []
    lines: list[str] = []
    for name, axis in axes.items():
        if not isinstance(axis, dict):
            continue
        where, found = f"axes.{name}", [key for key in KEYS if key in axis]
        if not found:
            lines += [] if "tasks" in axis else [f"{where}.tasks: missing; legal: {EITHER}"]
            continue
        lines += [f"{where}.{key}: missing; legal: {EITHER}" for key in KEYS if key not in found]
        if len(found) == len(KEYS) and _has_shape(axis):
            lines += _expand(where, axis, tasks)
    return lines


def _has_shape(axis: Mapping[str, Any]) -> bool:
    values = axis["values"]
    if not isinstance(values, list) or len(values) < 2:
        return False
    if not isinstance(axis["task"], str) or axis["vary"] not in list(VARIED):
        return False
    return all(isinstance(value, str) or _is_whole(value) for value in values)


def _is_whole(value: Any) -> bool:
    return type(value) in (int, float) and float(value).is_integer() and value >= 0


def _expand(where: str, axis: dict[str, Any], tasks: dict[str, Any]) -> list[str]:
    base, vary = axis["task"], axis["vary"]
    values = [value if isinstance(value, str) else int(value) for value in axis["values"]]
    if base not in tasks:
        return [problem(f"{where}.task", base, tasks)]
    lines = []
    if not _in_order(VARIED[vary], values):
        lines.append(problem(f"{where}.values", values, VARIED[vary].legal))
        return lines
    made = dict(zip(_slugs(base, vary, values), values, strict=True))
    if axis.get("tasks", list(made)) != list(made):
        lines.append(f"{where}.tasks: found beside vary, and not the tasks that it makes; legal: {EITHER}")
    axis["tasks"] = list(made)
    for slug, value in made.items():
        if slug != base:
            tasks.setdefault(slug, {"base": base, **_difference(base, vary, value)})
    return lines


def _in_order(varied: Varied, values: list[Any]) -> bool:
    """Whether the values are legal, each once, and in their order."""
    numbers = [value for value in values if not isinstance(value, str)]
    words = [value for value in values if isinstance(value, str)]
    if len(set(values)) < len(values) or any(word not in varied.words for word in words):
        return False
    if any(number < varied.lowest for number in numbers):
        return False
    if varied.starts is not None and values[0] != varied.starts:
        return False
    return varied.rises is None or all((left < right) == varied.rises for left, right in pairwise(numbers))


def _slugs(base: str, vary: str, values: list[Any]) -> list[str]:
    """The slugs of the tasks along an axis; where a value is the task as it is, that is the task itself."""
    letter, own = VARIED[vary].letter, VARIED[vary].own
    slugs = [f"{base}-{value if isinstance(value, str) else f'{letter}{value}'}" for value in values]
    if own:
        slugs[0 if own == "first" else -1] = base
    return slugs


def _difference(base: str, vary: str, value: Any) -> dict[str, Any]:
    """What a task along an axis says beside its base."""
    return {vary: value} | ({"options_of": base} if vary == "options" else {})


def settle_options(task: dict[str, Any]) -> dict[str, Any]:
    """A task with all that it inherits, as it is with fewer options than there are.

    Where the prompt does not name the options, one run with all of them serves every number (`options_of`), and what it
    gives is an expectation over which of them are there. Else it is asked like any other.
    """
    if "options" not in task:
        return task
    settled = {key: value for key, value in task.items() if key not in OF_ALL_OPTIONS}
    if "options_of" in settled:
        if SHOWN.search(str(settled.get("prompt", ""))):
            del settled["options_of"]
        else:
            settled["metric"] = "expected-accuracy"
    return settled


def axis_problems(config: Mapping[str, Any]) -> list[str]:
    """List what is wrong with the tasks that varied axes stand on, once these are whole.

    A task that varies must not say itself what is varied, and a task of the user's own that has the slug of a
    made one must be the same. A task with fewer options is read off another, which must be there.
    """
    tasks = config["tasks"]
    lines = [
        problem(f"tasks.{slug}.options_of", task["options_of"], tasks)
        for slug, task in tasks.items()
        if task.get("options_of", slug) not in tasks
    ]
    for name, axis in config["axes"].items():
        if "vary" not in axis:
            continue
        base, vary = axis["task"], axis["vary"]
        starts = VARIED[vary].starts
        if VARIED[vary].own and tasks[base].get(vary, starts) != starts:
            found = f"{base!r} with {vary} {tasks[base][vary]}"
            lines.append(f"axes.{name}.task: found {found}; legal: a task that does not say {vary} itself")
            continue
        for slug, value in zip(axis["tasks"], axis["values"], strict=True):
            if slug == base:
                continue
            made, held = settle_options(tasks[base] | _difference(base, vary, value)), tasks[slug]
            differ = sorted(key for key in set(made) | set(held) if made.get(key) != held.get(key))
            if differ:
                lines.append(
                    f"tasks.{slug}: found a task of its own that differs in {', '.join(differ)}; "
                    f"legal: another name, axes.{name} makes {slug} from {base}"
                )
    return lines
