"""Which runs of a study stand beside which points of the paper's figures.

Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from junkdna.study.problems import problem, raise_all
from junkdna.study.tasks import study_tasks

# Task of the paper, share of its training data, regime, method, percent removed, N:M pattern.
Point = tuple[str, int, str, str, float, str]
CUTS = ("train_examples", "validation_examples")


def paper_points(rows: Iterable[Mapping[str, str]]) -> dict[str, set[Point]]:
    """The points of each of the paper's figures, by its slug.

    rows: of `resources/reference/paper/values.csv`.
    """
    figures: dict[str, set[Point]] = {}
    for row in rows:
        share, level = int(row["train_percent"]), float(row["level"])
        point = (row["task"], share, row["regime"], row["method"], level, row["pattern"])
        figures.setdefault(row["figure"], set()).add(point)
    return figures


def replicated_tasks(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What of each task of the study that is one of the paper's a comparison must know.

    `paper`: its slug there; `train_percent`: share of its training data; `cut`: whether it is a subset of the
    paper's task otherwise; and its `format` and `metric`.
    """
    tasks = {name: config["tasks"][name] for name in study_tasks(config)}
    return {
        name: {
            "cut": any(key in task for key in CUTS),
            "format": task["format"],
            "metric": task["metric"],
            "paper": task["paper"],
            "train_percent": task.get("train_percent", 100),
        }
        for name, task in tasks.items()
        if "paper" in task
    }


def replicated_runs(
    config: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    recipes: Mapping[str, Mapping[str, Any]],
    figures: Mapping[str, set[Point]],
) -> list[Mapping[str, Any]]:
    """The runs at a point of a figure in `study.replicates`, with their dense twins, in the order of `runs`.

    recipes: slug -> expanded recipe; figures: from `paper_points`.
    Raises one ValueError, a line for each `paper` of a task and each figure that the paper does not have, and
    for each figure at no point of which a run stands.
    """
    known = sorted({point[0] for points in figures.values() for point in points})
    lines = [
        problem(f"tasks.{name}.paper", task["paper"], known)
        for name, task in config["tasks"].items()
        if "paper" in task and task["paper"] not in known
    ]
    tasks = replicated_tasks(config)
    stands = [_point(run, tasks, recipes) for run in runs]
    wanted: set[Point] = set()
    for figure in config["study"]["replicates"]:
        points = figures.get(figure, set())
        if figure not in figures:
            lines.append(problem("study.replicates", figure, figures))
        elif not points & set(stands):
            shown = ", ".join(sorted({point[0] for point in points}))
            legal = f"a figure at a point of which a run of the study stands; this one shows {shown}"
            lines.append(problem("study.replicates", figure, legal))
        wanted |= points
    raise_all(lines)
    twins = {_twin(run) for run, point in zip(runs, stands, strict=True) if point in wanted}
    return [
        run
        for run, point in zip(runs, stands, strict=True)
        if point in wanted or (run["regime"] == "dense" and _twin(run) in twins)
    ]


def _point(
    run: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]], recipes: Mapping[str, Mapping[str, Any]]
) -> Point | None:
    if run["task"] not in tasks:
        return None
    task, recipe = tasks[run["task"]], recipes[run["recipe"]]
    pattern = f"{recipe['keep']}of{recipe['group']}" if recipe.get("keep") else ""
    method = recipe.get("score", recipe["method"])
    return (task["paper"], task["train_percent"], run["regime"], method, float(recipe["level"]), pattern)


def _twin(run: Mapping[str, Any]) -> tuple[str, str, int]:
    return run["checkpoint"], run["task"], run["seed"]
