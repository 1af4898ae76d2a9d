"""What a study consists of: its tasks and its runs.

Every function takes the config, or a part of it, as `checking.check` returns it.
Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from junkdna.recipes import expand_recipes, legal_regimes, sweep_recipes
from junkdna.wording import problem, raise_all

SLUG = "[a-z0-9]+(?:-[a-z0-9]+)*"
# What decides the examples of a task.
DATA_KEYS = ("columns", "format", "labels", "source", "splits", "subset", "subset_seed")
DATA_KEYS += ("train_examples", "train_percent", "validation_examples", "version")
SOURCE_KINDS = ("hub", "path", "generate", "pretrain")


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `over` on `under`, key by key; lists, and a `source` of another kind, are replaced as a whole."""
    merged = dict(under)
    for key, value in over.items():
        held = merged.get(key)
        both = isinstance(held, Mapping) and isinstance(value, Mapping)
        merged[key] = (
            merge(held, value) if both and not (key == "source" and _kind_differs(held, value)) else value
        )
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


def valid_runs(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the runs of the study (checkpoint, recipe, regime, seed, task), each once.

    The dense twins come first (every drop is against the dense run of the same checkpoint, task and seed, so
    they are added whether a block names them or not), then the blocks in the order of the config.
    Raises ValueError, one line for each recipe that does not exist and each regime that does not fit.
    """
    study, recipes, tasks = config["study"], expand_recipes(config["sweeps"]), study_tasks(config)
    if not tasks:
        raise ValueError("study.tasks: found no task, here or on study.axes; legal: at least one")
    sweeps = sweep_recipes(config["sweeps"])
    cells: dict[tuple, None] = {}
    problems: list[str] = []
    for number, block in enumerate(study["runs"]):
        where = f"study.runs[{number}]"
        chosen = _choose(f"{where}.recipes", block["recipes"], recipes, sweeps, problems)
        problems += _misfits(f"{where}.regimes", block["regimes"], {slug: recipes[slug] for slug in chosen})
        checkpoints, seeds = (
            block.get("checkpoints", study["checkpoints"]),
            block.get("seeds", study["seeds"]),
        )
        own = block.get("tasks", tasks)
        problems += _untrained(
            f"{where}.regimes", block["regimes"], {task: config["tasks"].get(task, {}) for task in own}
        )
        # Where nothing is drawn, each seed would give the same run.
        texts = {task for task in own if config["tasks"].get(task, {}).get("format") == "lm"}
        grid = product(checkpoints, own, chosen, block["regimes"], seeds)
        cells.update(dict.fromkeys(cell for cell in grid if cell[1] not in texts or cell[-1] == seeds[0]))
    raise_all(problems)
    twins = dict.fromkeys(
        (checkpoint, task, "dense", "dense", seed) for checkpoint, task, _, _, seed in cells
    )
    return [
        {"checkpoint": checkpoint, "recipe": recipe, "regime": regime, "seed": seed, "task": task}
        for checkpoint, task, recipe, regime, seed in twins | cells
    ]


def _choose(
    where: str,
    names: Sequence[str],
    recipes: Mapping[str, Any],
    sweeps: Mapping[str, list[str]],
    problems: list[str],
) -> list[str]:
    """The slugs of the recipes that a block names, a sweep standing for all its levels."""
    chosen: dict[str, None] = {}
    for name in names:
        levels = sweeps.get(name, [name])
        if levels[0] in recipes:
            chosen.update(dict.fromkeys(levels))
            continue
        # A level that its sweep lacks: the longest sweep name that opens the slug.
        owner = max((sweep for sweep in sweeps if name.startswith(f"{sweep}-")), key=len, default=None)
        problems.append(problem(where, name, sweeps[owner] if owner else ["dense", *sweeps]))
    return list(chosen)


def _misfits(where: str, regimes: Sequence[str], chosen: Mapping[str, Any]) -> list[str]:
    """One line for each regime and each group of recipes that it does not fit alike."""
    lines = []
    for regime in regimes:
        groups: dict[tuple[str, ...], list[str]] = {}
        for slug, recipe in chosen.items():
            if regime not in (legal := legal_regimes(recipe)):
                groups.setdefault(legal, []).append(slug)
        for legal, slugs in groups.items():
            noun = "recipe" if len(slugs) == 1 else "recipes"
            lines.append(
                f"{where}: found {regime!r} with {noun} {', '.join(slugs)}; legal: {', '.join(legal)}"
            )
    return lines


def _untrained(where: str, regimes: Sequence[str], tasks: Mapping[str, Any]) -> list[str]:
    """One line for each regime and task of which one trains and the other does not."""
    lines = []
    for task, entry in tasks.items():
        text = entry.get("format") == "lm"
        for regime in regimes:
            if text and regime not in ("zero-shot", "dense"):
                legal = "zero-shot, for such a task trains nothing (dense: the checkpoint as it is)"
                lines.append(f"{where}: found {regime!r} on task {task} of format lm; legal: {legal}")
            if regime == "zero-shot" and not text:
                legal = "a regime that trains, for the head is new"
                lines.append(
                    f"{where}: found 'zero-shot' on task {task} of format {entry.get('format')}; legal: {legal}"
                )
    return lines


def training_of(config: Mapping[str, Any], checkpoint: str, task: str, regime: str = "") -> dict[str, Any]:
    """The hyper-parameters of a run: the study's, under the checkpoint's, under the task's; keys sorted.

    Those of adapters are there in the regime that trains some, so that a change of them reruns no other.
    The `budget` of a task multiplies what comes out: epochs, and the cap on the steps where there is one.
    """
    entries = (config["checkpoints"][checkpoint], config["tasks"][task])
    merged = dict(config["training"])
    for entry in entries:
        merged |= entry.get("training", {})
    if (budget := config["tasks"][task].get("budget", 1)) > 1:
        merged |= {key: merged[key] * budget for key in ("epochs", "max_steps")}
    return {key: merged[key] for key in sorted(merged) if regime == "qlora" or not key.startswith("lora_")}
