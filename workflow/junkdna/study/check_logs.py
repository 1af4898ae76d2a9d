"""Check the meaning of a task whose runs are sample logs that others made.

Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Mapping
from typing import Any

from junkdna.study.problems import problem

# Format -> metrics, and the score rules by which options can be compared: a log has no numbers of tokens.
METRICS = {"choice": ("accuracy",), "generate": ("exact-match", "token-f1")}
RULES = ("sum", "char", "pmi")
# What such a task may say.
KEYS = (
    "format",
    "human",
    "max_length",
    "metric",
    "paper",
    "score",
    "source",
    "subset",
    "subset_seed",
    "version",
)


def logged_problems(where: str, task: Mapping[str, Any]) -> list[str]:
    """List what a whole task with source `logs` has too much, or combines wrongly; `where` is its key."""
    form, lines = task["format"], []
    others = [key for key in task["source"] if key != "logs"]
    lines += [f"{where}.source.{key}: found beside logs; legal there: no other key" for key in others]
    if form not in METRICS:
        return [*lines, problem(f"{where}.format", form, f"{', '.join(METRICS)} beside source logs")]
    lines += [
        f"{where}.{key}: found beside source logs; legal there: {', '.join(KEYS)}"
        for key in task
        if key not in KEYS
    ]
    if task["metric"] not in METRICS[form]:
        legal = f"{', '.join(METRICS[form])} (format {form} from logs)"
        lines.append(problem(f"{where}.metric", task["metric"], legal))
    if "score" in task and form != "choice":
        lines.append(f"{where}.score: found beside format {form}; legal: with format choice only")
    elif task.get("score", "sum") not in RULES:
        legal = f"{', '.join(RULES)}: a log does not count tokens"
        lines.append(problem(f"{where}.score", task["score"], legal))
    for key in ("metric", "filter"):
        if form == "choice" and key in task["source"]["logs"]:
            lines.append(
                f"{where}.source.logs.{key}: found beside format choice; legal: with format generate only"
            )
    return lines
