"""What the runs of one checkpoint on one task predicted, example by example: the input of every measure.

Shapes: R runs, N null-input runs, S seeds, n examples. "size" is the replicate axis of `junkdna.statistics.bootstrap`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from junkdna.files.artifacts import METADATA_KEY, read_table
from junkdna.statistics.bootstrap import Replicates, distinct_weights, spread
from junkdna.tables.predictions import KEYS, known_or_absent
from junkdna.tables.retention import is_dense

Array = np.ndarray


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """All runs of a checkpoint on a task.

    runs: their rows of `runs_table`, numbered 0 .. R - 1. example_id: int64 [n], sorted. target: float64 [n].
    prediction: float32 [R, n]. loss: float64 [R, n], nats or squared error; both all NaN for a run that diverged.
    classes: int [n], classes or options of each example; 1 where a value is predicted. null_seeds: the seeds of the
    runs that saw no input and did not diverge. null_loss: float64 [N, n], their losses.
    """

    checkpoint: str
    task: str
    runs: pd.DataFrame
    example_id: Array
    target: Array
    prediction: Array
    loss: Array
    classes: Array
    null_seeds: tuple[int, ...]
    null_loss: Array

    @property
    def discrete(self) -> bool:
        """Whether an answer is right or wrong (classes, options) rather than near or far (values)."""
        return bool((self.classes > 1).all())

    @property
    def correct(self) -> Array:
        """Bool [R, n]."""
        return self.prediction == self.target

    def dense(self, *, trained: bool = True) -> Array:
        """Row numbers of the dense twins in order of their seeds; only of those that trained, if asked."""
        chosen = is_dense(self.runs)
        chosen &= self.runs["trained"] if trained else self.runs["outcome"] != "diverged"
        return self.runs[chosen].sort_values("seed").index.to_numpy()

    def seeds(self, rows: Array) -> list[int]:
        """The training seed of each of the rows."""
        return [int(seed) for seed in self.runs["seed"].to_numpy()[rows]]


def read_outcomes(
    runs: pd.DataFrame, predictions: Sequence[Path], nulls: Iterable[tuple[Mapping[str, Any], Path]] = ()
) -> dict[tuple[str, str], Outcomes]:
    """Read the predictions of all runs of a study, by (checkpoint, task).

    runs: from `runs_table`; predictions: the file of each of its rows. nulls: key (with checkpoint, task and
    seed) and file of each null-input run.
    ValueError when a file belongs to another run, or two files of a task hold different examples.
    """
    if len(runs) != len(predictions):
        raise ValueError(f"predictions: found {len(predictions)} files for {len(runs)} runs")
    of_null: dict[tuple[str, str], list[tuple[int, Path]]] = {}
    for key, path in nulls:
        of_null.setdefault((key["checkpoint"], key["task"]), []).append((int(key["seed"]), Path(path)))
    return {
        (checkpoint, task): _gather(
            runs.iloc[at].reset_index(drop=True),
            [Path(predictions[row]) for row in at],
            sorted(of_null.get((checkpoint, task), [])),
        )
        for (checkpoint, task), at in runs.groupby(["checkpoint", "task"], sort=False).indices.items()
    }


def _gather(runs: pd.DataFrame, paths: list[Path], nulls: list[tuple[int, Path]]) -> Outcomes:
    """The outcomes of one checkpoint on one task; all of them on the same examples."""
    tables = [
        _read(path, run, lengths=path == paths[0]) for path, run in zip(paths, _keys(runs), strict=True)
    ]
    same = {key: runs[key].iloc[0] for key in ("checkpoint", "task")}
    null_tables = [_read(path, same | {"seed": seed}) for seed, path in nulls]
    first = tables[0]
    for path, table in zip([*paths, *(path for _, path in nulls)], [*tables, *null_tables], strict=True):
        if not np.array_equal(table["example_id"], first["example_id"]):
            raise ValueError(
                f"{path}: other examples ({len(table)}) than in {paths[0]} ({len(first)}); "
                "all runs of a task must be evaluated on the same ones"
            )
    null_losses = {
        seed: table["loss"].to_numpy(dtype=np.float64)
        for (seed, _), table in zip(nulls, null_tables, strict=True)
        if np.isfinite(table["loss"]).all()
    }
    return Outcomes(
        **same,
        runs=runs,
        example_id=first["example_id"].to_numpy(),
        target=first["target"].to_numpy(dtype=np.float64),
        prediction=np.stack([_whole(table, "prediction", np.float32) for table in tables]),
        loss=np.stack([_whole(table, "loss", np.float64) for table in tables]),
        classes=first["scores"].map(len).to_numpy(),
        null_seeds=tuple(null_losses),
        null_loss=np.stack(list(null_losses.values())) if null_losses else np.empty((0, len(first))),
    )


def _keys(runs: pd.DataFrame) -> list[dict[str, Any]]:
    return runs[list(KEYS)].to_dict("records")


def example_means(values: Array, example_id: Array, replicates: Replicates, seed: int) -> Array:
    """Weighted mean over the examples of `values` [..., n], under every replicate: float64 [..., size]."""
    values = np.asarray(values, dtype=np.float64)
    blocks = [
        (values @ weights.T.astype(np.float64)) / weights.sum(axis=1, dtype=np.float64)
        for weights in distinct_weights(example_id, replicates.draws, seed)
    ]
    return spread(np.concatenate(blocks, axis=-1), replicates)


def _read(path: Path, run: Mapping[str, Any], *, lengths: bool = False) -> pd.DataFrame:
    columns = ["example_id", "target", "prediction", "loss", *["scores"] * lengths]
    table = read_table(path, columns=columns)
    metadata = table.attrs[METADATA_KEY]
    for key in KEYS:
        if key in metadata and key in run and str(metadata[key]) != str(run[key]):
            raise ValueError(f"{path}: {key} is {metadata[key]} there; expected {run[key]}")
    return table.sort_values("example_id", kind="stable", ignore_index=True)


def _whole(table: pd.DataFrame, column: str, kind: type) -> Array:
    """A column of a run; all NaN if any of its predictions, or of its losses that are known, is no finite number."""
    known = np.isfinite(table["prediction"]).all() and known_or_absent(table["loss"].to_numpy(dtype=float))
    return table[column].to_numpy(dtype=kind) if known else np.full(len(table), np.nan, dtype=kind)
