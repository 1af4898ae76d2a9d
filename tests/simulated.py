"""Made-up runs with known truths, in the files that real runs leave: for tests of all that follows them.

An example is answered rightly when the skill of the run exceeds the example's own difficulty plus noise;
skill falls with the level along a logistic curve whose middle each task sets, and regimes shift that middle.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from described import untrue
from junkdna.claims.study import tables_of
from junkdna.files.artifacts import write_table
from junkdna.tables.predictions import Stack

TASKS = {
    "keyword": {"metric": "accuracy", "format": "classification"},
    "agreement": {"metric": "accuracy", "format": "pair"},
    "similarity": {"metric": "pearson", "format": "regression"},
    "options": {"metric": "accuracy", "format": "choice"},
    "deduction": {"metric": "mcc", "format": "classification"},
}
AXES = {"made-up-difficulty": {"tasks": list(TASKS), "reason": "the simulator sets the middle of each curve"}}
CLASSES = {"keyword": 2, "agreement": 3, "similarity": 0, "options": 4, "deduction": 2}
# Level at which half of what the task has above chance is gone.
MIDDLES = {"keyword": 85.0, "agreement": 72.0, "similarity": 62.0, "options": 54.0, "deduction": 45.0}
SHIFTS = {"sparse": 0.0, "freeze": 40.0, "regrow": 6.0, "gradual": 10.0}


def recipe(family: str, level: float, *, keep: int = 0, group: int = 0) -> dict:
    """An expanded pruning recipe."""
    return {
        "family": family,
        "level": level,
        "method": "prune",
        "score": "magnitude",
        "selection": "nm" if keep else "global",
        "scope": "body",
        "per_mille": 0 if keep else round(10 * level),
        "keep": keep,
        "group": group,
        "seed": 0,
    }


RECIPES = {
    "dense": {"family": "dense", "level": 0.0, "method": "none"},
    **{f"magnitude-u{level}": recipe("magnitude", float(level)) for level in (20, 40, 50, 60, 80)},
    **{
        f"magnitude-{keep}of8": recipe("magnitude", 100 - 12.5 * keep, keep=keep, group=8)
        for keep in (6, 4, 2)
    },
}


def grid(
    *,
    checkpoints: tuple[str, ...] = ("tiny-encoder",),
    tasks: tuple[str, ...] = tuple(TASKS),
    recipes: dict[str, dict] = RECIPES,
    extra: tuple[str, ...] = ("freeze", "regrow"),
    extra_recipes: tuple[str, ...] = ("magnitude-u40", "magnitude-u60"),
    seeds: tuple[int, ...] = (1, 2, 3),
) -> list[dict]:
    """Keys of the runs of a study: everything sparse, `extra` regimes at `extra_recipes`, dense."""
    runs = []
    for checkpoint in checkpoints:
        for task in tasks:
            for name in recipes:
                regimes = ("dense",) if name == "dense" else ("sparse", *extra * (name in extra_recipes))
                for regime in regimes:
                    for seed in seeds:
                        key = {"checkpoint": checkpoint, "recipe": name, "task": task}
                        runs.append(key | {"regime": regime, "seed": seed})
    return runs


def run_tables(
    run: dict,
    *,
    examples: int,
    recipes: dict[str, dict] = RECIPES,
    middles: dict[str, float] = MIDDLES,
    collapse=(),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Facts (one row) and predictions of one made-up run.

    collapse: (recipe, task, regime, seed) of the runs whose training is to have failed.
    """
    task = run["task"]
    described = recipes[run["recipe"]]
    of_task = np.random.default_rng([7, list(TASKS).index(task)])
    classes = CLASSES[task]
    target = of_task.normal(size=examples) if classes == 0 else of_task.integers(classes, size=examples)
    difficulty = of_task.normal(size=examples)
    words = [*run["checkpoint"], *run["recipe"], *task, *run["regime"]]
    rng = np.random.default_rng([run["seed"], *map(ord, words)])
    middle = (
        middles[task] + SHIFTS.get(run["regime"], 0.0) + np.random.default_rng(run["seed"]).normal(scale=1.5)
    )
    share = 0.95 / (1 + np.exp((described["level"] - middle) / 7.0))
    collapsed = (run["recipe"], task, run["regime"], run["seed"]) in set(collapse)
    if classes == 0:
        prediction = share * target + np.sqrt(1 - share**2) * rng.normal(size=examples)
        prediction = np.full(examples, 0.1) if collapsed else prediction
        loss = (prediction - target) ** 2
        scores = list(prediction[:, None].astype(np.float32))
        prior = float(np.var(target))
    else:
        knows = difficulty + 0.5 * rng.normal(size=examples) < np.quantile(difficulty, share) * 1.118
        prediction = np.where(knows, target, rng.integers(classes, size=examples))
        prediction = np.zeros(examples, dtype=int) if collapsed else prediction
        confidence = 1 / classes if collapsed else 0.9
        other = (1 - confidence) / (classes - 1)
        loss = np.where(prediction == target, -np.log(confidence), -np.log(other))
        scores = list(
            np.log(np.where(np.arange(classes) == prediction[:, None], confidence, other)).astype(np.float32)
        )
        prior = float(np.log(classes))
    table = pd.DataFrame(
        {
            "example_id": np.arange(1000, 1000 + examples),
            "target": target.astype(float),
            "prediction": prediction.astype(float),
            "correct": pd.array(
                [pd.NA] * examples if classes == 0 else prediction == target, dtype="boolean"
            ),
            "loss": loss.astype("float32"),
            "scores": scores,
        }
    )
    facts = {
        **run,
        "family": described["family"],
        "level": described["level"],
        "train_examples": 2000,
        "validation_examples": examples,
        "steps": 190,
        "train_seconds": 3.0 + rng.random(),
        "eval_seconds": 0.2,
        "load_seconds": 0.4,
        "examples_per_second": 1900.0 + 100 * rng.random(),
        "peak_memory_mb": 410.0,
        "sparsity": described["level"] / 100,
        "effective_bits": 16 * (1 - described["level"] / 100),
        "body_bytes": 2e6 * (1 - described["level"] / 100),
        "first_loss": 1.02 * prior,
        "final_loss": prior if collapsed else 0.2 * prior,
        "min_loss": 0.99 * prior if collapsed else 0.2 * prior,
        "prior_entropy": prior,
        "precision": "fp32",
        "device": "cpu",
        "threads": 1,
    }
    return pd.DataFrame([facts]), table


