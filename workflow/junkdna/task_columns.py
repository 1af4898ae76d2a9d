"""Read the columns of a task's raw table: texts, options, labels; say what is wrong with them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from junkdna.hub import nearest


def pick(table: pd.DataFrame, path: str, where: str) -> list[Any]:
    """Take a column by name, or by a path with dots into nested ones (`choices.text`).

    A step into a list of records takes that field of each. Raises ValueError with the columns that there are.
    """
    if path in table.columns:
        return table[path].tolist()
    first, *steps = path.split(".")
    known = table.attrs.get("columns", list(table.columns))
    if first not in table.columns or not steps:
        raise ValueError(
            f"{where}: found no column {path!r}; legal: {', '.join(map(str, known))}"
            f"{nearest(path, list(map(str, known)))}"
        )
    values = table[first].tolist()
    for i, step in enumerate(steps):
        outer = ".".join([first, *steps[:i]])
        values = [_step(value, step, outer, where) for value in values]
    return values


def _step(value: Any, step: str, outer: str, where: str) -> Any:
    if isinstance(value, dict):
        if step not in value:
            raise ValueError(
                f"{where}: found no {step!r} in {outer!r}; legal: {', '.join(value)}"
                f"{nearest(step, list(value))}"
            )
        return value[step]
    if isinstance(value, list | np.ndarray):
        return [_step(item, step, outer, where) for item in value]
    raise ValueError(f"{where}: {outer!r} is no nested column, so it holds no {step!r}")


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN or pandas' NA."""
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def texts(values: list[Any], path: str, where: str, split: str) -> list[str]:
    """Check that all values are text; empty text is legal, none is not."""
    if missing := sum(map(is_missing, values)):
        raise ValueError(f"{where}: {missing} of {len(values)} rows of {split!r} have no {path!r} (null)")
    if wrong := [value for value in values if not isinstance(value, str)]:
        raise ValueError(
            f"{where}: {len(wrong)} of {len(values)} rows of {split!r} hold no text in {path!r}, but "
            f"{type(wrong[0]).__name__} ({str(wrong[0])[:40]})"
        )
    return values


def options(table: pd.DataFrame, paths: str | Sequence[str], where: str, split: str) -> list[list[str]]:
    """Take the options of each row: from one column that holds lists, or from a column for each."""
    if isinstance(paths, str):
        rows = pick(table, paths, where)
        if wrong := [row for row in rows if not isinstance(row, list | np.ndarray) or len(row) < 2]:
            raise ValueError(
                f"{where}: {len(wrong)} of {len(rows)} rows of {split!r} hold no list of two or more options "
                f"in {paths!r} (the first: {str(wrong[0])[:60]})"
            )
    else:
        rows = list(zip(*(pick(table, path, where) for path in paths), strict=True))
    flat = texts([option for row in rows for option in row], str(paths), where, split)
    ends = np.cumsum([len(row) for row in rows])
    return [flat[end - len(row) : end] for row, end in zip(rows, ends, strict=True)]


def numbers(values: list[Any], where: str, split: str) -> np.ndarray:
    """Read the targets of a regression, float64; all of them -1 means that they are withheld, as in GLUE."""
    read = []
    for value in values:
        try:
            read.append(np.nan if is_missing(value) or value == "" else float(value))
        except (TypeError, ValueError):
            raise ValueError(f"{where}: found {value!r} in {split!r}; legal: numbers") from None
    result = np.array(read)
    missing = len(result) if (result == -1).all() else int((~np.isfinite(result)).sum())
    if missing:
        raise ValueError(_without_label(missing, len(values), where, split))
    return result


def _without_label(missing: int, rows: int, where: str, split: str) -> str:
    return (
        f"{where}: {missing} of {rows} rows of {split!r} have no label (null, empty or -1), as in test "
        "splits whose answers are withheld; choose another split, or remove these rows"
    )


def indices(
    values: list[Any],
    labels: Sequence[str] | None,
    classes: Sequence[str] | None,
    *,
    letters: bool,
    key: str,
    split: str,
) -> np.ndarray:
    """Read labels as int64 numbers of classes (or places of options).

    Values may be names out of `labels`, or numbers from 0. classes: the source's own names of its numbers;
    they must be those of `labels`, in any order. letters: without `labels`, A, B, ... are 0, 1, ....
    """
    where = f"{key}.columns.label"
    words = [_word(value) for value in values]
    if missing := sum(word in ("", "-1") and word not in (labels or ()) for word in words):
        raise ValueError(_without_label(missing, len(words), where, split))
    if classes and all(word.isdecimal() and int(word) < len(classes) for word in set(words)):
        words = [classes[int(word)] for word in words]
        labels = labels or classes
    found = set(words)
    if labels and found <= set(labels):
        place = {label: i for i, label in enumerate(labels)}
    elif not classes and all(word.isdecimal() and (not labels or int(word) < len(labels)) for word in found):
        place = {word: int(word) for word in found}
    elif letters and not labels and all(len(word) == 1 and "A" <= word <= "Z" for word in found):
        place = {word: ord(word) - ord("A") for word in found}
    else:
        odd = sorted(found - set(labels or ()))
        legal = (
            f"legal: {', '.join(labels)}{nearest(odd[0], list(labels))}" if labels else "the key is missing"
        )
        shown = ", ".join(map(repr, odd[:10])) + (" ..." if len(odd) > 10 else "")
        raise ValueError(f"{key}.labels: found {shown} as labels of {split!r}; {legal}")
    return np.array([place[word] for word in words], dtype=np.int64)


def _word(value: Any) -> str:
    """A label as text, "" where there is none; 1.0 is 1, for a null makes a whole column float."""
    if is_missing(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and value.is_integer():
        return str(int(value))
    return str(value)
