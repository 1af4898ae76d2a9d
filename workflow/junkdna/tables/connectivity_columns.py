"""The columns of the table of barriers."""

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
    with_limits,
)
from junkdna.files.runs_columns import PREDICTIONS
from junkdna.tables.runs_columns import IN_METRIC, METRIC, TOP

OVER = "seeds and examples"
LOSS = PREDICTIONS["loss"].unit
ALL_BROKEN = "all paths of the cell have predictions or losses that are no finite numbers"
WHERE = "place of `{}` on the line, 0 dense and 1 compressed; 0 where there is none"
CONNECTIVITY = {
    "checkpoint": CHECKPOINT,
    "family": FAMILY,
    "recipe": RECIPE,
    "level": LEVEL,
    "task": TASK,
    "regime": REGIME,
    "metric": METRIC,
    "seeds": count("paths that count, one a seed"),
    "examples": count("of the validation split", 1),
    "loss_dense": number("mean loss of the dense solutions", LOSS, 0, missing=ALL_BROKEN),
    "loss_other": number("mean loss of the compressed ones", LOSS, 0, missing=ALL_BROKEN),
    "score_dense": number("mean score of the dense solutions", IN_METRIC, most=TOP, missing=ALL_BROKEN),
    "score_other": number("mean score of the compressed ones", IN_METRIC, most=TOP, missing=ALL_BROKEN),
    **with_limits(
        "barrier",
        number(
            "largest excess of the mean loss on the path over the straight line between its values at the ends, mean "
            "over seeds; 0 where there is none and never less, so that a small one is no evidence of a hill",
            LOSS,
            0,
            missing=ALL_BROKEN,
        ),
        OVER,
        least=0,
    ),
    **with_limits(
        "barrier_alpha",
        number(WHERE.format("barrier"), "share", 0, 1, missing=ALL_BROKEN),
        OVER,
        least=0,
        most=1,
    ),
    **with_limits(
        "score_barrier",
        number("largest lack of the score below its line, the same way", IN_METRIC, 0, missing=ALL_BROKEN),
        OVER,
        least=0,
    ),
    **with_limits(
        "score_barrier_alpha",
        number(WHERE.format("score_barrier"), "share", 0, 1, missing=ALL_BROKEN),
        OVER,
        least=0,
        most=1,
    ),
}
TABLES = (
    Table(
        names=("connectivity",), row="a checkpoint, recipe, task and regime with paths", columns=CONNECTIVITY
    ),
)
