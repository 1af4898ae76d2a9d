"""Sweeps that others made: models that they compressed, or sample logs of such models, by the level that they state.

Standard library only: Snakemake imports this on every dry run.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from junkdna.study.problems import problem
from junkdna.study.specs import WEIGHT_BITS

# What may stand under `source` of a sweep -> the method of its recipes.
METHODS = {"given": "given", "logs": "logged"}
LEVEL = re.compile(r"u(?P<percent>[1-9]\d?)(?:-(?P<tenth>[1-9]))?|w(?P<bits>[1-8])")
LEGAL = "u and the percent of the weights removed (u50, u97-5), or w and the bits of a weight (w4)"


def stated_levels(name: str, sweep: Mapping[str, Any], problems: list[str]) -> dict[str, dict[str, Any]]:
    """The recipes of a sweep with a `source`, by slug.

    `counts_as` says whether they stand among those that prune or that quantize, `source` is where the level comes from.
    """
    found = [kind for kind in METHODS if kind in sweep["source"]]
    if len(found) != 1:
        shown = " and ".join(found) or "none"
        problems.append(f"sweeps.{name}.source: found {shown}; legal: exactly one of {', '.join(METHODS)}")
        return {}
    where = f"sweeps.{name}.source.{found[0]}"
    recipes: dict[str, dict[str, Any]] = {}
    for stated, place in sweep["source"][found[0]].items():
        if (match := LEVEL.fullmatch(stated)) is None:
            problems.append(problem(where, stated, LEGAL, what="level"))
            continue
        recipe = {"family": name, "method": METHODS[found[0]], "source": place, **_meaning(match)}
        recipes[f"{name}-{stated}"] = dict(sorted(recipe.items()))
    if len({recipe["counts_as"] for recipe in recipes.values()}) > 1:
        shown = ", ".join(sweep["source"][found[0]])
        problems.append(
            f"{where}: found {shown}; legal: levels of one kind, all of weights removed or of bits"
        )
    return recipes


def _meaning(level: re.Match[str]) -> dict[str, Any]:
    if level["bits"]:
        bits = int(level["bits"])
        return {"bits": bits, "counts_as": "quantize", "level": round(100 * (1 - bits / WEIGHT_BITS), 4)}
    return {"counts_as": "prune", "level": int(level["percent"]) + int(level["tenth"] or 0) / 10}


def is_logged(entry: Mapping[str, Any]) -> bool:
    """Whether the runs of a checkpoint, or of a task, are sample logs that others made."""
    return "logs" in entry.get("source", {})


def effect_of(recipe: Mapping[str, Any]) -> str:
    """What a recipe does to the weights, whoever does it: `none`, `quantize` or, where it does not say, `prune`."""
    return recipe.get("counts_as", recipe.get("method", "prune"))


def key_of(slug: str, recipe: Mapping[str, Any]) -> str:
    """Where in the config the source of a recipe of a sweep with a `source` stands."""
    kind = {method: kind for kind, method in METHODS.items()}[recipe["method"]]
    return f"sweeps.{recipe['family']}.source.{kind}.{slug.removeprefix(recipe['family'] + '-')}"


def log_of(
    config: Mapping[str, Any], recipes: Mapping[str, Mapping[str, Any]], checkpoint: str, recipe: str
) -> tuple[str, str]:
    """The log of a run: its key in the config, and its place."""
    if recipes[recipe]["method"] == "logged":
        return key_of(recipe, recipes[recipe]), recipes[recipe]["source"]
    return f"checkpoints.{checkpoint}.source.logs", config["checkpoints"][checkpoint]["source"]["logs"]


def source_problems(
    config: Mapping[str, Any],
    recipes: Mapping[str, Mapping[str, Any]],
    cells: Iterable[tuple[str, str, str, Any, Any]],
) -> list[str]:
    """Runs that cannot be: a recipe made elsewhere belongs to one checkpoint, and what is logged stays among itself.

    cells: checkpoint, task, recipe, regime and seed of each run.
    """
    lines: list[str] = []
    owners: dict[str, set[str]] = {}
    for checkpoint, task, recipe, *_ in cells:
        method = recipes[recipe]["method"]
        if method in METHODS.values():
            owners.setdefault(recipes[recipe]["family"], set()).add(checkpoint)
        logged = is_logged(config["checkpoints"].get(checkpoint, {}))
        if is_logged(config["tasks"].get(task, {})) != logged:
            legal = "both with source logs, or neither"
            lines.append(f"study.runs: found task {task} on checkpoint {checkpoint}; legal: {legal}")
        if method != "none" and (method == "logged") != logged:
            legal = "both with source logs, or neither"
            lines.append(f"study.runs: found recipe {recipe} on checkpoint {checkpoint}; legal: {legal}")
    for family, checkpoints in owners.items():
        if len(checkpoints) > 1:
            found, key = ", ".join(sorted(checkpoints)), "study.runs[...].checkpoints"
            lines.append(
                f"sweeps.{family}.source: found checkpoints {found}; legal: the one that they were made from ({key})"
            )
    return lines
