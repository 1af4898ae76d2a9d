"""Read the columns of a task's raw table: texts, options, labels; say what is wrong with them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from junkdna.files.hub import nearest


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


def answers(table: pd.DataFrame, path: str, where: str, split: str) -> list[list[str]]:
    """Take the right answers of each row: a list of aliases, or one text or number. None may be without any."""
    rows = [
        list(row) if isinstance(row, list | np.ndarray) else [row if isinstance(row, str) else f"{row:g}"]
        for row in pick(table, path, where)
        if not is_missing(row)
    ]
    without = len(table) - len(rows) + sum(not row for row in rows)
    if without:
        raise ValueError(f"{where}: {without} of {len(table)} rows of {split!r} have no answer in {path!r}")
    return [texts(row, path, where, split) for row in rows]


def evidence(table: pd.DataFrame, path: str, where: str, split: str) -> list[str]:
    """Take the evidence of each row, several texts with an empty line between them; none is an empty text."""
    rows = [
        "" if is_missing(row) else "\n\n".join(row) if isinstance(row, list | np.ndarray) else row
        for row in pick(table, path, where)
    ]
    return texts(rows, path, where, split)


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

    Labels are names: each value is one of `labels`, as text, and its number is its place there. classes: the
    names that the source itself gives to its numbers; only with them is a value a place, the one in `classes`,
    and the name there is looked up. Nothing else turns a number into a place, for a stray 0 beside 1 to 5 would
    shift every class. Without `labels` and `classes` numbers count from 0, and with `letters` A, B, ... too.

    Raises ValueError for a value that is no name, with all names, and for rows without a label, with their number.
    """
    where = f"{key}.columns.label"
    words = [_word(value) for value in values]
    if missing := sum(word in ("", "-1") and word not in (labels or ()) for word in words):
        raise ValueError(_without_label(missing, len(words), where, split))
    if classes:
        if odd := sorted({word for word in words if not _is_place(word, len(classes))}):
            legal = f"0 to {len(classes) - 1}, for the source names {len(classes)} classes"
            raise ValueError(f"{where}: found {_listed(odd)} in {split!r}; legal: {legal}")
        words = [classes[int(word)] for word in words]
        labels = labels or classes
    found = set(words)
    if labels and found <= set(labels):
        place = {label: i for i, label in enumerate(labels)}
    elif not labels and all(word.isdecimal() for word in found):
        place = {word: int(word) for word in found}
    elif letters and not labels and all(len(word) == 1 and "A" <= word <= "Z" for word in found):
        place = {word: ord(word) - ord("A") for word in found}
    else:
        raise ValueError(f"{key}.labels: {_not_among(found, labels, split)}")
    return np.array([place[word] for word in words], dtype=np.int64)


def named_places(values: list[Any], names: list[Any], key: str, split: str) -> np.ndarray:
    """Read answers as int64 places among the names of a row's own options (1, 2, ... in one, A, B, ... in another).

    Raises ValueError for rows without an answer, and for one that is none of its row's names.
    """
    where = f"{key}.columns.label"
    words = [_word(value) for value in values]
    if missing := sum(not word for word in words):
        raise ValueError(_without_label(missing, len(words), where, split))
    rows = [[_word(name) for name in row] for row in names]
    odd = [(word, row) for word, row in zip(words, rows, strict=True) if word not in row]
    if odd:
        word, row = odd[0]
        raise ValueError(
            f"{where}: {len(odd)} of {len(words)} rows of {split!r} have an answer that is none of their names (the "
            f"first: found {word!r}; legal: {', '.join(row)})"
        )
    return np.array([row.index(word) for word, row in zip(words, rows, strict=True)], dtype=np.int64)


def check_counting(values: list[Any], table: pd.DataFrame, key: str) -> None:
    """Refuse numbers as answers that nobody named and that may count from 1.

    values: as the source has them. table: with `options` and `label`, the places read from them. Numbers that
    count from 1 name an option that is not there, or never name the first; so both ends must occur.
    """
    if not all(_word(value).isdecimal() for value in values):
        return
    last = table["options"].map(len) - 1
    if not ((table["label"] == 0).any() and (table["label"] == last).any()):
        raise ValueError(
            f"{key}.labels: missing; no row of 'train' has its first option as answer, or none its last one, so the "
            'numbers may count from 1. Say what the column has: labels: ["0", "1", ...], or ["1", "2", ...]'
        )


def _is_place(word: str, count: int) -> bool:
    return word.isdecimal() and int(word) < count


def _listed(words: Sequence[str]) -> str:
    return ", ".join(map(repr, words[:10])) + (" ..." if len(words) > 10 else "")


def _not_among(found: set[str], labels: Sequence[str] | None, split: str) -> str:
    """What is wrong with labels that are no names."""
    if not labels:
        return f"found {_listed(sorted(found))} as labels of {split!r}; the key is missing"
    odd = sorted(found - set(labels))
    line = f"found {_listed(odd)} as labels of {split!r}; legal: {', '.join(labels)}{nearest(odd[0], list(labels))}"
    if all(word.isdecimal() for word in found) and not any(label.isdecimal() for label in labels):
        numbers = ", ".join(f'"{word}"' for word in sorted(found, key=int)[:10])
        line += (
            f"; labels are names as the column has them, so numbers are named as such: labels: [{numbers}]"
        )
    return line


def _word(value: Any) -> str:
    """A label as text, "" where there is none; 1.0 is 1, for a null makes a whole column float."""
    if is_missing(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and value.is_integer():
        return str(int(value))
    return str(value)
