"""Read a file of examples, row by row: a row that does not fit is told with its line, never bent into shape."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from junkdna.study.local_paths import not_utf8

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a text may be longer than the 128 KiB of the default


def read_examples(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a .parquet, .csv, .tsv or .jsonl file, one row an example.

    columns: paths of the columns that are wanted (`choices.text`); every line of a .jsonl must have them. CSV
    follows RFC 4180; a TSV has no quotes, as in GLUE. Both give text only, exactly as it is written, and blank
    lines count for nothing. Raises ValueError with the number of the first line that does not fit.
    """
    if path.suffix == ".parquet":
        return _read_parquet(path)
    try:
        if path.suffix == ".csv":
            return _table(_csv_rows(path), "a text that holds commas stands in double quotes")
        if path.suffix == ".tsv":
            return _table(_tsv_rows(path), "a text holds no tab and no line break there")
        return _read_jsonl(path, columns)
    except UnicodeDecodeError:
        raise ValueError(not_utf8(path)) from None


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    # An index that pandas wrote is a column like others; pages with a checksum are held against it.
    arrow = pq.read_table(path, partitioning=None, page_checksum_verification=True)
    _refuse_twice(arrow.column_names)
    return arrow.to_pandas(ignore_metadata=True)


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        while True:
            start = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise ValueError(
                    f"line {start}: {error} (a quoted field ends with its second quote; a quote inside it is "
                    "written twice)"
                ) from None
            yield start, row


def _tsv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            line = line.removesuffix("\n")
            yield number, line.split("\t") if line else []


def _table(rows: Iterator[tuple[int, list[str]]], advice: str) -> pd.DataFrame:
    """Put rows of fields under the header, which is the first of them."""
    filled = ((number, row) for number, row in rows if row)
    _, header = next(filled, (0, []))
    if not header:
        raise ValueError("it is empty, without so much as a header")
    _refuse_twice(name for name in header if name)
    kept, odd = [], []
    for number, row in filled:
        kept.append(row) if len(row) == len(header) else odd.append((number, len(row)))
    if odd:
        line, fields = odd[0]
        raise ValueError(
            f"{len(odd)} of {len(kept) + len(odd)} rows do not fit the header, whose {len(header)} fields are "
            f"{', '.join(map(repr, header[:20]))}: line {line} has {fields}; {advice}"
        )
    # A column without a name, such as the numbers that pandas puts before each row, cannot be asked for.
    named = [i for i, name in enumerate(header) if name]
    table = pd.DataFrame(kept, columns=range(len(header)), dtype=object)[named]
    return table.set_axis([header[i] for i in named], axis="columns")


def _read_jsonl(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """One object a line. (pandas would turn texts that look like numbers or dates into such.)"""
    rows, numbers = [], []
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line, object_pairs_hook=_object)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is no object {{...}}")
            rows.append(row)
            numbers.append(number)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for path_of in columns:
        # What no row has is a column under a wrong name, which is told with the names that there are.
        name = path_of if path_of in names else path_of.split(".")[0]
        lack = [number for number, row in zip(numbers, rows, strict=True) if name not in row]
        if 0 < len(lack) < len(rows):
            raise ValueError(
                f"{len(lack)} of {len(rows)} rows have no key {name!r}, line {lack[0]} is the first"
            )
    return pd.DataFrame(rows, columns=names, dtype=object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_twice((name for name, _ in pairs), "key")
    return dict(pairs)


def _refuse_twice(names: Iterable[str], what: str = "column") -> None:
    """Raise where a name stands twice: the last would win, or the first, without a word."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"the {what} {name!r} is there {count} times")
