"""Hold tables against what is said of their columns."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]


def generator() -> ModuleType:
    """`docs/generate.py` as a module."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DESCRIBED = generator().descriptions()


def untrue(name: str, table: pd.DataFrame) -> list[str]:
    """Everything in which a table is not what is said of it; name: of its file."""
    columns = DESCRIBED[name].columns
    expected = [each for each in columns if each in table or not columns[each].optional]
    if list(table.columns) != expected:
        return [f"{name}: columns {list(table.columns)}, described as {expected}"]
    lines = []
    for each in expected:
        lines += [f"{name}.{each}: {line}" for line in _wrong(columns[each], table[each])]
    return lines


def _wrong(column, values: pd.Series) -> list[str]:
    """What of the values of a column its description does not allow."""
    gone = values.isna()
    lines = ["has NaN, and no meaning of it is given"] if gone.any() and not column.missing else []
    values = values[~gone]
    if column.kind in ("text", "list"):
        kinds = str if column.kind == "text" else (list, np.ndarray)
        lines += [f"{value!r} is no {column.kind}" for value in values if not isinstance(value, kinds)][:1]
        if column.legal and not lines:
            lines += [f"{value!r} is not legal" for value in sorted(set(values) - set(column.legal))]
        return lines
    if column.kind == "yes or no":
        return (
            lines + [f"{value!r} is neither yes nor no" for value in values if value not in (True, False)][:1]
        )
    if values.map(lambda value: isinstance(value, bool | np.bool_ | str)).any():
        return [*lines, "holds what is no number"]
    numbers = values.to_numpy()
    if column.kind == "whole number" and len(numbers) and (numbers != numbers.round()).any():
        lines.append("holds broken numbers")
    # Limits of floating-point sums.
    slack = 1e-6 * max(1.0, *(abs(end) for end in (column.least, column.most) if np.isfinite(end)), 0.0)
    if len(numbers) and (numbers.min() < column.least - slack or numbers.max() > column.most + slack):
        lines.append(f"{numbers.min():g} to {numbers.max():g} is not in {column.least:g} to {column.most:g}")
    return lines
