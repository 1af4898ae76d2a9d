"""What a study consists of: its runs, their hyper-parameters, and the runs beside them.

Every function takes the config, or a part of it, as `check.check` returns it. A run is a mapping with the keys
checkpoint, recipe, regime, seed and task.
Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from junkdna.study.elsewhere import source_problems
from junkdna.study.problems import problem, raise_all
from junkdna.study.recipes import expand_recipes, sweep_recipes
from junkdna.study.regimes import legal_regimes
from junkdna.study.tasks import is_asked, is_drawn, study_tasks, trains

SLUG = "[a-z0-9]+(?:-[a-z0-9]+)*"

Run = Mapping[str, Any]


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
    cells: dict[tuple[Any, ...], None] = {}
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
        problems += _unkept(where, block, [config["tasks"].get(task, {}) for task in own])
        # Where nothing is drawn, each seed would give the same run.
        fixed = {task for task in own if not is_drawn(config["tasks"].get(task, {}))}
        grid = product(checkpoints, own, chosen, block["regimes"], seeds)
        cells.update(dict.fromkeys(cell for cell in grid if cell[1] not in fixed or cell[-1] == seeds[0]))
    raise_all(problems + source_problems(config, recipes, cells))
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
        said = "with a prompt" if is_asked(entry) else f"of format {entry.get('format')}"
        for regime in regimes:
            if not trains(entry) and regime not in ("zero-shot", "dense"):
                legal = "zero-shot, for such a task trains nothing (dense: the checkpoint as it is)"
                lines.append(f"{where}: found {regime!r} on task {task} {said}; legal: {legal}")
            if regime == "zero-shot" and trains(entry):
                legal = "a regime that trains, for the head is new"
                lines.append(f"{where}: found 'zero-shot' on task {task} {said}; legal: {legal}")
    return lines


def _unkept(where: str, block: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for a block whose weights cannot be kept: nothing trains, or what trains is no weight of the model."""
    if not block.get("keep_weights"):
        return []
    if "qlora" in block["regimes"]:
        return [
            f"{where}.keep_weights: found beside regime 'qlora', which trains adapters; legal: any other that trains"
        ]
    if not any(map(trains, tasks)):
        legal = "a block that trains (`snakemake export` writes what a recipe makes of a checkpoint)"
        return [f"{where}.keep_weights: found on tasks that train nothing; legal: {legal}"]
    return []


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


def null_runs(config: Mapping[str, Any], runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Checkpoint, task and seed of each run without input: one beside each dense run on classes or options."""
    chosen = _classifying(config, runs) if config["study"]["null_input"] else []
    return [{key: run[key] for key in ("checkpoint", "task", "seed")} for run in chosen]


def traced_runs(config: Mapping[str, Any], runs: Sequence[Run]) -> list[Run]:
    """The runs that say after each epoch how sure they are of their training examples."""
    return _classifying(config, runs) if config["study"]["cartography"] else []


def _classifying(config: Mapping[str, Any], runs: Sequence[Run]) -> list[Run]:
    """The dense runs that give labels a probability; a regression gives none, and a text has no label."""
    tasks = {task: config["tasks"][task] for task in study_tasks(config)}
    labelled = {task for task, entry in tasks.items() if trains(entry) and entry["format"] != "regression"}
    return [run for run in runs if run["regime"] == "dense" and run["task"] in labelled]


def used_parts(config: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The config without the catalog entries that this study does not touch."""
    checkpoints = {run["checkpoint"] for run in runs}
    axes = set(config["study"]["axes"])
    tasks = {*study_tasks(config), config["calibration"].get("task")}
    # A task that one run with all its options serves hangs on that run, and a varied axis on the task that varies.
    tasks |= {config["tasks"][task].get("options_of") for task in study_tasks(config)}
    tasks |= {config["axes"][axis].get("task") for axis in axes}
    keep = {"checkpoints": checkpoints, "tasks": tasks, "axes": axes}
    return {
        section: {name: entry for name, entry in content.items() if name in keep[section]}
        if section in keep
        else content
        for section, content in config.items()
    }
