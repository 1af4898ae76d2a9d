"""The columns of the table of curves."""

from junkdna.files.columns import CHECKPOINT, FAMILY, LEVEL, REGIME, TASK, Column, Table, count, number, text
from junkdna.tables.curves import SHARES
from junkdna.tables.runs_columns import RETENTION_UNIT, SELECTION

FITS = {"": "a logistic curve from 1 to 0", "_isotonic": "the best falling polygon"}


def _located(name: str, fit: str, share: float) -> dict[str, Column]:
    """The columns of one estimate."""
    outside = "it lies outside the levels"
    limits = {
        f"{name}_{end}": number(
            f"{words} limit of it, 95 %, over seeds and examples", LEVEL.unit, 0, 100, missing=outside
        )
        for end, words in (("low", "lower"), ("high", "upper"))
    }
    at = number(
        f"level at which retention is {share:g}, by {fit}; never extrapolated",
        LEVEL.unit,
        0,
        100,
        missing=f"{outside}: see `{name}_reached`",
    )
    reached = text(
        "whether it lies within the levels, beyond the last or below the first",
        ("reached", "beyond", "below"),
    )
    return {name: at, **limits, f"{name}_reached": reached}


CURVES = {
    "checkpoint": CHECKPOINT,
    "family": FAMILY,
    "selection": SELECTION,
    "task": TASK,
    "regime": REGIME,
    "min_level": number("the smallest level with usable runs", LEVEL.unit, 0, 100),
    "max_level": number("the largest", LEVEL.unit, 0, 100),
    "n_levels": count("levels that the fits rest on, beside level 0, where retention is 1", 2),
    "n_runs": count("usable runs at these", 2),
    "n_failed": count("runs that are not `trained`, at any level"),
}
for _name, _share in SHARES.items():
    for _how, _fit in FITS.items():
        CURVES |= _located(f"{_name}{_how}", _fit, _share)
CURVES["rmse"] = number(
    "root of the mean squared distance of the logistic curve from the retention at the levels",
    RETENTION_UNIT,
    0,
)
TABLES = (
    Table(
        names=("curves",),
        row="a checkpoint, family, task and regime with usable runs at two levels or more",
        columns=CURVES,
        note="Where some levels have two usable runs or more, only these levels enter.",
    ),
)
