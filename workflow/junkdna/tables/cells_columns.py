"""The columns of the table of cells."""

from dataclasses import replace

from junkdna.files.columns import Table, count, number, share, text, with_limits
from junkdna.tables.outcomes import OUTCOMES
from junkdna.tables.runs_columns import IN_METRIC, RETENTION_UNIT, RUNS, TOP

OVER = "examples and, where more than one enters, seeds"
NO_MEAN = "no run of the cell enters"
ALL_CONSTANT = "all runs are `constant` and the metric is a correlation, which then is 0 by convention"
NOT_ABOVE = "the dense runs are not above chance"
FIRST = (
    "checkpoint",
    "recipe",
    "family",
    "level",
    "selection",
    "task",
    "regime",
    "metric",
    "chance",
    "measurable",
)
OF_CELL = replace(RUNS["chance"], missing="no run of the cell has finite predictions and losses")
CELLS = {
    **{name: RUNS[name] for name in FIRST},
    "chance": OF_CELL,
    "n_seeds": count("runs of the cell, one a seed", 1),
    "n_trained": count("of these, `trained`"),
    "n_usable": count("of these, `usable`: trained beside a twin that trained, on a measurable task"),
    **{f"n_{name}": count(f"runs whose `outcome` is `{name}`") for name in OUTCOMES[1:]},
    **with_limits(
        "fail_rate", share("runs that are not `trained`"), "runs (Wilson's, for few of them)", least=0, most=1
    ),
    "resampled": text(
        "what the intervals below are over, judged by `n_seeds`", ("seeds and examples", "examples")
    ),
    **with_limits(
        "score",
        number("mean over all runs that have a score, failed ones too", IN_METRIC, most=TOP, missing=NO_MEAN),
        OVER,
        missing=ALL_CONSTANT,
    ),
    **with_limits(
        "score_trained",
        number("mean over the runs that are `trained`", IN_METRIC, most=TOP, missing=NO_MEAN),
        OVER,
    ),
    **with_limits(
        "drop_trained",
        number(
            "mean of `drops.drop` over the runs that are `trained` and whose twin is; 0 in dense cells",
            IN_METRIC,
            missing=NO_MEAN,
        ),
        OVER,
    ),
    **with_limits(
        "retention_trained",
        number(
            "mean score above chance of the usable runs / that of their twins (`tables/retention.py`): 1 is as good as "
            "dense, 0 no better than guessing",
            RETENTION_UNIT,
            missing=f"{NO_MEAN}, or {NOT_ABOVE}",
        ),
        OVER,
    ),
    **with_limits(
        "retention_with_failed",
        number(
            "the same over all runs with a usable twin, as it would be if a failed run kept nothing",
            RETENTION_UNIT,
            missing=f"{NO_MEAN}, or {NOT_ABOVE}",
        ),
        OVER,
    ),
}
TABLES = (
    Table(
        names=("cells",),
        row="a checkpoint, recipe, task and regime: all its seeds",
        columns=CELLS,
        note="The t interval of a mean over few seeds that differ much leaves the range of its metric by far. A mean "
        "that only one run enters has an interval over examples alone, whatever `resampled` says. `chance` is that of "
        "the first run.",
    ),
)
