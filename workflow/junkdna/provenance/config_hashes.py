"""With what each file of a study is made: a short hash of each part of the config that decides what is in it.

A stage writes the hashes into its file (`record.record`); whoever reads the file compares them with its own. So a file
that was made of another config is found, however it came to be there. Standard library only: Snakemake imports this
on every dry run.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from junkdna.study.elsewhere import is_logged
from junkdna.study.inputs import (
    calibration_slug,
    copied_mask,
    goes_by_blocks,
    needs_calibration,
    ranking_of,
    text_of,
)
from junkdna.study.runs import training_of
from junkdna.study.tasks import ASK_KEYS, data_of, is_asked

# What decides the content of the files of each stage; the slugs that they are looked up by stand in `_slug`.
TOKENS = ("checkpoint", "task", "tokens")
CALIBRATION = (*TOKENS, "calibration")
RANKING = ("checkpoint", "ranking")
MASK = ("checkpoint", "calibration", "compression", "like", "ranking")
RUN = (*TOKENS, "compression", "training")
NULL = (*TOKENS, "training")
GIVEN = ("checkpoint", "compression")
LOGGED = (*TOKENS, "compression")

Parts = Mapping[str, Mapping[str, str]]


def short_hash(value: Any) -> str:
    """Hash what JSON can say, whatever the order of its keys: 12 hex digits."""
    text = json.dumps(value, sort_keys=True, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def hash_parts(
    config: Mapping[str, Any],
    recipes: Mapping[str, Mapping[str, Any]],
    local: Mapping[str, Mapping[str, str]],
) -> dict[str, dict[str, str]]:
    """The hashes of everything in the config: part -> slug (see `made_of`) -> hash.

    recipes: expanded. local: "checkpoints.<name>", "tasks.<name>" or "recipes.<slug>" -> file -> hash of its content,
    for the sources that are on this machine.
    """
    checkpoints, tasks, text = config["checkpoints"], config["tasks"], config["calibration"]
    parts: dict[str, dict[str, str]] = {
        "checkpoint": {
            name: short_hash([entry["source"], local.get(f"checkpoints.{name}")])
            for name, entry in checkpoints.items()
        },
        "task": {
            name: short_hash([data_of(entry), local.get(f"tasks.{name}")]) for name, entry in tasks.items()
        },
        "tokens": {name: short_hash(_encoding_of(entry)) for name, entry in tasks.items()},
        "training": {
            f"{checkpoint}/{task}{'/qlora' if regime else ''}": short_hash(
                training_of(config, checkpoint, task, regime)
            )
            for checkpoint in checkpoints
            for task in tasks
            for regime in ("", "qlora")
        },
        "calibration": {},
        "ranking": {},
        "compression": {},
        "like": {},
    }
    own = [parts[part].get(text.get("task")) for part in ("task", "tokens")]
    if "task" in text:
        parts["calibration"][calibration_slug(text)] = short_hash([text_of(text), *own])
    # A recipe that copies a mask comes after the one that it copies, by as many steps as it takes.
    for slug in sorted(recipes, key=lambda slug: _depth(slug, recipes)):
        recipe = recipes[slug]
        if needs_calibration(recipe):
            blocks = ["by blocks"] if goes_by_blocks(recipe, text) else []
            parts["calibration"][slug] = short_hash([text_of(text), *own, *blocks])
        if ranking := ranking_of(recipe):
            parts["ranking"][slug] = parts["ranking"][ranking] = short_hash([recipe["score"], recipe["seed"]])
        if copied := copied_mask(recipe):
            parts["like"][slug] = parts["compression"][copied]
        needs: list[Any] = [parts[part].get(slug) for part in ("calibration", "like")]
        if f"recipes.{slug}" in local:
            needs.append(local[f"recipes.{slug}"])
        parts["compression"][slug] = short_hash([recipe, *needs])
    return parts


def _encoding_of(task: Mapping[str, Any]) -> list[Any]:
    """What decides how the examples of a task become tokens, and how answers are judged."""
    said = [{key: task[key] for key in ASK_KEYS if key in task}] if is_asked(task) or is_logged(task) else []
    return [task["format"], task["max_length"], *said]


def _depth(slug: str, recipes: Mapping[str, Mapping[str, Any]]) -> int:
    depth, copied = 0, copied_mask(recipes[slug])
    while copied:
        depth, copied = depth + 1, copied_mask(recipes[copied])
    return depth


def made_of(parts: Parts, wanted: Iterable[str], slugs: Mapping[str, Any]) -> dict[str, str]:
    """The hashes that a file carries: those of `wanted`, for its checkpoint, task, recipe and regime.

    slugs: wildcards of the file (a ranking and a calibration have names of their own in place of a recipe).
    A part that its recipe does without is left out.
    """
    slugs = dict(slugs.items())
    found = ((part, parts[part].get(_slug(part, slugs))) for part in wanted)
    return {part: value for part, value in found if value is not None}


def _slug(part: str, slugs: Mapping[str, Any]) -> str:
    if part == "training":
        qlora = "/qlora" if slugs.get("regime") == "qlora" else ""
        return f"{slugs['checkpoint']}/{slugs['task']}{qlora}"
    if part in slugs:
        return slugs[part]
    return slugs["task" if part == "tokens" else "recipe"]


def parts_of(parts: Parts, runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Of the parts that decide a run, the hashes that these runs use; slugs sorted."""
    used = {part: sorted({_slug(part, run) for run in runs}) for part in RUN}
    return {part: {slug: parts[part][slug] for slug in slugs} for part, slugs in used.items()}


def hash_study(config: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], parts: Parts) -> str:
    """The hash that tables, figures and report carry: of the runs, what each is made with, and how they are judged."""
    metrics = {name: task["metric"] for name, task in config["tasks"].items()}
    return short_hash([runs, parts_of(parts, runs), config["axes"], config["study"]["margin"], metrics])
