"""Say everything that is wrong with a config before anything runs: its shape by the schema, then its meaning.

No heavy import: Snakemake loads this on every dry run (jsonschema, which it loads anyway, where it is used).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from junkdna.study.axes import axis_problems, expand_axes, settle_options
from junkdna.study.check_entries import checkpoint_problems, given_problems, task_problems
from junkdna.study.elsewhere import is_logged
from junkdna.study.inputs import goes_by_blocks, needs_calibration
from junkdna.study.problems import problem
from junkdna.study.recipes import expand_recipes
from junkdna.study.runs import training_of, valid_runs
from junkdna.study.schema import schema_problems
from junkdna.study.tasks import is_asked, resolve_tasks, settle_writing, train_rows

# Of a task that a language model is asked.
ASK_DEFAULTS: dict[str, Any] = {"delimiter": " ", "instruction": "", "separator": "\n\n", "shots": 0}
FORM_DEFAULTS: dict[str, dict[str, Any]] = {
    "choice": {"answer": "{{ option }}", "null_prompt": "", "score": "sum"},
    "generate": {"answer": "{{ answer }}", "max_new_tokens": 16, "normalise": "squad", "stop": ["\n"]},
}
TASK_DEFAULTS = {"max_length": 128, "subset": "stratified", "subset_seed": 0}
# By the kind of a sweep.
SWEEP_DEFAULTS: dict[str, dict[str, Any]] = {
    "score": {"selection": "global", "scope": "body", "seed": 0},
    # Over what their papers compare these scores.
    "wanda": {"selection": "row", "scope": "body", "seed": 0},
    "ria": {"selection": "row", "scope": "body", "seed": 0},
    "sparsegpt": {"selection": "layer", "scope": "body", "seed": 0},
    "quantizer": {"group": 0, "symmetric": True},
    "nf4": {"group": 64},
}
SPLITS = {"train": "train", "validation": "validation"}


def check(
    config: Mapping[str, Any], schema: Mapping[str, Any], human: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the config complete: defaults filled in, tasks with all that they inherit, numbers in one type.

    Varied axes have their `tasks`, and these stand among the tasks (see `junkdna.study.axes`).

    human: row of the table of human scores -> its metric; None leaves those names unchecked.
    Raises one ValueError with a line for each problem: key, what was found, what is legal, the nearest name.
    The result is a fixed point, and its entries have sorted keys, so that they can be Snakemake params.
    """
    problems: list[str] = []
    whole: dict[str, Any] = _plain(config, "", problems)
    problems += expand_axes(whole)
    bases = _inherit(whole, problems)
    problems += schema_problems(whole, schema) + _unknown_names(whole)
    if not problems:
        whole["tasks"] = {name: settle_writing(settle_options(task)) for name, task in whole["tasks"].items()}
        whole["sweeps"] = {name: _sweep_with_defaults(sweep) for name, sweep in whole["sweeps"].items()}
        _collect(problems, expand_recipes, whole["sweeps"])
        if not problems:
            _collect(problems, valid_runs, whole)
        for name, task in whole["tasks"].items():
            problems += task_problems(f"tasks.{name}", task, human)
        for name, checkpoint in whole["checkpoints"].items():
            problems += checkpoint_problems(f"checkpoints.{name}", checkpoint)
        for name, sweep in whole["sweeps"].items():
            problems += given_problems(f"sweeps.{name}.source.given", sweep)
        whole["tasks"] = {name: _with_defaults(task) for name, task in whole["tasks"].items()}
        whole["calibration"] = {"join": _is_running_text(whole)} | whole["calibration"]
        problems += [*axis_problems(whole), *_unmatched_axes(whole), *_uncalibrated(whole)]
    if lines := _once(problems, bases):
        raise ValueError("\n".join(lines))
    return {section: _tidy(section, content) for section, content in whole.items()}


def _inherit(config: dict[str, Any], problems: list[str]) -> dict[str, str]:
    """Put whole tasks into `config` where their shape allows it; return the base of each that names one."""
    tasks = config.get("tasks")
    if not isinstance(tasks, dict) or not all(isinstance(task, dict) for task in tasks.values()):
        return {}
    bases = {name: task["base"] for name, task in tasks.items() if "base" in task}
    if not all(isinstance(base, str) for base in bases.values()):
        return {}
    config["tasks"] = _collect(problems, resolve_tasks, tasks) or tasks
    return bases


def _with_defaults(task: dict[str, Any]) -> dict[str, Any]:
    """Fill in what neither the task nor its bases say."""
    splits = {"splits": SPLITS | task.get("splits", {})} if "hub" in task.get("source", {}) else {}
    asked = ASK_DEFAULTS | FORM_DEFAULTS.get(task["format"], {}) if is_asked(task) else {}
    if is_logged(task) and task["format"] == "choice":
        return TASK_DEFAULTS | {"score": FORM_DEFAULTS["choice"]["score"]} | task
    if task.get("metric") == "number":
        asked.pop("normalise", None)
    # A prompt with its shots takes more than a text to train on.
    asked |= {"max_length": 2048} if asked else {}
    return settle_writing(TASK_DEFAULTS | asked | task | splits)


def _sweep_with_defaults(sweep: dict[str, Any]) -> dict[str, Any]:
    if "source" in sweep:
        return sweep
    kind = "quantizer" if "quantizer" in sweep else "score"
    own = sweep.get(kind)
    return SWEEP_DEFAULTS[own if own in SWEEP_DEFAULTS else kind] | sweep


