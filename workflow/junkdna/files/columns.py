"""What a table holds, column by column: unit, legal values, and what a missing value says.

The descriptions stand in modules `*_columns`, each beside the module that makes the tables; `docs/tables.md` is made
from them. What makes a table does not import them: an edit of their words is no edit of its code and reruns nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf

from junkdna.study.regimes import REGIMES

KINDS = ("text", "whole number", "number", "yes or no", "list")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column.

    kind: of its values, one of KINDS. meaning: what it says. unit: of a number, "" where it counts or has none. least,
    most: the smallest and the largest legal number. legal: all texts that may stand there, () where any may. missing:
    what NaN or null says; "" where there is none. optional: when the table lacks the column; "" where it never does.
    """

    kind: str
    meaning: str
    unit: str = ""
    least: float = -inf
    most: float = inf
    legal: tuple[str, ...] = ()
    missing: str = ""
    optional: str = ""

    def __post_init__(self) -> None:
        assert self.kind in KINDS and self.meaning, self


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One kind of table.

    names: of its files, without `.parquet`. row: what one row is. columns: in the order of the table. note: what a
    reader should know besides; Markdown.
    """

    names: tuple[str, ...]
    row: str
    columns: Mapping[str, Column] = field(repr=False)
    note: str = ""


def text(meaning: str, legal: tuple[str, ...] = (), *, missing: str = "", optional: str = "") -> Column:
    """A column of texts."""
    return Column(kind="text", meaning=meaning, legal=legal, missing=missing, optional=optional)


def count(meaning: str, least: float = 0, most: float = inf, *, missing: str = "") -> Column:
    """A column of whole numbers, from 0 unless said otherwise."""
    return Column(kind="whole number", meaning=meaning, least=least, most=most, missing=missing)


def number(
    meaning: str, unit: str = "", least: float = -inf, most: float = inf, *, missing: str = ""
) -> Column:
    """A column of numbers."""
    return Column(kind="number", meaning=meaning, unit=unit, least=least, most=most, missing=missing)


def share(meaning: str, *, missing: str = "") -> Column:
    """A column of shares, 0 to 1."""
    return number(meaning, "share", 0, 1, missing=missing)


def truth(meaning: str, *, missing: str = "") -> Column:
    """A column of yes or no."""
    return Column(kind="yes or no", meaning=meaning, missing=missing)


def with_limits(
    name: str, column: Column, over: str, *, least: float = -inf, most: float = inf, missing: str = ""
) -> dict[str, Column]:
    """A column of estimates and the two of their 95 % interval.

    over: what the interval is over. least, most: what the limits cannot exceed; a t interval may leave the range of the
    estimate. missing: why a limit is missing beside the estimate's own reasons.
    """
    reasons = "; or ".join(filter(None, (column.missing, missing)))
    limits = {
        f"{name}_{end}": number(
            f"{words} limit of `{name}`, 95 %, over {over}", column.unit, least, most, missing=reasons
        )
        for end, words in (("low", "lower"), ("high", "upper"))
    }
    return {name: column, **limits}


CHECKPOINT = text("the pre-trained model, by its key in the config")
RECIPE = text("how its weights are compressed: `dense`, or one level of a sweep of the config")
FAMILY = text("the sweep that the recipe is a level of; `-nm` is added for its N:M levels; `dense` for none")
LEVEL = number(
    "how much is compressed: weights removed, or, of quantization, bytes of 16-bit weights saved", "%", 0, 100
)
TASK = text("the task, by its key in the config")
REGIME = text("what happens to the weights after the recipe; see `study/regimes.py`", tuple(REGIMES))
SEED = count("training seed")
AXIS = text("an ordered list of tasks, easy to hard, by its key in the config")
EXAMPLE_ID = count(
    "the example by its content: 64 bits of a hash of its texts and label; the same in every file",
    -(2**63),
    2**63,
)

# What tells runs apart.
KEYS = {"checkpoint": CHECKPOINT, "recipe": RECIPE, "task": TASK, "regime": REGIME, "seed": SEED}
ALSO_NULL = replace(
    REGIME, legal=(*REGIMES, "null"), meaning=f"{REGIME.meaning}; `null`: dense, on inputs without text"
)
