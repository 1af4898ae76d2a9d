"""The columns of the files of one path between two solutions."""

from dataclasses import replace

from junkdna.files.columns import EXAMPLE_ID, Table, number
from junkdna.files.runs_columns import PREDICTIONS

ALPHA = number("place on the line: 0 the dense solution, 1 the compressed one", "share", 0, 1)
BROKEN = "it is no finite number there, as where an end diverged"
NO_NUMBER = "a prediction or a loss there is no finite number"
PATH = {
    "alpha": ALPHA,
    "loss": number("mean over the validation split", PREDICTIONS["loss"].unit, 0, missing=NO_NUMBER),
    "score": number(
        "on the validation split, in the metric of the task", "unit of the metric", most=1, missing=NO_NUMBER
    ),
}
LOSSES = {
    "example_id": EXAMPLE_ID,
    "alpha": ALPHA,
    "loss": replace(PREDICTIONS["loss"], missing=BROKEN),
    "prediction": replace(PREDICTIONS["prediction"], missing=BROKEN),
    "target": PREDICTIONS["target"],
}
TABLES = (
    Table(names=("path",), row="a point of the path: eleven, evenly apart", columns=PATH),
    Table(
        names=("losses",), row="a point of the path and an example of the validation split", columns=LOSSES
    ),
)
