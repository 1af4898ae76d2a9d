"""Every measure of difficulty of every task, along the replicate axis.

What a measure is stands in its own file; here the cached predictions are put into it. Runs that failed to
train are left out, except where the measure is a cost that they belong to (code length, learning curve).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from junkdna.difficulty.answers import Outcomes, example_means
from junkdna.difficulty.cartography import confidence_map
from junkdna.difficulty.codelength import codelength
from junkdna.difficulty.errors import dense_error, human_gap, seed_sd
from junkdna.difficulty.information import NATS, label_entropy, prior_loss
from junkdna.difficulty.learning_curve import MAX_EXPONENT, learning_exponent
from junkdna.difficulty.rasch import task_difficulty
from junkdna.statistics.bootstrap import Replicates, distinct_weights, mean_over_seeds, seed_weights, spread
from junkdna.statistics.metrics import score

Array = np.ndarray
_weights = cache(seed_weights)


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """One measure of one task for one checkpoint: values [size], NaN where it is undefined."""

    checkpoint: str
    task: str
    measure: str
    values: Array
    n_seeds: int = 0
    n_examples: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """What all measures share.

    tasks: slug -> {"format", "metric"} and, where a human score is published, "human" (a key of `human`).
    axes: slug -> {"tasks": easy to hard} and, where varied, "task", "vary" and "values". human: slug -> score
    in the metric's unit x 100. confidences: (checkpoint, task) -> seed -> rows (example_id, epoch,
    confidence) of the dense run. seed: of the resampling.
    """

    tasks: Mapping[str, Mapping[str, str]]
    axes: Mapping[str, Mapping[str, Any]]
    human: Mapping[str, float]
    confidences: Mapping[tuple[str, str], Mapping[int, pd.DataFrame]]
    replicates: Replicates
    seed: int = 0

    def average(self, values: Array, seeds: list[int]) -> Array:
        """Mean over seeds [size] of values [S, size]; a single seed is not left out of anything."""
        if len(seeds) == 1:
            return values[0]
        return mean_over_seeds(values, seeds, _weights(self.replicates))

    def scores(self, outcomes: Outcomes, rows: Array) -> Array:
        """Scores [rows, size] in the task's metric."""
        metric = self.tasks[outcomes.task]["metric"]
        weights = distinct_weights(outcomes.example_id, self.replicates.draws, self.seed)
        drawn = [score(metric, outcomes.target, outcomes.prediction[rows], block) for block in weights]
        return spread(np.concatenate(drawn, axis=1), self.replicates)

    def means(self, outcomes: Outcomes, values: Array) -> Array:
        """Means [..., size] over the examples of values [..., n]."""
        return example_means(values, outcomes.example_id, self.replicates, self.seed)


def estimate_all(outcomes: Mapping[tuple[str, str], Outcomes], study: Study) -> list[Estimate]:
    """Estimate all measures of all tasks. outcomes: from `read_outcomes`, all runs of the study."""
    out: list[Estimate] = []
    for each in outcomes.values():
        if study.tasks[each.task]["format"] == "lm":
            note = "running text has no best score and no labels"
            out.append(_undefined(each, "dense-error", study, note))
            continue
        rows = each.dense()
        if len(rows):
            out += [*_of_scores(each, rows, study), *_of_losses(each, rows, study)]
        else:
            out.append(_undefined(each, "dense-error", study, "no dense run trained"))
        out += _of_confidences(each, rows, study)
    for checkpoint in dict.fromkeys(key[0] for key in outcomes):
        own = {task: each for (name, task), each in outcomes.items() if name == checkpoint}
        for axis in study.axes.values():
            if axis.get("vary") == "train_percent" and all(task in own for task in axis["tasks"]):
                out += _of_sizes([own[task] for task in axis["tasks"]], study)
        out += _of_runs([each for each in own.values() if each.discrete and len(each.dense())], study)
    return out


def _undefined(outcomes: Outcomes, measure: str, study: Study, note: str) -> Estimate:
    values = np.full(study.replicates.size, np.nan)
    return Estimate(
        checkpoint=outcomes.checkpoint, task=outcomes.task, measure=measure, values=values, note=note
    )


def _estimator(
    outcomes: Outcomes, seeds: list[int], n_examples: int | None = None
) -> Callable[..., Estimate]:
    """A function (measure, values, note) -> Estimate of this task from these seeds."""

    def make(measure: str, values: Array, note: str = "") -> Estimate:
        return Estimate(
            checkpoint=outcomes.checkpoint,
            task=outcomes.task,
            measure=measure,
            values=values,
            n_seeds=len(seeds),
            n_examples=len(outcomes.example_id) if n_examples is None else n_examples,
            note=note,
        )

    return make


def _of_scores(outcomes: Outcomes, rows: Array, study: Study) -> list[Estimate]:
    seeds = outcomes.seeds(rows)
    make, scores = _estimator(outcomes, seeds), study.scores(outcomes, rows)
    chance = float(outcomes.runs["chance"].iloc[0])
    out = [make("dense-error", study.average(dense_error(scores, chance), seeds))]
    human = study.human.get(study.tasks[outcomes.task].get("human", ""), np.nan)
    if np.isfinite(human):
        gap = study.average(human_gap(scores, human), seeds)
        out.append(make("human-gap", gap, f"human score {human:g}"))
    else:
        out.append(_undefined(outcomes, "human-gap", study, "no human score is published"))
    if len(seeds) < 2:
        return [*out, _undefined(outcomes, "seed-sd", study, "needs two seeds")]
    of_seed = _weights(study.replicates)
    spread_of = seed_sd(scores, np.stack([of_seed[seed] for seed in seeds]))
    # Without one of two seeds nothing is left to spread, so no seed can be left out.
    return [*out, make("seed-sd", spread_of, "interval over examples alone" * (len(seeds) == 2))]


