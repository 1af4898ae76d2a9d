"""Simulated studies in which each claim is true or false by construction.

Each scenario fixes the retention of every cell. All but `planted` are nulls of at least one claim: there the
true effect is zero or just the margin, whichever levels an analysis leaves out because runs collapsed. What makes
studies hard to judge (failing trainings, unequal classes, curved damage ...) is in `hardships`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from junkdna.simulation.draws import design, logistic, recipe, sweep
from junkdna.simulation.simulated_runs import chance_of, floor_of, slope_of

# Three metrics with three chance levels; the budget axis trains the second task longer.
TASKS: dict[str, dict[str, Any]] = {
    "easy": {"metric": "accuracy", "format": "pair", "classes": 3},
    "middle": {"metric": "mcc", "format": "classification", "classes": 2, "pool": "middle"},
    "hard": {"metric": "accuracy", "format": "choice", "classes": 4},
    "middle-x2": {"metric": "mcc", "format": "classification", "classes": 2, "pool": "middle"},
    "middle-x4": {"metric": "mcc", "format": "classification", "classes": 2, "pool": "middle"},
}
DIFFICULTY = ("easy", "middle", "hard")
BUDGETS = ("middle", "middle-x2", "middle-x4")
AXES: dict[str, dict[str, Any]] = {
    "difficulty": {"tasks": list(DIFFICULTY)},
    "budget": {"tasks": list(BUDGETS), "task": "middle", "vary": "budget", "values": [1, 2, 4]},
}
LEVELS = (20, 40, 60, 80)
# The level at which regimes other than sparse are run.
PROBED = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """What is run and what is true. `truth`: retention of a run, given as a mapping (see `design`).

    nulls: the claims whose true effect is at or below the margin on every row. collapse: the chance that the training
    of a run fails; where it is not said, `collapses` of a rate. exact: the true effect of claims whose estimator
    would not find it even without noise.
    """

    name: str
    nulls: tuple[str, ...]
    truth: Callable[[Mapping[str, Any]], float]
    tasks: tuple[str, ...] = DIFFICULTY
    regimes: tuple[str, ...] = ()
    quantized: bool = False
    levels: tuple[int, ...] = LEVELS
    described: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: TASKS)
    axes: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: AXES)
    collapse: Callable[[Mapping[str, Any]], float] | None = None
    exact: Mapping[str, float] = field(default_factory=dict)

    @property
    def recipes(self) -> dict[str, dict[str, Any]]:
        """dense, a magnitude sweep and, where asked for, a quantization sweep over the same levels."""
        quantized = sweep("rtn", self.levels, method="quantize") if self.quantized else {}
        return {
            "dense": recipe("dense", 0, method="none"),
            **sweep("magnitude", self.levels),
            **quantized,
        }

    def runs(self, seeds: Sequence[int], collapse: float = 0.0) -> pd.DataFrame:
        """The runs of the study with their truth (see `design`); collapse: the rate of `collapses`."""
        fails = self.collapse or collapses(collapse, max(self.levels))
        of_study = partial(design, tasks=self.tasks, seeds=seeds, retention=self.truth, collapse=fails)
        parts = [of_study(recipes=self.recipes)]
        probed = {name: each for name, each in self.recipes.items() if each["level"] == PROBED}
        if self.regimes:
            parts.append(of_study(recipes=probed, regimes=self.regimes))
        return pd.concat(parts, ignore_index=True)


def collapses(rate: float, highest: float) -> Callable[[Mapping[str, Any]], float]:
    """The chance that a training fails: `rate` at the highest level, half of it without compression.

    Hard tasks fail twice as often as easy ones, at most at `rate`.
    """

    def of(cell: Mapping[str, Any]) -> float:
        share = 0.5 + 0.5 * cell["level"] / highest
        return rate * share * (0.5 if cell["task"] == "easy" else 1.0)

    return of


def nothing_lost() -> Scenario:
    """Compression costs nothing anywhere, in any regime: the complete null of all claims."""
    every = (
        "monotone",
        "harder-falls-further",
        "difficulty-order",
        "interaction",
        "irreversible",
        "small-weights",
        "quantization-differs",
        "quantization-differs-bytes",
    )
    return Scenario(
        name="nothing is lost",
        nulls=every,
        truth=lambda cell: 1.0,
        tasks=tuple(TASKS),
        regimes=("regrow", "freeze", "reinit"),
        quantized=True,
    )


def equal_curves() -> Scenario:
    """All tasks, regimes and both kinds of compression lose alike, and much."""
    return Scenario(
        name="all fall alike",
        nulls=(
            "harder-falls-further",
            "difficulty-order",
            "interaction",
            "small-weights",
            "quantization-differs",
            "quantization-differs-bytes",
        ),
        truth=lambda cell: logistic(cell["level"], 60.0, 12.0),
        regimes=("regrow", "freeze", "reinit"),
        quantized=True,
    )


def at_margin(margin: float) -> list[Scenario]:
    """One scenario a claim, its true effect exactly the margin: the hardest case that is still false."""
    place = {task: index for index, task in enumerate(DIFFICULTY)}

    def gap(cell: Mapping[str, Any]) -> float:
        return 1.0 if cell["regime"] == "freeze" else 1 - margin

    def apart(cell: Mapping[str, Any]) -> float:
        separation = margin * (place[cell["task"]] - 1) if cell["family"] == "magnitude" else 0.0
        return 1 - 0.3 * cell["level"] / LEVELS[-1] - separation

    return [
        Scenario(
            name="falls by the margin",
            nulls=("monotone",),
            truth=lambda cell: 1 - margin * cell["level"] / 10,
        ),
        Scenario(
            name="easy and hard differ by the margin",
            nulls=("harder-falls-further",),
            truth=lambda cell: 0.9 - margin * place[cell["task"]] / 2,
        ),
        Scenario(
            name="steps of the margin",
            nulls=("difficulty-order",),
            truth=lambda cell: 0.9 - margin * place[cell["task"]],
        ),
        Scenario(
            name="slopes differ by the margin",
            nulls=("interaction",),
            truth=lambda cell: 1 - margin * place[cell["task"]] / 2 * cell["level"] / 10,
        ),
        Scenario(
            name="pruning separates by the margin more",
            nulls=("quantization-differs", "quantization-differs-bytes"),
            truth=apart,
            quantized=True,
        ),
        Scenario(
            name="the margin is missing; frozen it is there",
            nulls=("irreversible", "small-weights"),
            truth=gap,
            tasks=BUDGETS,
            regimes=("regrow", "freeze", "reinit"),
            levels=(PROBED,),
        ),
    ]


def planted(step: float, *, n_tasks: int = 3, shift: float = 30.0) -> Scenario:
    """All claims true: s50 falls by `step` points of sparsity a task, frozen weights shift it up by `shift`."""
    slugs = [f"task{index}" for index in range(n_tasks)]
    middles = {slug: 50.0 - step * (index - (n_tasks - 1) / 2) for index, slug in enumerate(slugs)}

    def truth(cell: Mapping[str, Any]) -> float:
        middle = middles[cell["task"]] + (shift if cell["regime"] == "freeze" else 0.0)
        return logistic(cell["level"], middle, 12.0)

    return Scenario(
        name=f"s50 falls by {step:g} a task over {n_tasks} tasks",
        nulls=(),
        truth=truth,
        tasks=tuple(slugs),
        regimes=("regrow", "freeze"),
        described={slug: {"metric": "accuracy", "format": "pair", "classes": 2} for slug in slugs},
        axes={"difficulty": {"tasks": slugs}},
    )


def only_pruning_separates(step: float) -> Scenario:
    """Under pruning s50 falls by `step` points of sparsity a task, under quantization it is that of the middle one."""
    place = {task: index - 1 for index, task in enumerate(DIFFICULTY)}

    def truth(cell: Mapping[str, Any]) -> float:
        apart = step * place[cell["task"]] if cell["family"] == "magnitude" else 0.0
        return logistic(cell["level"], 50.0 - apart, 12.0)

    return Scenario(
        name=f"s50 falls by {step:g} a task, by 0 under quantization", nulls=(), truth=truth, quantized=True
    )


def unrelated(sd: float, rng: np.random.Generator) -> Scenario:
    """Tasks whose s50 differs by chance (normal, `sd` points of sparsity), in an order that means nothing.

    For claims along an axis: they speak of the tasks at hand, and of these they may well be true.
    """
    middles = dict(zip(DIFFICULTY, 50.0 + sd * rng.standard_normal(len(DIFFICULTY)), strict=True))
    return Scenario(
        name=f"s50 differs by {sd:g} at random",
        nulls=(),
        truth=lambda cell: logistic(cell["level"], middles[cell["task"]], 12.0),
    )


def exact_scores(runs: pd.DataFrame, tasks: Mapping[str, Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """The score, and what it is above chance, [runs] each, on endless examples and without noise, from the truth."""
    described = [tasks[task] for task in runs["task"]]
    room = np.array([slope_of(each) * (each.get("dense", 0.85) - floor_of(each)) for each in described])
    excess = room * runs["retention"].to_numpy()
    return np.array([chance_of(each) for each in described]) + excess, excess
