"""The tasks of a study: what each inherits, what decides its examples, how many they are.

Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Mapping
from typing import Any

from junkdna.study.elsewhere import is_logged
from junkdna.study.problems import problem, raise_all
from junkdna.study.train_share import percent_of

# What decides the examples of a task.
DATA_KEYS: tuple[str, ...] = (
    "choices",
    "columns",
    "distractors",
    "format",
    "labels",
    "source",
    "splits",
    "subset",
)
DATA_KEYS += ("subset_seed", "train_examples", "train_percent", "validation_examples", "version")
# How a language model is asked the examples of a task, as it is; a task with a `prompt` is asked.
ASK_KEYS: tuple[str, ...] = (
    "add_bos",
    "answer",
    "delimiter",
    "distance",
    "evidence",
    "instruction",
    "max_new_tokens",
    "normalise",
    "null_prompt",
    "options",
    "options_of",
    "prompt",
)
ASK_KEYS += ("score", "separator", "shots", "stop")
WRITING_KEYS = ("max_new_tokens", "normalise", "stop")
SOURCE_KINDS = ("hub", "path", "generate", "pretrain", "logs")


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `over` on `under`, key by key; lists, and a `source` of another kind, are replaced as a whole."""
    merged = dict(under)
    for key, value in over.items():
        held = merged.get(key)
        if isinstance(held, Mapping) and isinstance(value, Mapping):
            merged[key] = value if key == "source" and _kind_differs(held, value) else merge(held, value)
        else:
            merged[key] = value
    return merged


def _kind_differs(held: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    kinds = [kind for kind in SOURCE_KINDS if kind in value]
    return bool(kinds) and not any(kind in held for kind in kinds)


def resolve_tasks(tasks: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give each task what it inherits through `base`, and drop that key.

    Raises ValueError, one line for each base that does not exist or leads back to its own task.
    """
    resolved, problems = {}, []
    for name in tasks:
        chain = [name]
        while (base := tasks[chain[-1]].get("base")) is not None:
            if base not in tasks:
                others = [task for task in tasks if task != chain[-1]]
                problems.append(problem(f"tasks.{chain[-1]}.base", base, others))
            elif base == name:
                circle = " -> ".join([*chain, base])
                problems.append(
                    f"tasks.{name}.base: found a circle, {circle}; legal: a base that ends somewhere"
                )
            elif base not in chain:
                chain.append(base)
                continue
            break
        else:
            entry: dict[str, Any] = {}
            for link in reversed(chain):
                entry = merge(entry, tasks[link])
            resolved[name] = {key: value for key, value in entry.items() if key != "base"}
    raise_all(problems)
    return resolved


def study_tasks(config: Mapping[str, Any]) -> list[str]:
    """The tasks of the study: those of its axes in their order, then its own; each once."""
    study = config["study"]
    on_axes = [task for axis in study["axes"] for task in config["axes"][axis]["tasks"]]
    return list(dict.fromkeys([*on_axes, *study["tasks"]]))


def data_of(task: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the examples of a task, of these keys those that it has; keys sorted."""
    return {key: task[key] for key in DATA_KEYS if key in task}


def asked_of(task: Mapping[str, Any]) -> dict[str, Any]:
    """How a task is asked and its answers judged; keys sorted."""
    return {key: task[key] for key in (*ASK_KEYS, "metric") if key in task}


def is_asked(task: Mapping[str, Any]) -> bool:
    """Whether a language model is asked the examples, as it is, instead of being trained on them."""
    return "prompt" in task


def writes(task: Mapping[str, Any]) -> bool:
    """Whether a language model answers in free text."""
    return task.get("format") == "generate" and task.get("metric") != "gold-likelihood"


def settle_writing(task: dict[str, Any]) -> dict[str, Any]:
    """A task with all that it inherits, without what is said of written answers where none is written."""
    if writes(task) or task.get("format") != "generate":
        return task
    return {key: value for key, value in task.items() if key not in (*WRITING_KEYS, "human", "paper")}


def trains(task: Mapping[str, Any]) -> bool:
    """Whether a run of the task trains anything."""
    return task.get("format") != "lm" and not is_asked(task) and not is_logged(task)


def is_drawn(task: Mapping[str, Any]) -> bool:
    """Whether a run of the task hangs on its seed: by its training, or by the examples that are shown."""
    return trains(task) or task.get("shots", 0) > 0


def train_rows(task: Mapping[str, Any]) -> int | None:
    """Size of a task's training set; None where only its source knows."""
    rows = task.get("train_examples", source_rows(task).get("train"))
    return None if rows is None else percent_of(rows, task.get("train_percent", 100))


def source_rows(task: Mapping[str, Any]) -> Mapping[str, int]:
    """Examples in each split of a task's source, as far as the config tells."""
    return task.get("source", {}).get("generate", task.get("rows", {}))
