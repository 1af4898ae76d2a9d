"""The files of one run: what it predicted, how it trained, and one row that sums it up."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from junkdna.files.artifacts import sha256, write_table
from junkdna.files.seals import read_seal

# The columns of `metrics.parquet` that add up to the time of a run.
SECONDS = ("train_seconds", "eval_seconds", "load_seconds")


def fingerprint(files: Iterable[str | Path], values: Sequence[Any]) -> str:
    """Hash everything that a half-done training depends on: the content of its files and its settings.

    The seal of a file is the hash of its content, once the file has been read.
    """
    hashes = [read_seal(path) or sha256(path) for path in files]
    text = json.dumps([hashes, values], sort_keys=True, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()


def write_run(
    predictions: tuple[str, pd.DataFrame],
    history: tuple[str, pd.DataFrame],
    metrics: tuple[str, Mapping[str, Any]],
    *,
    keys: Mapping[str, Any],
    code: str,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write the three tables of a run (columns: `runs_columns`), each given as (path, content), the metrics last.

    keys: checkpoint, recipe, task, regime, seed, family and level; they are columns of the metrics and
    metadata of all three. code: digest of the code that made them. about: what else they say of how they were made
    (`record.record`); the versions in it are a column of the metrics too, where these do not say others.
    """
    metadata = {**(about or {}), **keys, "code": code}
    write_table(*predictions, metadata)
    write_table(*history, metadata)
    path, facts = metrics
    row = {**keys, **facts}
    if "versions" in metadata:
        row.setdefault("versions", metadata["versions"])
    write_table(path, pd.DataFrame([row]), metadata)
