"""Read the files of many runs into one table of facts and one array of predictions per task."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from junkdna.artifacts import METADATA_KEY, read_table
from junkdna.bootstrap import Replicates, distinct_weights, spread
from junkdna.metrics import score

KEYS = ("checkpoint", "recipe", "task", "regime", "seed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """Everything that the runs of one task predicted.

    row: int [R], the row of each run in the table of facts. example_id: int64 [n], sorted.
    target: float64 [n]; of format lm [R, n], for checkpoints cut a text into tokens of their own.
    prediction: float32 [R, n]. loss: float64 [R], mean over examples. finite: bool [R],
    whether every prediction was a finite number (those that were not are stored as 0).
    options: int [n], choices per example; of format lm float [R, n], the mean log-probability of the tokens by the
    unigram model; else None.
    """

    row: np.ndarray
    example_id: np.ndarray
    target: np.ndarray
    prediction: np.ndarray
    loss: np.ndarray
    finite: np.ndarray
    options: np.ndarray | None


def read_runs(
    folders: Sequence[Path], tasks: Mapping[str, Mapping[str, str]], expected: Iterable[Mapping] | None = None
) -> tuple[pd.DataFrame, dict[str, Stack]]:
    """Read `metrics.parquet` and `predictions.parquet` of every folder.

    tasks: slug -> {"metric", "format"}. expected: the keys of the runs that were asked for (more entries in
    each mapping do no harm). Returns the facts (one row a folder, in the order given) and the stack of each
    task. ValueError when a run is missing, twice there or not asked for, or when two runs of a task were
    evaluated on different examples.
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
        stacks[task] = _read_stack(folders, facts, rows, tasks[task]["format"])
    return facts, stacks


def check_keys(facts: pd.DataFrame, expected: Iterable[Mapping] | None = None) -> None:
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
) -> np.ndarray:
    """Score every run along the replicate axis: on the sample and on resamples of its examples.

    Returns float32 [runs, R]. Runs of one task see the same resamples, and so do tasks over the same examples.
    """
    out = np.empty((sum(len(stack.row) for stack in stacks.values()), replicates.size), dtype=np.float32)
    for task, stack in stacks.items():
        blocks = [
            score(tasks[task]["metric"], stack.target, stack.prediction, weights)
            for weights in distinct_weights(stack.example_id, replicates.draws, seed)
        ]
        out[stack.row] = spread(np.concatenate(blocks, axis=1), replicates)
    return out


def _named(run: Mapping) -> str:
    return " ".join(f"{key}={run[key]}" for key in KEYS)


def _read_stack(folders: Sequence[Path], facts: pd.DataFrame, rows: np.ndarray, form: str) -> Stack:
    example_id = target = options = None
    targets, unigrams = [], []
    prediction, loss, finite = None, np.empty(len(rows)), np.empty(len(rows), dtype=bool)
    for index, row in enumerate(rows):
        path = Path(folders[row]) / "predictions.parquet"
        columns = ["example_id", "target", "prediction", "loss"]
        table = read_table(
            path, columns=columns + ["scores"] * (form == "lm" or (form == "choice" and index == 0))
        )
        _check_metadata(path, table.attrs[METADATA_KEY], facts.iloc[row])
        order = np.argsort(table["example_id"].to_numpy(), kind="stable")
        ids = table["example_id"].to_numpy()[order]
        if example_id is None:
            example_id, target = ids, table["target"].to_numpy(dtype=np.float64)[order]
            prediction = np.empty((len(rows), len(ids)), dtype=np.float32)
            options = table["scores"].map(len).to_numpy()[order] if form == "choice" else None
        if not np.array_equal(ids, example_id):
            raise ValueError(
                f"{path}: other examples ({len(ids)}) than in {folders[rows[0]]} ({len(example_id)}); "
                "all runs of a task must be evaluated on the same ones"
            )
        if form == "lm":
            targets.append(table["target"].to_numpy(dtype=np.float64)[order])
            unigrams.append(np.stack(table["scores"].to_numpy())[order, 0].astype(np.float64))
        values = table["prediction"].to_numpy(dtype=np.float32)[order]
        finite[index] = np.isfinite(values).all()
        prediction[index] = np.where(np.isfinite(values), values, 0.0)
        loss[index] = table["loss"].mean()
    if form == "lm":
        target, options = np.stack(targets), np.stack(unigrams)
    return Stack(
        row=np.asarray(rows),
        example_id=example_id,
        target=target,
        prediction=prediction,
        loss=loss,
        finite=finite,
        options=options,
    )


def _check_metadata(path: Path, metadata: Mapping, run: pd.Series) -> None:
    """Predictions say whose they are; a folder that mixes two runs must not pass."""
    for key in KEYS:
        if key in metadata and str(metadata[key]) != str(run[key]):
            raise ValueError(f"{path}: {key} is {metadata[key]} there but {run[key]} in metrics.parquet")
