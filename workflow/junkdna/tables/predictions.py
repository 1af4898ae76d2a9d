"""Read the files of many runs into one table of facts and one array of predictions per task."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from junkdna.files.artifacts import METADATA_KEY, read_table
from junkdna.statistics.bootstrap import Replicates, distinct_weights, spread
from junkdna.statistics.metrics import FREE, chance, score

KEYS = ("checkpoint", "recipe", "task", "regime", "seed")
# Formats whose targets are classes, the same for all examples.
CLASSES = ("classification", "pair")
# Metrics whose chance is measured by run, and the column that holds it by example.
BLIND = {"log-likelihood": "scores"} | dict.fromkeys(("gold-likelihood", *FREE), "by_chance")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """Everything that the runs of one task predicted.

    row: int [R], the row of each run in the table of facts. example_id: int64 [n], sorted.
    target: float64 [n]; of format lm [R, n], for checkpoints cut a text into tokens of their own.
    prediction: float32 [R, n]; of a run with any that is no finite number all are NaN, so that nothing is computed
    from the rest. losses: float32 [R, n], as they are; all NaN where a log does not tell them. options: int [n],
    choices per example; where chance is measured by run (BLIND) float [R, n], what it is the mean of; else None. guess:
    the class that is commonest among the training labels; None where there are no classes. scores: of options that a
    model was asked to choose from, as it is, log-probabilities float32 [R, n, k], NaN where a question has fewer than
    k; else, and where a log does not tell them, None.
    """

    row: np.ndarray
    example_id: np.ndarray
    target: np.ndarray
    prediction: np.ndarray
    losses: np.ndarray
    options: np.ndarray | None
    guess: float | None = None
    scores: np.ndarray | None = None

    @property
    def finite(self) -> np.ndarray:
        """Bool [R]: whether all that a run predicted, and all its losses that are known, are finite numbers."""
        return np.isfinite(self.prediction).all(axis=1) & known_or_absent(self.losses)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draws:
    """Scores along the replicate axis, float32 [runs, R] each; NaN for a run that diverged.

    score: in the metric. excess: above chance, which is counted on the same resample.
    """

    score: np.ndarray
    excess: np.ndarray


def read_runs(
    folders: Sequence[Path],
    tasks: Mapping[str, Mapping[str, str]],
    expected: Iterable[Mapping[str, Any]] | None = None,
    labels: Mapping[str, np.ndarray] | None = None,
) -> tuple[pd.DataFrame, dict[str, Stack]]:
    """Read `metrics.parquet` and `predictions.parquet` of every folder.

    tasks: slug -> {"metric", "format"}. expected: the keys of the runs that were asked for (more entries in
    each mapping do no harm). labels: task -> its training labels, for the tasks that have classes. Returns the facts
    (one row a folder, in the order given) and the stack of each task. ValueError when a run is
    missing, twice there or not asked for, or when two runs of a task were evaluated on different examples.
    """
    facts = pd.concat([read_table(Path(folder) / "metrics.parquet") for folder in folders], ignore_index=True)
    facts.attrs = {}
    check_keys(facts, expected)
    unknown = sorted(set(facts["task"]) - set(tasks))
    if unknown:
        raise ValueError(
            f"tasks: runs of {unknown[0]!r} but no such task is described; there are {sorted(tasks)}"
        )
    stacks = {}
    for task, rows in facts.groupby("task", sort=False).indices.items():
        form = tasks[task]["format"]
        stacks[task] = _read_stack(folders, facts, rows, form, BLIND.get(tasks[task]["metric"]))
        if labels is not None and form in CLASSES and task in labels:
            stacks[task] = replace(stacks[task], guess=commonest(labels[task]))
    return facts, stacks


def training_labels(tasks: Iterable[str], files: Iterable[str | Path]) -> dict[str, np.ndarray]:
    """The labels of the training split of each task, from the file of each."""
    pairs = zip(tasks, files, strict=True)
    return {task: read_table(path, columns=["label"])["label"].to_numpy() for task, path in pairs}


def known_or_absent(losses: np.ndarray) -> np.ndarray:
    """Bool [...] of losses [..., n]: whether all are finite, or none is known (a log without likelihoods)."""
    return np.isfinite(losses).all(axis=-1) | np.isnan(losses).all(axis=-1)


def commonest(labels: np.ndarray) -> float:
    """The commonest of some labels, the smallest of several."""
    values, count = np.unique(np.asarray(labels, dtype=np.float64), return_counts=True)
    return float(values[count.argmax()])


def check_keys(facts: pd.DataFrame, expected: Iterable[Mapping[str, Any]] | None = None) -> None:
    """Check that there is exactly one row for each expected run, and no other. ValueError names the first."""
    found = list(facts[list(KEYS)].itertuples(index=False, name=None))
    twice = facts[facts.duplicated(list(KEYS))]
    if len(twice):
        raise ValueError(f"runs: more than one row for {_named(twice.iloc[0])} ({len(twice)} rows too many)")
    if expected is None:
        return
    asked = [tuple(run[key] for key in KEYS) for run in expected]
    for problem, keys in (
        ("no row for", sorted(set(asked) - set(found))),
        ("a row that was not asked for:", sorted(set(found) - set(asked))),
    ):
        if keys:
            raise ValueError(
                f"runs: {problem} {_named(dict(zip(KEYS, keys[0], strict=True)))} ({len(keys)} in all)"
            )


def score_draws(
    stacks: Mapping[str, Stack], tasks: Mapping[str, Mapping[str, str]], replicates: Replicates, seed: int
) -> Draws:
    """Score every run along the replicate axis: on the sample and on resamples of its examples.

    Runs of one task see the same resamples, and so do tasks over the same examples.
    """
    shape = (sum(len(stack.row) for stack in stacks.values()), replicates.size)
    draws = Draws(score=np.full(shape, np.nan, np.float32), excess=np.full(shape, np.nan, np.float32))
    for task, stack in stacks.items():
        metric, finite = tasks[task]["metric"], stack.finite
        if not finite.any():
            continue
        target, options = stack.target, stack.options
        target = target[finite] if target.ndim > 1 else target
        options = options[finite] if options is not None and options.ndim > 1 else options
        scores, excesses = [], []
        for weights in distinct_weights(stack.example_id, replicates.draws, seed):
            scores.append(score(metric, target, stack.prediction[finite], weights))
            excesses.append(scores[-1] - chance(metric, target, options, stack.guess, weights))
        rows = stack.row[finite]
        draws.score[rows] = spread(np.concatenate(scores, axis=1), replicates)
        draws.excess[rows] = spread(np.concatenate(excesses, axis=1), replicates)
    return draws


def _named(run: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={run[key]}" for key in KEYS)


def _read_stack(
    folders: Sequence[Path], facts: pd.DataFrame, rows: np.ndarray, form: str, blind: str | None
) -> Stack:
    stack: Stack | None = None
    targets, chances, scores = [], [], []
    asked = form == "choice" and bool((facts["regime"].iloc[rows] == "zero-shot").any())
    for index, row in enumerate(rows):
        path = Path(folders[row]) / "predictions.parquet"
        columns = ["example_id", "target", "prediction", "loss", *([blind] if blind else [])]
        needed = asked or (form == "choice" and index == 0)
        table = read_table(path, columns=columns + ["scores"] * needed)
        _check_metadata(path, table.attrs[METADATA_KEY], facts.iloc[row])
        order = np.argsort(table["example_id"].to_numpy(), kind="stable")
        ids = table["example_id"].to_numpy()[order]
        if stack is None:
            stack = Stack(
                row=np.asarray(rows),
                example_id=ids,
                target=table["target"].to_numpy(dtype=np.float64)[order],
                prediction=np.empty((len(rows), len(ids)), dtype=np.float32),
                losses=np.empty((len(rows), len(ids)), dtype=np.float32),
                options=table["scores"].map(len).to_numpy()[order] if form == "choice" else None,
            )
        if not np.array_equal(ids, stack.example_id):
            raise ValueError(
                f"{path}: other examples ({len(ids)}) than in {folders[rows[0]]} ({len(stack.example_id)}); "
                "all runs of a task must be evaluated on the same ones"
            )
        if form == "lm":
            targets.append(table["target"].to_numpy(dtype=np.float64)[order])
        if blind:
            values = np.stack(table[blind].to_numpy()).reshape(len(ids), -1)[order, 0]
            chances.append(values.astype(np.float64))
        if asked:
            assert stack.options is not None, "a choice has options"
            scores.append(_side_by_side(table["scores"].iloc[order], stack.options))
        values = table["prediction"].to_numpy(dtype=np.float32)[order]
        stack.prediction[index] = values if np.isfinite(values).all() else np.nan
        stack.losses[index] = table["loss"].to_numpy(dtype=np.float32)[order]
    assert stack is not None, "a task of the facts has a run"
    if asked and not (stack.finite & np.isnan(stack.losses).any(axis=1)).any():
        return replace(stack, scores=np.stack(scores))
    stack = replace(stack, target=np.stack(targets)) if form == "lm" else stack
    # A log made elsewhere does not tell it.
    told = blind and not np.isnan(chances).all()
    return replace(stack, options=np.stack(chances)) if told else stack


def _side_by_side(lists: pd.Series, options: np.ndarray) -> np.ndarray:
    """Lists of scores as one array [n, k], NaN behind the last of each."""
    out = np.full((len(options), options.max()), np.nan, dtype=np.float32)
    out[np.arange(options.max()) < options[:, None]] = np.concatenate(lists.to_numpy())
    return out


def _check_metadata(path: Path, metadata: Mapping[str, Any], run: pd.Series) -> None:
    """Predictions say whose they are; a folder that mixes two runs must not pass."""
    for key in KEYS:
        if key in metadata and str(metadata[key]) != str(run[key]):
            raise ValueError(f"{path}: {key} is {metadata[key]} there but {run[key]} in metrics.parquet")
