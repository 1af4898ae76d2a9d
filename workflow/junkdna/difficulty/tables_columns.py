"""The columns of the tables of difficulty, of the agreement of its measures and of the orders of axes."""

from junkdna.difficulty.tables import MEASURES
from junkdna.files.columns import (
    AXIS,
    CHECKPOINT,
    TASK,
    Column,
    Table,
    count,
    number,
    share,
    text,
    with_limits,
)

MEASURE = text("of difficulty, see `difficulty`", tuple(MEASURES))
IN_MEASURE = "unit of the measure"
UNDEFINED = "not defined; `note` says why"
DIFFICULTY = {
    "checkpoint": CHECKPOINT,
    "task": TASK,
    "measure": text("which one, see above", tuple(MEASURES)),
    "value": number("estimate, from the dense runs that trained", IN_MEASURE, missing=UNDEFINED),
    "low": number("lower limit, 95 %, over seeds and examples", IN_MEASURE, missing=UNDEFINED),
    "high": number("upper limit", IN_MEASURE, missing=UNDEFINED),
    "unit": text("of `value`, `low` and `high`"),
    "harder": count("1 where larger is harder, -1 where smaller is", -1, 1),
    "n_seeds": count("seeds that enter; 0 where not defined"),
    "n_examples": count(
        "examples that enter: of the validation split, or as `note` says; 0 where not defined"
    ),
    "source": text("who defines the measure, or how"),
    "note": text("what the value rests on, or why there is none; may be empty"),
}


def _correlation(name: str, words: str) -> dict[str, Column]:
    """A rank correlation and its limits."""
    column = number(words, "", -1, 1, missing="one of the measures is the same for all tasks")
    return with_limits(
        name, column, "seeds and examples: how well that of these very tasks is known", least=-1, most=1
    )


AGREEMENT = {
    "checkpoint": CHECKPOINT,
    "left": MEASURE,
    "right": MEASURE,
    "n_tasks": count("tasks on which both are defined", 3),
    **_correlation("spearman", "Spearman's correlation over the tasks, both turned so that larger is harder"),
    **_correlation("kendall", "Kendall's tau-b, the same way"),
    "note": text("the smallest p that a perfect order of so many tasks can have"),
}
ORDERS = {
    "checkpoint": CHECKPOINT,
    "axis": AXIS,
    "measure": MEASURE,
    "verdict": text(
        "`agrees`: every step is upwards with its whole interval; `contradicts`: one is downwards with its whole "
        "interval, of 1 - 0.05 / steps; else `undecided`",
        ("agrees", "contradicts", "undecided"),
    ),
    "asserted": text("the tasks in the order of the config, easy to hard, with ` < ` between"),
    "implied": text("the same in the order of the measure"),
    "difference": number("hardest - easiest task as asserted, turned so that above 0 agrees", IN_MEASURE),
    "low": number("lower limit of `difference`, 95 %, over seeds and examples", IN_MEASURE),
    "high": number("upper limit", IN_MEASURE),
    "share": share("of the resamples of the examples in which the full asserted order holds"),
    "wrong": text("the steps that contradict, in words; empty without any"),
    "n_tasks": count("tasks of the axis on which the measure is defined", 2),
    "sentence": text("the same in words"),
}
TABLES = (
    Table(
        names=("difficulty",),
        row="a checkpoint, task and measure",
        columns=DIFFICULTY,
        note="The measures, by their file in `difficulty/`:\n\n"
        + "\n".join(
            f"- `{name}`: {each.unit}; {'larger' if each.harder > 0 else 'smaller'} is harder ({each.source})"
            for name, each in MEASURES.items()
        ),
    ),
    Table(
        names=("agreement",),
        row="a checkpoint and pair of measures that share three tasks",
        columns=AGREEMENT,
    ),
    Table(names=("orders",), row="a checkpoint, axis of difficulty and measure", columns=ORDERS),
)
