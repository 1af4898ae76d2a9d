"""Axes along which one task varies by one number: its share of training data, or its training budget.

Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from junkdna.study.problems import problem

# What an axis may vary (a key of the task that says nothing of it) -> what it adds to the slug.
VARIED = {"train_percent": "p", "budget": "x"}
LEGAL_VALUES = {
    "train_percent": "whole percents from 1 to 100 that fall, the first 100, such as [100, 50, 10]",
    "budget": "whole numbers that rise, the first 1, such as [1, 2, 4]",
}
KEYS = ("task", "vary", "values")
EITHER = "tasks, or task with vary and values"


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
    whole = all(type(value) in (int, float) and float(value).is_integer() and value >= 1 for value in values)
    return whole and isinstance(axis["task"], str) and axis["vary"] in list(VARIED)


def _expand(where: str, axis: dict[str, Any], tasks: dict[str, Any]) -> list[str]:
    base, vary, values = axis["task"], axis["vary"], [int(value) for value in axis["values"]]
    if base not in tasks:
        return [problem(f"{where}.task", base, tasks)]
    lines = []
    falls = vary == "train_percent"
    ordered = all((left > right) == falls and left != right for left, right in pairwise(values))
    if not ordered or values[0] != (100 if falls else 1):
        lines.append(problem(f"{where}.values", values, LEGAL_VALUES[vary]))
        values = [value for value in values if not falls or value <= 100]
    made = {slug_of(base, vary, value): value for value in values}
    if axis.get("tasks", list(made)) != list(made):
        lines.append(f"{where}.tasks: found beside vary, and not the tasks that it makes; legal: {EITHER}")
    axis["tasks"] = list(made)
    for slug, value in made.items():
        tasks.setdefault(slug, {"base": base, vary: value})
    return lines


def slug_of(task: str, vary: str, value: int) -> str:
    """The slug of `task` with the varied key at `value`; at its first legal value that is the task itself."""
    return task if value == {"train_percent": 100, "budget": 1}[vary] else f"{task}-{VARIED[vary]}{value}"


def axis_problems(config: Mapping[str, Any]) -> list[str]:
    """List what is wrong with the tasks that varied axes stand on, once these are whole.

    A task that varies must not say itself what is varied, and a task of the user's own that has the slug of a
    made one must be the same.
    """
    lines, tasks = [], config["tasks"]
    for name, axis in config["axes"].items():
        if "vary" not in axis:
            continue
        base, vary = axis["task"], axis["vary"]
        first = axis["values"][0]
        if tasks[base].get(vary, first) != first:
            found = f"{base!r} with {vary} {tasks[base][vary]}"
            lines.append(f"axes.{name}.task: found {found}; legal: a task that does not say {vary} itself")
            continue
        for slug, value in zip(axis["tasks"][1:], axis["values"][1:], strict=True):
            made, held = tasks[base] | {vary: value}, tasks[slug]
            differ = sorted(key for key in set(made) | set(held) if made.get(key) != held.get(key))
            if differ:
                lines.append(
                    f"tasks.{slug}: found a task of its own that differs in {', '.join(differ)}; "
                    f"legal: another name, axes.{name} makes {slug} from {base}"
                )
    return lines
