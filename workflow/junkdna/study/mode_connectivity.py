"""Between which solutions of a study there is a path to walk, and whose weights are kept for it.

Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from junkdna.study.problems import problem, raise_all
from junkdna.study.recipes import expand_recipes, sweep_recipes
from junkdna.study.runs import Run, valid_runs
from junkdna.study.tasks import study_tasks, trains


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


def _matches(
    run: Run,
    recipes: Sequence[str],
    regimes: Sequence[str],
    tasks: Sequence[str],
    seeds: Sequence[int],
) -> bool:
    return (
        run["recipe"] in recipes
        and run["regime"] in regimes
        and run["task"] in tasks
        and run["seed"] in seeds
    )


def kept_runs(config: Mapping[str, Any], connected: Sequence[Run]) -> list[dict[str, Any]]:
    """The runs whose trained weights are kept: both ends of each path, and the blocks of runs that ask for it.

    connected: of `connected_runs`. The dense twins of these blocks are among them; each run is there once.
    """
    blocks = [block for block in config["study"]["runs"] if block.get("keep_weights")]
    asked = valid_runs({**config, "study": {**config["study"], "runs": blocks}})
    trained = [run for run in asked if trains(config["tasks"][run["task"]])]
    return [*ends_of(connected), *(run for run in trained if run not in ends_of(connected))]


def ends_of(connected: Sequence[Run]) -> list[dict[str, Any]]:
    """The runs whose weights are kept: those of `connected_runs` and the dense twin of each, each once."""
    ends: dict[tuple[Any, ...], dict[str, Any]] = {}
    for run in connected:
        for end in (run, {**run, "recipe": "dense", "regime": "dense"}):
            ends.setdefault(tuple(sorted(end.items())), dict(end))
    return list(ends.values())
