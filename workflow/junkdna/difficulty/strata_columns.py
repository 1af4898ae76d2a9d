"""The columns of the table of strata."""

from junkdna.difficulty.strata import CONTRASTS, STRATA
from junkdna.files.columns import (
    CHECKPOINT,
    FAMILY,
    LEVEL,
    RECIPE,
    REGIME,
    TASK,
    Table,
    count,
    number,
    text,
    with_limits,
)
from junkdna.tables.runs_columns import SELECTION

OVER = "seeds and examples"
SHARE = "share"
STRATA_TABLE = {
    "checkpoint": CHECKPOINT,
    "recipe": RECIPE,
    "family": FAMILY,
    "level": LEVEL,
    "selection": SELECTION,
    "task": TASK,
    "regime": REGIME,
    "stratum": text(
        "a third of the examples by what the dense runs of the other seeds know of them, or the difference of two",
        (*STRATA, *CONTRASTS),
    ),
    "n_seeds": count("runs that trained beside a twin that did", 1),
    "n_examples": count("of the stratum, or of both", 1),
    "pvi": number(
        "mean pointwise V-information by which the stratum was chosen (`difficulty/information.py`)", "bits"
    ),
    **with_limits("accuracy", number("share of right answers of the runs", SHARE, -1, 1), OVER),
    **with_limits("dense_accuracy", number("that of their twins", SHARE, -1, 1), OVER),
    **with_limits("drop", number("`dense_accuracy` - `accuracy`", SHARE, -2, 2), OVER),
    **with_limits("loss_rise", number("mean loss of the runs - that of their twins", "nats"), OVER),
    "note": text(
        "why the drop tells little: the dense runs are near the ceiling, or no better than chance; else empty"
    ),
}
TABLES = (
    Table(
        names=("strata",),
        row="a checkpoint, recipe, task, regime and stratum",
        columns=STRATA_TABLE,
        note="In the rows `middle - easy` and `hard - easy` *every* value is the difference of the two strata, the "
        "accuracies too, which there lie between -1 and 1. A drop above 0 there says that the harder examples fall "
        "further.",
    ),
)
