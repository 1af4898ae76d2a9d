"""Simulated studies of models that are asked: options with margins, and the same questions chosen and written.

Nothing trains: a run is drawn where the prompts are, and else there is one. The scores of the options of a question are
normal, that of the right one `lead` higher on average; compression adds noise to every score, of a size that rises with
the level. What is written is right where it was known and is still known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from junkdna.claims.questions import questions_of
from junkdna.claims.table import claims_table
from junkdna.simulation.draws import design, facts_of, recipe, sweep
from junkdna.simulation.trials import KEY, MEASURED
from junkdna.statistics.bootstrap import Replicates
from junkdna.tables.predictions import Stack, score_draws
from junkdna.tables.runs import runs_table

Array = np.ndarray
LEVELS = (20, 40, 60, 80)
# Size of the noise, and what is kept of what is written and of what is chosen, at each level.
NOISE = (0.3, 0.6, 1.0, 1.5)
KEPT = (0.95, 0.85, 0.7, 0.5)
# Questions behind the truth of an effect that no formula gives.
MANY = 60_000
AXES: dict[str, dict[str, Any]] = {"asked": {"tasks": ["easy", "hard"]}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Margins:
    """Two tasks that are asked by options; by default the same noise hits both, and the hard one has smaller margins.

    options, lead: of the easy and the hard task. harder: the noise of the hard task is so many times as large. drift:
    so much lower the right option's score falls there, in noises. heavy: noise from Student's t with 3 degrees of
    freedom. drawn: how far prompts move the scores (0: one run serves all seeds). nothing: no noise at all.

    The true effect is 0 where the same noise hits both: what is left of it is the estimator's own bias.
    """

    name: str
    options: tuple[int, int] = (4, 4)
    lead: tuple[float, float] = (3.0, 1.0)
    harder: float = 1.0
    drift: float = 0.0
    heavy: bool = False
    drawn: float = 0.0
    nothing: bool = False
    claim: str = "more-than-margin"

    @property
    def exact(self) -> dict[str, float]:
        """The true effect, where it is known."""
        return {} if self.harder != 1 or self.drift else {self.claim: 0.0}

    @property
    def nulls(self) -> tuple[str, ...]:
        """The claims whose true effect is at or below the margin."""
        return tuple(self.exact)

    def described(self) -> dict[str, dict[str, str]]:
        """Format and metric of the tasks."""
        return dict.fromkeys(("easy", "hard"), {"format": "choice", "metric": "accuracy"})

    def stacks(self, runs: pd.DataFrame, examples: int, rng: np.random.Generator) -> dict[str, Stack]:
        """What the runs of a study answer."""
        return {
            task: self._stack(runs, task, place, examples, rng) for place, task in enumerate(("easy", "hard"))
        }

    def _stack(
        self, runs: pd.DataFrame, task: str, place: int, examples: int, rng: np.random.Generator
    ) -> Stack:
        chosen = runs[runs["task"] == task]
        number = self.options[place]
        right = rng.integers(number, size=examples)
        base = rng.standard_normal((examples, number))
        base[np.arange(examples), right] += self.lead[place]
        seeds = sorted(set(chosen["seed"]))
        dense = {
            seed: base + self.drawn * rng.standard_normal(base.shape) if self.drawn else base
            for seed in seeds
        }
        hit = self.harder if place else 1.0
        scores = np.empty((len(chosen), examples, number))
        for index, run in enumerate(chosen.to_dict("records")):
            size = 0.0
            if run["level"] and not self.nothing:
                size = NOISE[LEVELS.index(int(run["level"]))]
            noise = (
                rng.standard_t(3, size=base.shape) / np.sqrt(3)
                if self.heavy
                else rng.standard_normal(base.shape)
            )
            scores[index] = dense[run["seed"]] + size * hit * noise
            scores[index, np.arange(examples), right] -= size * self.drift * place
        scores -= np.logaddexp.reduce(scores, axis=2, keepdims=True)
        losses = -scores[:, np.arange(examples), right]
        return Stack(
            row=chosen.index.to_numpy(),
            example_id=np.arange(examples) + 1_000_000 * place,
            target=right.astype(float),
            prediction=scores.argmax(axis=2).astype(np.float32),
            losses=losses.astype(np.float32),
            options=np.full(examples, number),
            scores=scores.astype(np.float32),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Formats:
    """The same questions, chosen from options and written; by default both lose alike.

    known: the share that the dense model knows, of what is chosen and written: a written answer must be known by heart.
    options: to choose from, where one who does not know guesses. more: so much less is kept of what is written.
    """

    name: str
    known: tuple[float, float] = (0.6, 0.35)
    options: int = 4
    more: float = 0.0
    nothing: bool = False
    claim: str = "asked-or-written"

    @property
    def exact(self) -> dict[str, float]:
        """The true effect: over the levels where anything is lost."""
        return {self.claim: self.more}

    @property
    def nulls(self) -> tuple[str, ...]:
        """The claims whose true effect is at or below the margin."""
        return () if self.more else (self.claim,)

    def described(self) -> dict[str, dict[str, str]]:
        """Format and metric of the tasks."""
        return {
            "easy": {"format": "choice", "metric": "accuracy"},
            "hard": {"format": "generate", "metric": "exact-match"},
        }

    def stacks(self, runs: pd.DataFrame, examples: int, rng: np.random.Generator) -> dict[str, Stack]:
        """What the runs of a study answer; how easy a question is, and how soon it is lost, is the same for both."""
        ease, held = rng.standard_normal((2, examples))
        made = {}
        for place, task in enumerate(("easy", "hard")):
            chosen = runs[runs["task"] == task]
            mine = _ranked(ease + 0.5 * rng.standard_normal(examples)) < self.known[place]
            lost_at = _ranked(held + 0.5 * rng.standard_normal(examples))
            prediction = np.empty((len(chosen), examples), dtype=np.float32)
            right = rng.integers(self.options, size=examples)
            for index, run in enumerate(chosen.to_dict("records")):
                kept = 1.0
                if run["level"] and not self.nothing:
                    kept = KEPT[LEVELS.index(int(run["level"]))] - self.more * place
                still = mine & (lost_at < kept)
                guess = rng.integers(self.options, size=examples)
                prediction[index] = still if place else np.where(still, right, guess)
            made[task] = Stack(
                row=chosen.index.to_numpy(),
                example_id=np.arange(examples),
                target=np.ones(examples) if place else right.astype(float),
                prediction=prediction,
                losses=np.ones_like(prediction),
                options=None if place else np.full(examples, self.options),
            )
        return made


def _ranked(values: Array) -> Array:
    """Ranks as shares of 1: uniform, in the order of the values."""
    return np.argsort(np.argsort(values)) / len(values)


def asked_runs(seeds: int) -> pd.DataFrame:
    """The runs of a study that asks, one row a run."""
    recipes = {"dense": recipe("dense", 0, method="none"), **sweep("magnitude", LEVELS)}
    return design(
        tasks=("easy", "hard"),
        recipes=recipes,
        seeds=range(seeds),
        retention=lambda run: 1.0,
        regimes=("zero-shot",),
    )


def claims_of(
    scenario: Margins | Formats,
    rng: np.random.Generator,
    *,
    seeds: int,
    examples: int,
    draws: int,
    margin: float,
) -> pd.DataFrame:
    """The table of claims of one simulated study."""
    runs = asked_runs(seeds)
    described = scenario.described()
    recipes = {"dense": recipe("dense", 0, method="none"), **sweep("magnitude", LEVELS)}
    stacks = scenario.stacks(runs, examples, rng)
    facts = facts_of(runs, described, examples).assign(steps=0)
    replicates = Replicates(seeds=tuple(range(seeds)), draws=draws)
    seed = int(rng.integers(2**31))
    scores = score_draws(stacks, described, replicates, seed)
    table = runs_table(facts, stacks, scores, replicates, tasks=described, recipes=recipes)
    questions = questions_of(table, stacks, described, AXES, replicates, seed)
    return claims_table(table, scores, replicates, AXES, recipes, questions=questions, margin=margin)


def true_effects(scenario: Margins | Formats, *, margin: float) -> dict[str, float]:
    """The true effect of the claim of a scenario: stated, or what the same estimator says of MANY questions."""
    if isinstance(scenario, Formats) or scenario.exact:
        return dict(scenario.exact)
    made = claims_of(scenario, np.random.default_rng(0), seeds=1, examples=MANY, draws=1, margin=margin)
    return dict(
        made.loc[made["claim"] == scenario.claim, ["claim", "effect"]].itertuples(index=False, name=None)
    )


def asked_trial(
    scenario: Margins | Formats,
    truth: Mapping[str, float],
    rng: np.random.Generator,
    *,
    seeds: int,
    examples: int,
    margin: float,
    draws: int = 200,
) -> pd.DataFrame:
    """Draw one study and hold its verdict on single questions against the truth. Columns: KEY, MEASURED and truth."""
    made = claims_of(scenario, rng, seeds=seeds, examples=examples, draws=draws, margin=margin)
    rows = made[made["claim"] == scenario.claim]
    return rows[KEY + MEASURED].assign(truth=rows["claim"].map(truth)).reset_index(drop=True)
