"""The columns of the table of equal terms."""

from junkdna.files.columns import (
    AXIS,
    CHECKPOINT,
    FAMILY,
    LEVEL,
    REGIME,
    Table,
    count,
    number,
    text,
    truth,
    with_limits,
)
from junkdna.tables.runs_columns import RETENTION_UNIT, SELECTION

OVER = "seeds and examples"
EQUAL_TERMS = {
    "checkpoint": CHECKPOINT,
    "family": FAMILY,
    "selection": SELECTION,
    "method": text("what its recipes do", ("prune", "quantize")),
    "control": truth("whether it is there for comparison only, such as a random mask"),
    "regime": REGIME,
    "axis": AXIS,
    "level": LEVEL,
    "effective_bits": number("mean of `runs.effective_bits` over the tasks", "bits a weight", 0),
    "n_tasks": count("tasks of the axis that the family was run on", 2),
    "n_seeds": count("usable runs of the task that has fewest", 1),
    **with_limits("damage", number("mean over the tasks of 1 - retention", RETENTION_UNIT), OVER),
    **with_limits(
        "separation",
        number(
            "fall of retention per step of the axis, by least squares over its tasks",
            f"{RETENTION_UNIT}, a step",
        ),
        OVER,
    ),
}
TABLES = (
    Table(
        names=("equal_terms",),
        row="an axis of difficulty, checkpoint, family and level that is usable for every task",
        columns=EQUAL_TERMS,
    ),
)
