"""Bring the labelled examples of a task into one form, whatever their source."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from junkdna.study.train_share import percent_of
from junkdna.tasks.columns import (
    answers,
    check_counting,
    evidence,
    indices,
    named_places,
    numbers,
    options,
    pick,
    texts,
)
from junkdna.tasks.distractors import with_distractors
from junkdna.tasks.sources import load_files, load_hub
from junkdna.tasks.split_facts import count_answers, shared_examples

CLASSES = ("classification", "pair")
UNLABELLED = ("generate", "lm")
SPLITS = {"train": "train", "validation": "validation"}


def fetch_task(entry: Mapping[str, Any], *, name: str) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Fetch the examples of a task: split -> table, and a manifest.

    entry: a catalog entry of tasks (source, format, columns, splits, labels, choices, distractors, train_examples,
    train_percent, validation_examples, subset, subset_seed).

    Columns of a table: `fetch_columns.EXAMPLES`; the label is int64, of a regression float64. The rows
    stand in the order of `subset_order`, so a table does not depend on the order of its source, and a smaller subset
    of the same seed is the beginning of a larger one. With `subset: first` the first rows of
    the source are taken (and then ordered like that): a smaller subset lies inside a larger one.

    manifest: name, source, commit or files, format, labels (names of the classes), num_labels (width of the
    head: 1 for regression, choice and lm), splits (rows taken and available, examples with each answer), shared
    (validation examples whose texts are those of a training example).

    Raises ValueError, FileNotFoundError or RuntimeError with the key, what was found and what is legal.
    """
    key, form = f"tasks.{name}", entry["format"]
    raw, columns, classes, origin = _read(entry, key)
    names = entry.get("labels") or classes
    tables = {}
    counts: dict[str, dict[str, Any]] = {}
    for split, table in raw.items():
        same = entry.get("choices")
        whole = normalise(
            table, form, columns, labels=names, classes=classes, choices=same, key=key, split=split
        )
        counts_places = form == "choice" and not names and not {"names", "answers"} & set(columns)
        if counts_places and split == "train" and "generate" not in entry["source"]:
            check_counting(pick(table, columns["label"], key), whole, key)
        if count := entry.get("distractors"):
            whole = with_distractors(whole, count, key, split)
        wanted = _subset_size(entry, split, len(whole), key)
        pool = whole.iloc[:wanted] if entry.get("subset") == "first" else whole
        strata = pool["label"].to_numpy() if form in CLASSES else np.zeros(len(pool), dtype=np.int64)
        order = subset_order(pool["example_id"].to_numpy(), strata, entry.get("subset_seed", 0))
        tables[split] = pool.iloc[order[:wanted]].reset_index(drop=True)
        counts[split] = {"examples": wanted, "available": len(whole)}
    width = 1
    if form in CLASSES:
        names = names or [
            str(i) for i in range(1 + max(int(table["label"].max()) for table in tables.values()))
        ]
        width = len(names)
    for split, table in tables.items():
        counts[split] |= count_answers(table, form, names)
    manifest = {
        "name": name,
        "source": dict(entry["source"]),
        **origin,
        "format": form,
        "labels": list(names or []),
        "num_labels": width,
        "splits": counts,
        "shared": 0 if form == "lm" else shared_examples(tables),
    }
    return tables, manifest


def _subset_size(entry: Mapping[str, Any], split: str, available: int, key: str) -> int:
    """How many of the rows of a split a task takes."""
    wanted = entry.get(f"{split}_examples") or available
    if wanted > available:
        raise ValueError(
            f"{key}.{split}_examples: found {wanted}; legal: up to {available}, which is all there is"
        )
    return percent_of(wanted, entry.get("train_percent", 100)) if split == "train" else wanted


def _read(
    entry: Mapping[str, Any], key: str
) -> tuple[dict[str, pd.DataFrame], Mapping[str, Any], list[str] | None, dict[str, Any]]:
    """Read the raw tables of a task; also its columns, the source's names of the classes, and its origin."""
    source = entry["source"]
    if "generate" in source:
        from junkdna.tasks.toy_questions import generate_questions
        from junkdna.tasks.toy_world import generate_task

        made = dict(source["generate"])
        task = made.pop("task")
        tables = generate_questions(**made) if task == "home" else generate_task(task, **made)
        return tables, {part: part for part in tables["train"].columns}, None, {}
    columns = entry["columns"]
    paths = [path for part in columns.values() for path in ([part] if isinstance(part, str) else part)]
    if "path" in source:
        tables, files = load_files(source["path"], paths, key=key)
        return tables, columns, None, {"files": files}
    splits = SPLITS | dict(entry.get("splits", {}))
    tables, classes, commit = load_hub(source, splits, paths, key=key)
    return tables, columns, classes.get(columns.get("label")), {"commit": commit}


