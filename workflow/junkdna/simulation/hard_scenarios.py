"""Simulated studies that are hard to judge: failing trainings, unequal classes, tasks near chance, curved damage.

All are nulls of the claims they name, and their truth is exact, whichever runs and levels an analysis leaves out.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from junkdna.simulation.scenarios import DIFFICULTY, TASKS, Scenario, equal_curves, nothing_lost

HARD = DIFFICULTY[-1]
# No budgets are varied here.
AXIS = {"difficulty": {"tasks": list(DIFFICULTY)}}
# From this level on every training of the hard task fails, where it does.
ALWAYS = 60
# Hard tasks by the shares of their classes, in two metrics.
UNEQUAL = {
    "70/30": {"metric": "accuracy", "format": "pair", "shares": (0.7, 0.3)},
    "90/10": {"metric": "accuracy", "format": "pair", "shares": (0.9, 0.1)},
    "70/30 by mcc": {"metric": "mcc", "format": "pair", "shares": (0.7, 0.3)},
    "90/10 by mcc": {"metric": "mcc", "format": "pair", "shares": (0.9, 0.1)},
}
# Mean damage at each level of the two kinds of compression: levels of pruning whose damages are evenly spread, levels
# with a wide gap between them, and two far from everything.
QUANTIZED = {20: 0.25, 40: 0.4, 60: 0.55, 80: 0.7}
EVEN = {"magnitude": {20: 0.1, 40: 0.33, 60: 0.56, 80: 0.8}, "rtn": QUANTIZED}
GAP = {"magnitude": {20: 0.03, 40: 0.12, 60: 0.65, 80: 0.95}, "rtn": QUANTIZED}
APART = {"magnitude": {60: 0.85, 80: 0.97}, "rtn": {60: 0.3, 80: 0.55}}
# Between these damages the two kinds differ by as much as they are to differ.
PLATEAU = (0.2, 0.8)


def alike(
    name: str,
    *,
    regimes: tuple[str, ...] = ("freeze",),
    quantized: bool = False,
    described: Mapping[str, Mapping[str, Any]] = TASKS,
    collapse: Callable[[Mapping[str, Any]], float] | None = None,
) -> Scenario:
    """All tasks (and both kinds of compression, if asked for) fall alike."""
    base = equal_curves()
    return replace(
        base,
        name=f"{name}; all fall alike" + ", quantized too" * quantized,
        nulls=_asked(base.nulls, regimes, quantized),
        regimes=regimes,
        quantized=quantized,
        axes=AXIS,
        described=described,
        collapse=collapse,
    )


def _unlost(name: str, regimes: tuple[str, ...], described: Mapping[str, Mapping[str, Any]]) -> Scenario:
    """Nothing is lost by pruning on any task of the axis."""
    base = nothing_lost()
    return replace(
        base,
        name=f"{name}; nothing is lost",
        nulls=_asked(base.nulls, regimes, quantized=False),
        described=described,
        tasks=DIFFICULTY,
        regimes=regimes,
        quantized=False,
        axes=AXIS,
    )


def _asked(claims: tuple[str, ...], regimes: tuple[str, ...], quantized: bool) -> tuple[str, ...]:
    """Those of the claims that such runs speak of."""
    needs = {"small-weights": "freeze" in regimes, "irreversible": "regrow" in regimes}
    needs |= dict.fromkeys(("quantization-differs", "quantization-differs-bytes"), quantized)
    return tuple(claim for claim in claims if needs.get(claim, True))


def described_with(**tasks: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The usual tasks, some of them replaced or with other entries."""
    return TASKS | {name: {**TASKS[name], **each} for name, each in tasks.items()}


def hard_fails(kind: str, *, rate: float = 0.4, always: bool = False, quantized: bool = False) -> Scenario:
    """Trainings of the hard task of unequal classes fail at up to a rate, or all of them from 60 % on."""

    def of(run: Mapping[str, Any]) -> float:
        if run["task"] != HARD:
            return 0.0
        if not always:
            return rate * (0.5 + 0.5 * run["level"] / 80)
        return 1.0 if run["level"] >= ALWAYS else rate * run["level"] / 40

    described = TASKS | {HARD: UNEQUAL[kind]}
    words = "hard fails from 60 % on" if always else f"hard fails up to {rate:.0%}"
    return alike(f"{kind}: {words}", described=described, collapse=of, quantized=quantized)