def _tidy(section: str, content: Any) -> Any:
    """Sort the keys of a section's entries; the entries themselves keep the order of the config."""
    if section in ("checkpoints", "tasks", "axes", "sweeps"):
        return {name: _sorted(entry) for name, entry in content.items()}
    return _sorted(content)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _plain(value: Any, where: str, problems: list[str]) -> Any:
    """Copy `value` with plain dicts and lists; a key that YAML did not read as text is a problem."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                problems.append(
                    f"{where or 'config'}: found the key {key!r}, which is no text; legal: text, quote it"
                )
        return {str(key): _plain(item, f"{where}.{key}".lstrip("."), problems) for key, item in value.items()}
    return [_plain(item, where, problems) for item in value] if isinstance(value, list | tuple) else value


def _collect(problems: list[str], function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function; the lines of its ValueError join the problems."""
    try:
        return function(*arguments)
    except ValueError as error:
        problems += str(error).splitlines()
        return None


def _once(problems: Iterable[str], bases: Mapping[str, str]) -> list[str]:
    """Drop repeated lines, and those that a task only repeats from its base."""
    lines = dict.fromkeys(problems)
    kept = []
    for line in lines:
        section, _, rest = line.partition(".")
        name = re.split(r"[.:]", rest, maxsplit=1)[0]
        base = bases.get(name, name) if section == "tasks" else name
        if base == name or f"tasks.{base}{rest[len(name) :]}" not in lines:
            kept.append(line)
    return kept


# Meaning


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _unknown_names(config: Mapping[str, Any]) -> list[str]:
    """Names that stand for nothing; looks at what has the right shape only."""
    study, axes = _mapping(config.get("study")), _mapping(config.get("axes"))
    known = {section: list(_mapping(config.get(section))) for section in ("checkpoints", "axes", "tasks")}
    wanted = [(f"study.{section}", study.get(section), names) for section, names in known.items()]
    calibration = _mapping(config.get("calibration")).get("task")
    wanted.append(("calibration.task", [calibration] if calibration else [], known["tasks"]))
    wanted += [
        (f"axes.{name}.tasks", _mapping(axis).get("tasks"), known["tasks"]) for name, axis in axes.items()
    ]
    on_axes = [_texts(_mapping(axes.get(axis)).get("tasks")) for axis in _texts(study.get("axes"))]
    legal = {
        "checkpoints": _texts(study.get("checkpoints")),
        "tasks": list(dict.fromkeys([*sum(on_axes, []), *_texts(study.get("tasks"))])),
    }
    runs = study.get("runs")
    blocks = runs if isinstance(runs, list) else []
    for number, block in enumerate(blocks):
        for key, names in legal.items():
            wanted.append((f"study.runs[{number}].{key}", _mapping(block).get(key), names))
    lines = [
        problem(where, name, names)
        for where, used, names in wanted
        for name in _texts(used)
        if name not in names
    ]
    seeds = study.get("seeds")
    for number, block in enumerate(blocks):
        if isinstance(own := _mapping(block).get("seeds"), list) and isinstance(seeds, list):
            text = ", ".join(str(seed) for seed in seeds)
            lines += [problem(f"study.runs[{number}].seeds", seed, text) for seed in own if seed not in seeds]
    return lines


def _is_running_text(config: Mapping[str, Any]) -> bool:
    """Whether the calibration text is of a task that only language models read."""
    task = config["tasks"].get(config["calibration"].get("task"), {})
    return task.get("format") == "lm" or is_asked(task)


def _uncalibrated(config: Mapping[str, Any]) -> list[str]:
    """Sweeps that look at calibration text where the config names none, or block by block where they cannot."""
    if "task" in config["calibration"]:
        return [
            f"calibration.sequential: found true; legal: false beside sweeps.{name}, which compares weights of all "
            f"layers ({key} {sweep[key]})"
            for name, sweep in config["sweeps"].items()
            for key, whole in (("selection", "global"), ("allocation", "owl"))
            if sweep.get(key) == whole and goes_by_blocks(sweep, config["calibration"])
        ]
    asking = [name for name, sweep in config["sweeps"].items() if needs_calibration(sweep)]
    needed = "a task whose training texts the layers' inputs are taken from"
    return [f"calibration.task: missing; needed by {', '.join(asking)}: {needed}"] if asking else []


def _unmatched_axes(config: Mapping[str, Any]) -> list[str]:
    """Axes of the study that claim equal training sets and steps, and have them not."""
    lines = []
    for name in config["study"]["axes"]:
        axis = config["axes"][name]
        if not axis["matched"]:
            continue
        sizes = {task: train_rows(config["tasks"][task]) for task in axis["tasks"]}
        where = f"axes.{name}.matched"
        if None in sizes.values() or len(set(sizes.values())) > 1:
            shown = ", ".join(f"{task} {size or 'all'}" for task, size in sizes.items())
            lines.append(f"{where}: found train_examples {shown}; legal: the same number on every task")
        for checkpoint in config["study"]["checkpoints"]:
            for key in ("epochs", "max_steps", "batch_size", "accumulation"):
                values = {task: training_of(config, checkpoint, task)[key] for task in axis["tasks"]}
                if len(set(values.values())) > 1:
                    shown = ", ".join(f"{task} {value}" for task, value in values.items())
                    lines.append(
                        f"{where}: found {key} {shown} on {checkpoint}; legal: the same on every task"
                    )
    return lines
