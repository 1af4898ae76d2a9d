"""Count what the two splits of a task have in common, and which answers occur in each."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd


def shared_examples(tables: Mapping[str, pd.DataFrame]) -> int:
    """How many validation examples have the texts (and options) of a training example, whatever their labels.

    tables: split -> normalised examples, those that are trained and measured on. Blank texts count for nothing.
    """
    learnt, asked = (list(_contents(tables[split])) for split in ("train", "validation"))
    known = {content for content in learnt if content is not None}
    return sum(content in known for content in asked)


def _contents(table: pd.DataFrame) -> Iterator[tuple[str | tuple[str, ...], ...] | None]:
    parts = [name for name in ("text", "text_pair", "options") if name in table.columns]
    for row in zip(*(table[name] for name in parts), strict=True):
        content = tuple(part if isinstance(part, str) else tuple(part) for part in row)
        yield (
            content if any(part and (not isinstance(part, str) or part.strip()) for part in content) else None
        )


def count_answers(table: pd.DataFrame, form: str, names: Sequence[str] | None) -> dict[str, dict[str, int]]:
    """How many examples have each answer, under what a manifest calls it.

    `classes` by name, also those that never occur; of a choice `answers` by the place of the right option, from 1;
    of a regression `answers` only where all targets are one number; of running text nothing.
    """
    found: Counter[Any] = Counter(table["label"].tolist())
    if form in ("classification", "pair"):
        return {"classes": {label: found[i] for i, label in enumerate(names or [])}}
    if form == "choice":
        return {"answers": {f"option {place + 1}": found[place] for place in sorted(found)}}
    if form == "regression" and len(found) == 1:
        return {"answers": {f"{target:g}": count for target, count in found.items()}}
    return {}
