"""What a study asks of its runs beyond predictions: twins without input, traces, kept weights.

Standard library only: Snakemake imports this on every dry run. A run is a mapping with the keys checkpoint,
recipe, task, regime and seed, as `grid.valid_runs` lists them; the config is as `checking.check` returns it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from junkdna.grid import study_tasks
from junkdna.recipes import expand_recipes, sweep_recipes
from junkdna.wording import problem, raise_all

Run = Mapping[str, Any]


def null_runs(config: Mapping[str, Any], runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Checkpoint, task and seed of each run without input: one beside each dense run on classes or options."""
    chosen = _classifying(config, runs) if config["study"]["null_input"] else []
    return [{key: run[key] for key in ("checkpoint", "task", "seed")} for run in chosen]


def traced_runs(config: Mapping[str, Any], runs: Sequence[Run]) -> list[Run]:
    """The runs that say after each epoch how sure they are of their training examples."""
    return _classifying(config, runs) if config["study"]["cartography"] else []


def _classifying(config: Mapping[str, Any], runs: Sequence[Run]) -> list[Run]:
    """The dense runs that give labels a probability; a regression gives none, and a text has no label."""
    formats = {task: config["tasks"][task]["format"] for task in study_tasks(config)}
    return [
        run for run in runs if run["regime"] == "dense" and formats[run["task"]] not in ("regression", "lm")
    ]


def connected_runs(config: Mapping[str, Any], runs: Sequence[Run]) -> list[Run]:
    """The runs to whose solution there is a path from the dense one, in the order of the study.

    Raises ValueError, one line for each name that does not exist and each recipe and regime without a run.
    """
    study, recipes = config["study"], expand_recipes(config["sweeps"])
    sweeps, tasks = sweep_recipes(config["sweeps"]), study_tasks(config)
    problems: list[str] = []
    chosen: set[int] = set()
    for number, block in enumerate(study["mode_connectivity"]):
        where = f"study.mode_connectivity[{number}]"
        for name in block["recipes"]:
            if name not in recipes and name not in sweeps:
                problems.append(problem(f"{where}.recipes", name, [*recipes, *sweeps]))
        for key, legal in (("tasks", tasks), ("seeds", study["seeds"])):
            for name in block.get(key, []):
                if name not in legal:
                    problems.append(problem(f"{where}.{key}", name, [str(each) for each in legal]))
        wanted = (block.get("tasks", tasks), block.get("seeds", study["seeds"]))
        for name in block["recipes"]:
            for regime in block["regimes"]:
                ends = (sweeps.get(name, [name]), [regime], *wanted)
                found = {i for i, run in enumerate(runs) if _matches(run, *ends)}
                if not found and (name in recipes or name in sweeps):
                    legal = "recipes and regimes that study.runs has on these tasks and seeds"
                    problems.append(problem(where, f"{name} with {regime}", legal))
                chosen |= found
    raise_all(problems)
    return [runs[i] for i in sorted(chosen)]


def _matches(run: Run, recipes: Sequence, regimes: Sequence, tasks: Sequence, seeds: Sequence) -> bool:
    return (
        run["recipe"] in recipes
        and run["regime"] in regimes
        and run["task"] in tasks
        and run["seed"] in seeds
    )


def ends_of(connected: Sequence[Run]) -> list[dict[str, Any]]:
    """The runs whose weights are kept: those of `connected_runs` and the dense twin of each, each once."""
    ends: dict[tuple, dict[str, Any]] = {}
    for run in connected:
        for end in (run, {**run, "recipe": "dense", "regime": "dense"}):
            ends.setdefault(tuple(sorted(end.items())), dict(end))
    return list(ends.values())