def _of_losses(outcomes: Outcomes, rows: Array, study: Study) -> list[Estimate]:
    """V-information, from the dense runs and the runs without input (or the label prior)."""
    if not outcomes.discrete:
        return [_undefined(outcomes, "v-information", study, "defined for classes and options only")]
    seeds, choice = outcomes.seeds(rows), study.tasks[outcomes.task]["format"] == "choice"
    losses = study.average(study.means(outcomes, outcomes.loss[rows]), seeds)
    if np.isnan(losses[0]):
        return [
            _undefined(outcomes, "v-information", study, "a log does not tell how likely each option was")
        ]
    if outcomes.null_seeds:
        note = f"null: runs without input, {len(outcomes.null_seeds)} seeds"
        without = study.average(study.means(outcomes, outcomes.null_loss), list(outcomes.null_seeds))
    else:
        note = "null: label prior of these examples"
        without = study.means(outcomes, prior_loss(outcomes.target, outcomes.classes, choice=choice))
    bits = (without - losses) / NATS
    entropy = label_entropy(outcomes.target, outcomes.classes, choice=choice)
    make = _estimator(outcomes, seeds)
    out = [make("v-information", bits, note)]
    if entropy > 0:
        out.append(make("v-information-share", bits / entropy, f"H(Y) = {entropy:.3f} bits; {note}"))
    return out


def _of_confidences(outcomes: Outcomes, rows: Array, study: Study) -> list[Estimate]:
    """Dataset cartography, where the confidences of the dense runs were recorded."""
    traced = study.confidences.get((outcomes.checkpoint, outcomes.task), {})
    seeds = [seed for seed in outcomes.seeds(rows) if seed in traced]
    if not seeds:
        return []
    confidence, variability, ids = confidence_map({seed: traced[seed] for seed in seeds})
    make = _estimator(outcomes, seeds, len(ids))
    out = []
    for measure, values in (("confidence", confidence), ("variability", variability)):
        drawn = example_means(values, ids, study.replicates, study.seed)
        out.append(make(measure, study.average(drawn, seeds), "training examples"))
    return out


def _of_sizes(levels: list[Outcomes], study: Study) -> list[Estimate]:
    """Code length and learning exponent of a task, from its runs on shrinking shares of its training set."""
    levels = levels[::-1]
    base, rows = levels[-1], [level.dense(trained=False) for level in levels]
    seeds = sorted(set.intersection(*(set(level.seeds(at)) for level, at in zip(levels, rows, strict=True))))
    if not seeds:
        return [_undefined(base, "learning-exponent", study, "no seed has a dense run at every size")]
    rows = [at[np.isin(level.seeds(at), seeds)] for level, at in zip(levels, rows, strict=True)]
    pairs = list(zip(levels, rows, strict=True))
    sizes = np.array([level.runs["train_examples"].to_numpy()[at[0]] for level, at in pairs], dtype=float)
    failed = sum(int((~level.runs["trained"].to_numpy()[at]).sum()) for level, at in pairs)
    make = _estimator(base, seeds)
    words = f"sizes {', '.join(f'{size:,.0f}' for size in sizes)}" + f"; {failed} runs did not train" * (
        failed > 0
    )
    out = []
    if base.discrete:
        losses = np.stack([study.means(level, level.loss[at]) for level, at in pairs])
        uniform = float(np.log2(base.classes).mean())
        out.append(make("codelength", study.average(codelength(sizes, losses, uniform), seeds), words))
    if len(set(sizes)) > 2:
        errors = np.stack([study.average(1 - study.scores(level, at), seeds) for level, at in pairs])
        _, exponent, _ = learning_exponent(sizes, errors)
        words += "; floor fixed at 0" * (len(set(sizes)) == 3)
        words += "; at the upper bound" * bool(exponent[0] > 0.99 * MAX_EXPONENT)
        out.append(make("learning-exponent", exponent, words))
    return out


def _of_runs(levels: list[Outcomes], study: Study) -> list[Estimate]:
    """Rasch difficulty of each task for the runs that trained on all of them."""
    subjects = [set(_subjects(each)) for each in levels]
    shared = sorted(set.intersection(*subjects)) if subjects else []
    out = []
    for each in levels:
        if len(shared) < 3:
            words = f"{len(shared)} runs trained on all tasks; needs three"
            out.append(_undefined(each, "rasch", study, words))
            continue
        row_of = _subjects(each)
        correct = each.correct[[row_of[subject] for subject in shared]]
        seeds = [subject[-1] for subject in shared]
        values = task_difficulty(correct, seeds, each.example_id, study.replicates, study.seed)
        words = f"{len(shared)} runs, dense and compressed, that trained on all {len(levels)} tasks"
        if correct.all() or not correct.any():
            words += "; all answers alike: the prior bounds the value"
        out.append(_estimator(each, sorted(set(seeds)))("rasch", values, words))
    return out


def _subjects(outcomes: Outcomes) -> dict[tuple[Any, ...], int]:
    """(recipe, regime, seed) -> row, of the runs that trained."""
    columns = ["recipe", "regime", "seed"]
    trained = outcomes.runs[outcomes.runs["trained"]]
    return {key: row for row, *key in trained[columns].itertuples(name=None) for key in [tuple(key)]}


def measured(estimates: Iterable[Estimate]) -> dict[str, dict[str, dict[str, Array]]]:
    """Replicate values by checkpoint, measure and task, of all that is defined."""
    out: dict[str, dict[str, dict[str, Array]]] = {}
    for each in estimates:
        if np.isfinite(each.values[0]):
            out.setdefault(each.checkpoint, {}).setdefault(each.measure, {})[each.task] = each.values
    return out