def write_study(folder: Path, runs: list[dict], *, examples: int = 400, **truth) -> list[Path]:
    """Write the files of every run below `folder`; returns the runs' folders in the same order."""
    folders = []
    for number, run in enumerate(runs):
        facts, predictions = run_tables(run, examples=examples, **truth)
        write_table(folder / str(number) / "metrics.parquet", facts)
        write_table(folder / str(number) / "predictions.parquet", predictions, run)
        folders.append(folder / str(number))
    return folders


def stack_study(runs: list[dict], *, examples: int = 400, **truth) -> tuple[pd.DataFrame, dict[str, Stack]]:
    """What `read_runs` would read from the files of `write_study`, without the files."""
    made = [run_tables(run, examples=examples, **truth) for run in runs]
    facts = pd.concat([facts for facts, _ in made], ignore_index=True)
    stacks = {}
    for task, rows in facts.groupby("task", sort=False).indices.items():
        first = made[rows[0]][1]
        stacks[task] = Stack(
            row=rows,
            example_id=first["example_id"].to_numpy(),
            target=first["target"].to_numpy(),
            prediction=np.stack([made[row][1]["prediction"].to_numpy(dtype=np.float32) for row in rows]),
            losses=np.stack([made[row][1]["loss"].to_numpy(dtype=np.float32) for row in rows]),
            options=np.full(len(first), CLASSES[task]) if TASKS[task]["format"] == "choice" else None,
        )
    return facts, stacks


def tables(runs: list[dict], *, axes: dict[str, dict] = AXES, **truth) -> dict[str, pd.DataFrame]:
    """The tables of a made-up study, with few draws; their columns are what is said of them."""
    facts, stacks = stack_study(runs, **truth)
    options = {
        "recipes": truth.get("recipes", RECIPES),
        "axes": axes,
        "draws": 300,
        "seed": 0,
        "margin": 0.02,
    }
    made = tables_of(facts, stacks, tasks=TASKS, **options)
    assert [line for name, table in made.items() for line in untrue(name, table)] == []
    return made


def row_of(claims: pd.DataFrame, claim: str, scope: str = "cell", **keys) -> pd.Series:
    """The one row of a table of claims that has these values."""
    chosen = claims[(claims["claim"] == claim) & (claims["scope"] == scope)]
    for name, value in keys.items():
        chosen = chosen[chosen[name] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]