def normalise(
    table: pd.DataFrame,
    form: str,
    columns: Mapping[str, Any],
    *,
    labels: Sequence[str] | None,
    classes: Sequence[str] | None,
    choices: Sequence[str] | None = None,
    key: str,
    split: str,
) -> pd.DataFrame:
    """Bring raw rows into the columns of `fetch_task`, in the order in which they come.

    labels: names of the classes or options in the order of their numbers. classes: the source's own names,
    where it numbers its labels. choices: the options of every question, where they are the same. Empty texts are
    legal; a missing text or label is an error that counts them.
    """
    if table.empty:
        raise ValueError(f"{key}.source: split {split!r} has no rows")
    parts: dict[str, list[Any] | np.ndarray] = {}
    for part in ("text", "text_pair"):
        if part in columns:
            where = f"{key}.columns.{part}"
            parts[part] = texts(pick(table, columns[part], where), columns[part], where, split)
    if "evidence" in columns:
        parts["evidence"] = evidence(table, columns["evidence"], f"{key}.columns.evidence", split)
    if "answers" in columns:
        # A free question, whichever way it will be asked: options are made for it later.
        form = "generate"
    if form == "choice":
        parts["options"] = (
            [list(choices)] * len(table)
            if choices
            else options(table, columns["options"], f"{key}.columns.options", split)
        )
    if form == "generate":
        parts["answers"] = answers(table, columns["answers"], f"{key}.columns.answers", split)
    values = [] if form in UNLABELLED else pick(table, columns["label"], f"{key}.columns.label")
    if form in UNLABELLED:
        parts["label"] = np.zeros(len(table), dtype=np.int64)
    elif form == "regression":
        parts["label"] = numbers(values, f"{key}.columns.label", split)
    elif "names" in columns:
        names = pick(table, columns["names"], f"{key}.columns.names")
        parts["label"] = named_places(list(values), names, key, split)
    else:
        parts["label"] = indices(values, labels, classes, letters=form == "choice", key=key, split=split)
    if form == "choice":
        over = [i for i, row in zip(parts["label"], parts["options"], strict=True) if i >= len(row)]
        if over:
            raise ValueError(
                f"{key}.columns.label: {len(over)} of {len(table)} rows of {split!r} name an option that is "
                f"not there (the first: {over[0]}, counted from 0). Where answers count from 1, say so: "
                'labels: ["1", "2", ...]'
            )
    result = pd.DataFrame(parts)
    shown = result["label"].tolist()
    if form in CLASSES and labels:
        shown = [labels[i] for i in shown]
    # An example is its question: it stays the same with more evidence, or none.
    content = result.drop(columns=["label", "evidence"], errors="ignore")
    result.insert(0, "example_id", example_ids(content, shown))
    return result


def example_ids(table: pd.DataFrame, labels: Sequence[Any]) -> np.ndarray:
    """Name each example by its content: 64 bits of BLAKE2b, int64 [rows].

    The content is all texts and the label: rows that differ in the label alone are different examples. Equal
    rows are counted (first, second, ...), and as they are equal it does not matter which is the first. So an
    id does not depend on where in its source a row stands.
    """
    seen: Counter[str] = Counter()
    ids = np.empty(len(table), dtype=np.int64)
    for i, row in enumerate(zip(*(table[name] for name in sorted(table.columns)), labels, strict=True)):
        content = json.dumps(row, default=list)
        digest = hashlib.blake2b(f"{seen[content]} {content}".encode(), digest_size=8).digest()
        ids[i] = int.from_bytes(digest, "little", signed=True)
        seen[content] += 1
    assert len(np.unique(ids)) == len(ids), "two different examples have the same 64-bit hash"
    return ids


def subset_order(example_id: np.ndarray, strata: np.ndarray, seed: int) -> np.ndarray:
    """Order examples so that the first n are a random subset with the shares of the strata, for every n.

    Within a stratum the order is that of a seeded hash of the ids; the k-th of its N examples then stands at
    (k - 1/2) / N of the whole. It does not depend on the order of the rows.
    """
    hashed = _mix(example_id.view(np.uint64) ^ _mix(np.array([seed], dtype=np.uint64)))
    by_hash = np.lexsort((hashed, strata))
    sizes = np.unique(strata, return_counts=True)[1]
    share = np.concatenate([(np.arange(size) + 0.5) / size for size in sizes])
    return by_hash[np.lexsort((hashed[by_hash], share))]


def _mix(x: np.ndarray) -> np.ndarray:
    """Scramble uint64 one to one: a step of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