def unequal_classes(kind: str) -> Scenario:
    """The hard task has unequal classes, the middle one too; nothing fails."""
    middle = {**TASKS["middle"], "shares": (0.6, 0.4)}
    return alike(f"{kind}, 60/40 by mcc", described=TASKS | {"middle": middle, HARD: UNEQUAL[kind]})


def random_positions() -> Scenario:
    """Multiple choice of two and of four, the right answers anywhere."""
    middle = {"metric": "accuracy", "format": "choice", "classes": 2, "drawn": True}
    described = TASKS | {"middle": middle, HARD: {**TASKS[HARD], "drawn": True}}
    return alike("right answers anywhere", described=described)


def near_chance(share: float, *, lost: bool) -> Scenario:
    """The hard task has two classes of which dense runs know a small share; all fall alike, or nothing does."""
    hard = {"metric": "accuracy", "format": "pair", "classes": 2, "drawn": True, "dense": share}
    described = TASKS | {HARD: hard}
    name = f"hard task knows {share:.0%}"
    return alike(name, described=described) if lost else _unlost(name, (), described)


def spread_apart(*, lost: bool) -> Scenario:
    """Runs of the hard task vary four times as much as those of the others."""
    described = described_with(hard={"noise": 4.0, "dense": 0.6})
    name = "hard task varies 4 times as much"
    return alike(name, described=described) if lost else _unlost(name, ("freeze",), described)


def twins_fail(number: int | None) -> Scenario:
    """The dense runs of the hard task fail: all, or as many seeds, the first ones."""

    def of(run: Mapping[str, Any]) -> float:
        failed = run["task"] == HARD and run["regime"] == "dense"
        return float(failed and (number is None or run["seed"] < number))

    which = "all" if number is None else f"{number}"
    return alike(f"{which} dense of the hard task failed", collapse=of)


def all_fail(rate: float) -> Scenario:
    """Trainings of all tasks fail at the same rate at every level, dense runs too."""
    base = alike(f"{rate:.0%} of all trainings fail", regimes=(), collapse=lambda run: rate)
    return replace(base, nulls=(*base.nulls[:3], "fails-earlier"))


def harder_fails(rate: float) -> Scenario:
    """Trainings of the hard task fail at a rate under compression, of the middle one at half of it: a true claim."""
    place = {task: index / (len(DIFFICULTY) - 1) for index, task in enumerate(DIFFICULTY)}

    def of(run: Mapping[str, Any]) -> float:
        return rate * place[run["task"]] if run["level"] else 0.0

    base = alike(f"hard fails at {rate:.0%}, easy never", regimes=(), collapse=of)
    return replace(base, nulls=base.nulls[:3])


def hump(damage: float) -> float:
    """Separation that is largest at half of the damage."""
    return 0.16 * 4 * damage * (1 - damage)


def late(damage: float) -> float:
    """Separation that sets in late, which a straight line from no damage overrates."""
    return float(np.interp(damage, [0, 0.5, 0.75, 1], [0, 0, 0.2, 0]))


def curved(
    shape: Callable[[float], float],
    more: float,
    *,
    damages: Mapping[str, Mapping[int, float]] = EVEN,
    null: bool = True,
) -> Scenario:
    """Separation against damage is the same curve under both kinds, and under pruning `more` a step.

    The difference is the same at every damage that quantization does, and fades towards none and total damage.
    """
    place = {task: index - 1 for index, task in enumerate(DIFFICULTY)}

    def truth(run: Mapping[str, Any]) -> float:
        damage = damages[run["family"]][int(run["level"])] if run["level"] else 0.0
        apart = shape(damage)
        if run["family"] == "magnitude":
            apart += more * float(np.interp(damage, [0, *PLATEAU, 1], [0, 1, 1, 0]))
        return 1 - damage - apart * place[run["task"]]

    levels = tuple(damages["magnitude"])
    at = "/".join(f"{100 * damage:g}" for damage in damages["magnitude"].values())
    words = f"{shape.__name__} separation, pruning damages {at} %"
    return Scenario(
        name=f"{words} and separates by {100 * more:g} points more",
        nulls=("quantization-differs",) * null,
        truth=truth,
        quantized=True,
        levels=levels,
        axes=AXIS,
        exact={"quantization-differs": more},
    )
