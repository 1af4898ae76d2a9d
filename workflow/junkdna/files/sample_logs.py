"""Find the log of a task among files that were made elsewhere, and read it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from junkdna.files.inspect_logs import read_inspect
from junkdna.files.lm_eval_logs import SAMPLES, read_lm_eval
from junkdna.files.logged_answers import SampleLog
from junkdna.study.problems import problem

LEGAL = "a samples_<task>_<date>.jsonl of lm-evaluation-harness, or a .json log of inspect"


def read_log(place: Path, wanted: Mapping[str, str], form: str, key: str) -> SampleLog:
    """Read the one log of a task in `place`, a file or a folder that holds it at any depth.

    wanted: `task`, its name in the log, and `metric` and `filter` where there are several. form: `choice` or
    `generate`. key: of the place in the config. ValueError where there is not exactly one log, and for one that cannot
    be read as that form.
    """
    found: dict[str, list[tuple[Path, Mapping[str, Any] | None]]] = {}
    for path in [place] if place.is_file() else sorted(place.rglob("*.json*")):
        name, content = _task_of(path)
        if name is not None:
            found.setdefault(name, []).append((path, content))
    if not found:
        raise ValueError(f"{key}: found no log in {str(place)!r}; legal: {LEGAL}")
    task = wanted["task"]
    if task not in found:
        raise ValueError(
            problem(key, task, found, what=f"in {str(place)!r} no task") + " (tasks of the logs there)"
        )
    if len(found[task]) > 1:
        shown = ", ".join(str(path) for path, _ in found[task])
        raise ValueError(
            f"{key}: found {len(found[task])} logs of {task}: {shown}; legal: one, in a place of its own"
        )
    path, content = found[task][0]
    if content is None:
        return read_lm_eval(path, form, wanted)
    return read_inspect(path, content, form, wanted)


def _task_of(path: Path) -> tuple[str | None, Mapping[str, Any] | None]:
    """Of which task a file is the log, and its content where that had to be read; None where it is no log."""
    if match := SAMPLES.fullmatch(path.name):
        return match["task"], None
    if path.suffix != ".json" or path.name.startswith("results_"):
        return None, None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return str(content["eval"]["task"]), content
    except (ValueError, LookupError, TypeError):
        return None, None
