"""What the config tells of the work of each run: from it the plan computes what a study costs.

Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from junkdna.study.runs import training_of
from junkdna.study.tasks import source_rows, train_rows, trains


def run_sizes(
    config: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], kept: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """What the config tells of the work of each run; None for what only the data can tell.

    kept: the runs whose trained weights stay on disk.
    """
    sizes: dict[tuple[str, str], dict[str, Any]] = {}
    for checkpoint, task in {(run["checkpoint"], run["task"]) for run in runs}:
        entry, training = config["tasks"][task], training_of(config, checkpoint, task)
        rows = source_rows(entry)
        sizes[checkpoint, task] = {
            "weights": config["checkpoints"][checkpoint].get("parameters"),
            "train_rows": train_rows(entry),
            "validation_rows": entry.get("validation_examples", rows.get("validation")),
            "tokens": _tokens(entry),
            "epochs": training["epochs"] if trains(entry) else 0,
            "max_steps": training["max_steps"],
            "batch": training["batch_size"] * training["accumulation"],
        }
    return [{**run, **sizes[run["checkpoint"], run["task"]], "kept": run in kept} for run in runs]


def _tokens(task: Mapping[str, Any]) -> int:
    """Tokens of an average example; where only `max_length` is known, at most so many."""
    longest = task["max_length"]
    # Of a choice every option is an input of its own, each cut by itself.
    return (
        task.get("tokens", longest)
        if task["format"] == "choice"
        else min(task.get("tokens", longest), longest)
    )
