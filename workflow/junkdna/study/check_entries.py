"""Check the meaning of one checkpoint or task of the config: what goes with what."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from junkdna.study.check_logs import logged_problems
from junkdna.study.local_paths import SUFFIXES
from junkdna.study.problems import problem
from junkdna.study.tasks import ASK_KEYS, WRITING_KEYS

# Format -> columns that it needs, columns that it may have.
COLUMNS = {
    "classification": (("text", "label"), ()),
    "pair": (("text", "text_pair", "label"), ()),
    "regression": (("text", "label"), ("text_pair",)),
    "choice": (("text", "options", "label"), ("evidence", "names")),
    "generate": (("text", "answers"), ("evidence",)),
    "lm": (("text",), ()),
}
METRICS = {
    "classification": ("accuracy", "mcc", "f1"),
    "pair": ("accuracy", "mcc", "f1"),
    "regression": ("pearson", "spearman"),
    "choice": ("accuracy", "expected-accuracy"),
    "generate": ("exact-match", "token-f1", "number", "gold-likelihood"),
    "lm": ("log-likelihood",),
}
# Kind of source -> keys inside it that a whole task needs.
INSIDE = {"generate": ("task", "world_seed", "seed", "train", "validation"), "path": ("train", "validation")}

# Kinds of sources.
KINDS = {"checkpoint": ("hub", "path", "pretrain", "logs"), "task": ("hub", "path", "generate", "logs")}

# By the format of an asked task: which one its keys do not go with.
OTHER = {"choice": "format generate", "generate": "format choice"}

# Task of the generated world -> its format, and how many examples of each split the world holds.
GENERATED = {
    "keyword": ("classification", {"train": 768, "validation": 512}),
    "kind": ("classification", {"train": 384, "validation": 256}),
    "fact": ("classification", {"train": 768, "validation": 512}),
    "hop": ("classification", {"train": 768, "validation": 512}),
    "choice": ("choice", {"train": 384, "validation": 256}),
    "home": ("generate", {"train": 32, "validation": 256}),
}


def source_kind(where: str, source: Mapping[str, Any], kinds: tuple[str, ...], problems: list[str]) -> str:
    """The kind of the source under the key `where`, "" where that is not clear; `problems` gets what is wrong.

    What goes with `hub` only is checked here.
    """
    found = [kind for kind in kinds if kind in source]
    if len(found) != 1:
        shown = " and ".join(found) or "none"
        problems.append(f"{where}: found {shown}; legal: exactly one of {', '.join(kinds)}")
        return ""
    if found == ["hub"] and "revision" not in source:
        problems.append(f"{where}.revision: missing; legal: a commit of {source['hub']} (or main)")
    for key in {"config", "revision"} & set(source) if found != ["hub"] else ():
        problems.append(f"{where}.{key}: found beside {found[0]}; legal: beside hub only")
    return found[0]


def checkpoint_problems(where: str, checkpoint: Mapping[str, Any]) -> list[str]:
    """List what a checkpoint lacks, has too much, or combines wrongly; `where` is its key in the config."""
    lines: list[str] = []
    if source_kind(f"{where}.source", checkpoint["source"], KINDS["checkpoint"], lines) == "pretrain":
        shape = checkpoint["source"]["pretrain"]
        # A decoder turns pairs of the numbers of each head by the place of a token.
        pairs = shape.get("objective") == "causal"
        if shape["hidden"] % (shape["heads"] * (1 + pairs)):
            legal = f"a multiple of {'twice ' * pairs}heads ({shape['heads'] * (1 + pairs)})"
            lines.append(problem(f"{where}.source.pretrain.hidden", shape["hidden"], legal))
    return lines


def given_problems(where: str, sweep: Mapping[str, Any]) -> list[str]:
    """List what is wrong with where the given models of a sweep come from; `where` is the key of their mapping."""
    lines: list[str] = []
    for level, source in sweep.get("source", {}).get("given", {}).items():
        source_kind(f"{where}.{level}", source, ("hub", "path"), lines)
    return lines


def task_problems(where: str, task: Mapping[str, Any], human: Mapping[str, str] | None) -> list[str]:
    """List what a task (with all that it inherits) lacks, has too much, or combines wrongly.

    human: row of the table of human scores -> its metric; None leaves that key unchecked.
    """
    words = {
        "source": f"exactly one of {', '.join(KINDS['task'])}",
        "format": ", ".join(COLUMNS),
        "metric": "a metric that fits the format",
        "version": "a whole number >= 1",
    }
    lines = [f"{where}.{key}: missing; legal: {text}" for key, text in words.items() if key not in task]
    if lines:
        return lines
    form, metric = task["format"], task["metric"]
    if "logs" in task["source"]:
        return lines + logged_problems(where, task)
    kind = source_kind(f"{where}.source", task["source"], KINDS["task"], lines)
    inside = task["source"][kind] if kind in INSIDE else {}
    for key in INSIDE.get(kind, ()):
        if key not in inside:
            lines.append(f"{where}.source.{kind}.{key}: missing; {kind} needs {', '.join(INSIDE[kind])}")
    if metric not in METRICS[form]:
        lines.append(problem(f"{where}.metric", metric, f"{', '.join(METRICS[form])} (format {form})"))
    if "splits" in task and kind != "hub":
        lines.append(f"{where}.splits: found beside {kind}; legal: beside hub only")
    if kind == "generate":
        own = [key for key in ("columns", "labels", "rows") if key in task]
        lines += [f"{where}.{key}: found beside generate; legal: beside hub and path only" for key in own]
        lines += _generated_problems(where, task, inside)
    else:
        lines += _column_problems(where, task)
    there = inside if kind == "generate" else task.get("rows", {})
    for split in ("train", "validation"):
        wanted, all_there = task.get(f"{split}_examples", 0), there.get(split)
        if all_there is not None and wanted > all_there:
            lines.append(
                problem(f"{where}.{split}_examples", wanted, f"up to {all_there}, which is all there is")
            )
    if kind == "path":
        for split, file in inside.items():
            if PurePath(file).suffix not in SUFFIXES:
                lines.append(problem(f"{where}.source.path.{split}", file, f"a {', '.join(SUFFIXES)} file"))
    lines += _asked_problems(where, task)
    if human is not None and "human" in task:
        if task["human"] not in human:
            lines.append(problem(f"{where}.human", task["human"], human))
        elif human[task["human"]] != metric:
            lines.append(f"{where}.human: found a score in {human[task['human']]}; legal: one in {metric}")
    return lines


def _generated_problems(where: str, task: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    """What is wrong with a task of the generated world; what is missing is told elsewhere."""
    if (name := made.get("task")) is None:
        return []
    if name not in GENERATED:
        return [problem(f"{where}.source.generate.task", name, GENERATED)]
    own, sizes = GENERATED[name]
    if own == "generate" and "distractors" in task:
        own = "choice"
    lines = [f"{where}.distractors: found beside {name}; legal: beside the generated task home only"] * (
        "distractors" in task and name != "home"
    )
    if task["format"] != own:
        lines.append(problem(f"{where}.format", task["format"], f"{own} (generated task {name})"))
    return lines + [
        problem(f"{where}.source.generate.{split}", made[split], f"up to {size} (generated task {name})")
        for split, size in sizes.items()
        if made.get(split, 0) > size
    ]


def _asked_problems(where: str, task: Mapping[str, Any]) -> list[str]:
    """What is wrong with how a model is asked; whether the templates fit is told where the examples are read."""
    form = task["format"]
    if "prompt" not in task:
        lines = [
            f"{where}.{key}: found without prompt; legal: beside prompt only"
            for key in ASK_KEYS
            if key in task
        ]
        return lines + [f"{where}.prompt: missing; format generate needs what a model is asked"] * (
            form == "generate"
        )
    if form not in ("choice", "generate"):
        return [f"{where}.prompt: found beside format {form}; legal: beside choice and generate only"]
    own = ("score", "null_prompt", "options") if form == "generate" else WRITING_KEYS
    lines = [
        f"{where}.{key}: found beside format {form}; legal: with {OTHER[form]} only"
        for key in own
        if key in task
    ]
    lines += _evidence_problems(where, task)
    if (task["metric"] == "expected-accuracy") != ("options_of" in task):
        lines.append(f"{where}.metric: found expected-accuracy or options_of alone; an axis makes both")
    if form == "generate" and task["metric"] == "number" and "normalise" in task:
        lines.append(f"{where}.normalise: found beside metric number; legal: beside exact-match and token-f1")
    return lines


def _evidence_problems(where: str, task: Mapping[str, Any]) -> list[str]:
    """What is wrong with how much evidence a question comes with; sentence and tokens are found by the answers."""
    found = [key for key in ("evidence", "distance") if key in task]
    comes_with_it = task["source"].get("generate", {}).get("task") == "home"
    if found and not comes_with_it and "evidence" not in task.get("columns", {}):
        return [f"{where}.{key}: found without columns.evidence; legal: beside it only" for key in found]
    if "distance" in task and task.get("evidence") != "sentence":
        return [f"{where}.distance: found without evidence sentence; legal: beside evidence sentence only"]
    return []


def _column_problems(where: str, task: Mapping[str, Any]) -> list[str]:
    form, columns = task["format"], task.get("columns", {})
    needed, allowed = COLUMNS[form]
    if "choices" in task:
        needed = tuple(column for column in needed if column != "options")
    if "distractors" in task:
        # A free question, to which options are made.
        needed, allowed = COLUMNS["generate"]
    lines = [
        f"{where}.columns.{column}: missing; legal: the name of the column (format {form} needs "
        f"{', '.join(needed)})"
        for column in needed
        if column not in columns
    ]
    for column in columns:
        if column not in needed + allowed:
            lines.append(
                problem(f"{where}.columns", column, f"{', '.join(needed + allowed)} (format {form})")
            )
    made = [key for key in ("choices", "distractors") if key in task]
    if form != "choice":
        lines += [f"{where}.{key}: found beside format {form}; legal: beside choice only" for key in made]
    if len(made) > 1 or ("distractors" in task and "labels" in task):
        lines.append(f"{where}.distractors: found beside choices or labels; legal: without them")
    if "names" in columns and "labels" in task:
        lines.append(f"{where}.labels: found beside columns.names; legal: one of the two")
    if form in ("regression", "generate", "lm") and "labels" in task:
        lines.append(f"{where}.labels: found beside format {form}; legal: with classes or options only")
    if form in ("classification", "pair"):
        if "labels" not in task:
            lines.append(
                f"{where}.labels: missing; legal: the names of the classes in the order of their numbers"
            )
        elif task["metric"] == "f1" and len(task["labels"]) != 2:
            lines.append(
                f"{where}.metric: found 'f1' with {len(task['labels'])} labels; legal: with two labels"
            )
    return lines
