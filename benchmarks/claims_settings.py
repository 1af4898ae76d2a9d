"""What `benchmarks/claims.py` measures: each scenario with its seeds, failures and spread, the most telling first."""

import re
from dataclasses import dataclass, replace

import numpy as np

from junkdna.simulation.asked import Formats, Margins
from junkdna.simulation.draws import USUAL, Spread
from junkdna.simulation.hard_scenarios import (
    APART,
    GAP,
    alike,
    all_fail,
    curved,
    hard_fails,
    harder_fails,
    hump,
    late,
    near_chance,
    random_positions,
    spread_apart,
    twins_fail,
    unequal_classes,
)
from junkdna.simulation.scenarios import (
    Scenario,
    at_margin,
    equal_curves,
    nothing_lost,
    only_pruning_separates,
    planted,
    unrelated,
)

MARGIN = 0.02
SPREADS = {
    "usual": USUAL,
    "paired": Spread(paired=True),
    "quiet": Spread(dense_sd=0.005, seed_sd=0.005, run_sd=0.005),
    "loud": Spread(dense_sd=0.02, seed_sd=0.06, run_sd=0.08),
    "skewed": Spread(shape="skewed"),
    "heavy": Spread(shape="heavy"),
    "selective": Spread(selective=True),
    "uninformed": Spread(failing="uninformed"),
    "drifting": Spread(failing="drifting"),
    "diverged": Spread(failing="diverged"),
    "mixed": Spread(failing="mixed"),
}
# How failed runs fail, in words, by spread; runs fail as constants where it says nothing.
WAYS = {
    "selective": "the worse ones",
    "uninformed": "failing runs guess",
    "drifting": "failing runs are nearly constant",
    "diverged": "failing runs diverge",
    "mixed": "failing runs are constant, nearly so or guess",
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Setting:
    """One cell of the benchmark; part says in which tables it comes. task_sd: redraw `unrelated` tasks each time."""

    part: str
    task_sd: float = 0.0
    scenario: Scenario | Margins | Formats
    seeds: int
    examples: int = 240
    collapse: float = 0.0
    spread: str = "usual"
    margin: float = MARGIN
    tables: tuple[str, ...] = ()
    studies: int

    @property
    def name(self) -> str:
        scenario = re.sub(r"[^a-zA-Z0-9.]+", "-", self.scenario.name)
        more = f"_margin{self.margin:g}" * (self.margin != MARGIN) + f"_n{self.examples}" * (
            self.examples != 240
        )
        return f"{self.part}_{scenario}_{self.seeds}seeds_collapse{self.collapse:g}_{self.spread}{more}"

    @property
    def runs_vary(self) -> Spread:
        return SPREADS[self.spread]

    @property
    def null(self) -> str:
        """The scenario in words, with what is unusual about it."""
        words = self.scenario.name + f" (margin {self.margin:g})" * (self.margin != MARGIN)
        return words + f", {self.examples} examples" * (self.examples != 240)

    @property
    def hardship(self) -> str:
        """The scenario in words, with the spread of its runs and how they fail."""
        how = WAYS.get(self.spread, f"{self.spread} spread" if self.spread != "usual" else "")
        return self.null + f", {how}" * bool(how)

    @property
    def runs(self) -> str:
        """The seeds and which trainings fail, in words."""
        failed = f", up to {self.collapse:.0%} fail" * (self.collapse > 0)
        return f"{self.seeds} seeds{failed}" + ", the worse ones" * (self.spread == "selective")


def settings(studies: int) -> list[Setting]:
    """All settings, the most telling first."""
    few = max(studies // 4, 1)
    return [
        *hard_nulls(studies),
        *false_claims(studies),
        *coverage(few),
        *power(few),
        *unrelated_tasks(few),
        *asked(studies),
    ]


def hard_nulls(studies: int) -> list[Setting]:
    """Nulls that are hard to judge; the margin is 0 where nothing is lost."""
    same, nothing = (
        alike("usual tasks", quantized=True),
        replace(nothing_lost(), regimes=("regrow", "freeze")),
    )
    cases = [
        (scenario, {"spread": way})
        for kind in ("70/30", "90/10", "70/30 by mcc", "90/10 by mcc")
        for scenario in (hard_fails(kind, always=True), hard_fails(kind))
        for way in ("usual", "uninformed", *(("drifting", "selective") if kind == "70/30" else ()))
    ]
    cases += [
        (hard_fails("70/30", always=always, quantized=True), {"spread": "uninformed"})
        for always in (True, False)
    ]
    cases += [(random_positions(), {"examples": number}) for number in (100, 240)]
    cases += [(near_chance(share, lost=True), {}) for share in (0.15, 0.22, 0.3)]
    cases += [(near_chance(share, lost=False), {"margin": 0.0}) for share in (0.15, 0.22, 0.3)]
    every = ({}, {"damages": GAP}, {"damages": APART})
    cases += [(curved(shape, 0.0, **more), {}) for shape in (hump, late) for more in every]
    cases += [(curved(hump, 0.02), {})]
    cases += [(curved(hump, 0.046, null=False, **more), {}) for more in every]
    cases += [(twins_fail(number), {}) for number in (None, 1)]
    cases += [(all_fail(rate), {"spread": way}) for rate in (0.2, 0.6) for way in ("usual", "uninformed")]
    cases += [(all_fail(0.0), {})]
    cases += [(same, {"spread": spread}) for spread in ("heavy", "paired")]
    cases += [(nothing, {"spread": spread, "margin": 0.0}) for spread in ("heavy", "paired")]
    cases += [(spread_apart(lost=True), {"spread": spread}) for spread in ("usual", "heavy")]
    cases += [(spread_apart(lost=False), {"spread": spread, "margin": 0.0}) for spread in ("usual", "heavy")]
    cases += [(unequal_classes(kind), {}) for kind in ("70/30", "90/10", "90/10 by mcc")]
    cases += [(hard_fails("70/30"), {"spread": way}) for way in ("diverged", "mixed")]
    return [
        Setting(part="hard", scenario=scenario, seeds=seeds, studies=studies, **more)
        for scenario, more in cases
        for seeds in (3, 5)
    ]


def false_claims(studies: int) -> list[Setting]:
    """The nulls of each claim, and with the margin at 0 of all claims at once, with and without failures."""
    nulls = [(nothing_lost(), 0.0)]
    nulls += [(each, MARGIN) for each in (equal_curves(), *at_margin(MARGIN))]
    return [
        Setting(
            part="false",
            scenario=scenario,
            seeds=seeds,
            collapse=collapse,
            spread=spread,
            margin=margin,
            studies=studies,
        )
        for scenario, margin in nulls
        for collapse, spread in ((0.0, "usual"), (0.2, "usual"), (0.2, "selective"))
        for seeds in (3, 5)
    ]


def coverage(studies: int) -> list[Setting]:
    """The intervals of all estimates, where the claims are true."""
    return [
        Setting(
            part="coverage",
            scenario=planted(8),
            seeds=seeds,
            spread=spread,
            studies=studies,
            tables=("cells", "curves"),
        )
        for spread in ("usual", "quiet", "loud", "skewed", "heavy", "paired")
        for seeds in (3, 5, 10)
    ]


def power(studies: int) -> list[Setting]:
    """How often true claims are found."""
    scenarios = [planted(step, n_tasks=tasks) for step in (0, 2, 4, 8) for tasks in (3, 5)]
    scenarios += [only_pruning_separates(step) for step in (4, 8)]
    scenarios += [curved(hump, 0.07, null=False), *(harder_fails(rate) for rate in (0.2, 0.4, 0.8))]
    return [
        Setting(part="power", scenario=scenario, seeds=seeds, studies=studies)
        for scenario in scenarios
        for seeds in (3, 5, 10)
    ]


def unrelated_tasks(studies: int) -> list[Setting]:
    """Tasks whose curves differ for reasons other than their place on the axis."""
    return [
        Setting(
            part="tasks",
            scenario=unrelated(sd, np.random.default_rng(0)),
            task_sd=sd,
            seeds=seeds,
            studies=studies,
        )
        for sd in (2.0, 8.0)
        for seeds in (3, 10)
    ]


def asked(studies: int) -> list[Setting]:
    """Models that are asked: noise of one size on margins of different size, the same questions chosen and written."""
    margins = [
        Margins(name="noise of one size, margins differ"),
        Margins(name="noise of one size, 2 and 5 options", options=(2, 5)),
        Margins(name="noise of one size, 5 and 2 options", options=(5, 2)),
        Margins(name="heavy-tailed noise of one size, 2 and 5 options", options=(2, 5), heavy=True),
        Margins(name="noise of one size, prompts drawn", drawn=0.5),
        Margins(name="no noise", nothing=True),
        Margins(name="half as much noise again on the hard task", lead=(3.0, 2.0), harder=1.5),
        Margins(name="the right option sinks on the hard task", drift=0.3),
    ]
    formats = [
        Formats(name="chosen and written lose alike"),
        Formats(name="chosen and written lose alike, few known in writing", known=(0.5, 0.15)),
        Formats(name="of chosen and written nothing is lost", nothing=True),
        Formats(name="5 points more are lost of what is written", more=0.05),
        Formats(name="15 points more are lost of what is written", more=0.15),
    ]
    return [
        Setting(
            part="asked",
            scenario=each,
            seeds=3 if getattr(each, "drawn", 0) else 1,
            examples=400,
            studies=studies,
        )
        for each in (*margins, *formats)
    ]
