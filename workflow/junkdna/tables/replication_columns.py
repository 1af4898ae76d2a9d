"""The columns of the tables that set a study beside the paper."""

from dataclasses import replace

from junkdna.files.columns import (
    CHECKPOINT,
    LEVEL,
    RECIPE,
    REGIME,
    TASK,
    Column,
    Table,
    count,
    number,
    share,
    text,
    truth,
)
from junkdna.tables.cells_columns import OF_CELL
from junkdna.tables.replication import MEASURES
from junkdna.tables.runs_columns import IN_METRIC, METRIC, RETENTION_UNIT, SELECTION

UNITS = {"percent": "% of the dense score", "retention": RETENTION_UNIT}
OURS = {
    "percent": "100 x mean score / mean dense score, over all seeds, failed ones too",
    "retention": "(mean score - chance) / (mean dense score - chance), over all seeds, failed ones too",
}
UNDEFINED = {
    "percent": "our dense score is not above 0 with its whole interval",
    "retention": "the task is not measurable for us, or our dense score is not above chance",
}
UNKNOWN = {"percent": "", "retention": "the paper's scores could not be recovered and chance is not 0"}
NO_COUNT = "no count of right answers could be recovered"
NO_SCORE = "no score could be recovered"


def _measure(name: str) -> dict[str, Column]:
    """The columns of one measure."""
    unit, ours, theirs = UNITS[name], UNDEFINED[name], UNKNOWN[name]
    either = "; or ".join(filter(None, (ours, theirs)))
    limit = "limit of `{}`, 95 %, over seeds and examples"
    distance = f"{name}_difference"
    between = "limit of `{}`, 95 %, with the paper's error where that is known"
    return {
        name: number(f"ours: {OURS[name]}", unit, missing=ours),
        f"{name}_low": number(f"lower {limit.format(name)}", unit, missing=ours),
        f"{name}_high": number(f"upper {limit.format(name)}", unit, missing=ours),
        f"paper_{name}": number("the same of the paper", unit, missing=theirs),
        f"paper_{name}_se": number(
            "its standard error, of the counted answers alone", unit, 0, missing=NO_COUNT
        ),
        distance: number("ours - theirs", unit, missing=either),
        f"{distance}_low": number(f"lower {between.format(distance)}", unit, missing=either),
        f"{distance}_high": number(f"upper {between.format(distance)}", unit, missing=either),
        f"{name}_z": number(
            f"`{distance}` / standard error of both, of ours alone where the paper's is not known",
            "standard errors",
            missing=f"{either}; or the error is 0",
        ),
        f"{name}_inside": truth("whether theirs lies in our interval", missing=either),
    }


FIGURE = text("figure of the paper, by its name in `resources/reference/paper`")
REPLICATION = {
    "figure": FIGURE,
    "panel": text("of the figure"),
    "series": text("of the panel: `easy` or `hard`, a regime, or a share of the training data"),
    "checkpoint": CHECKPOINT,
    "paper_checkpoint": text("the figure's model"),
    "same_checkpoint": truth("whether the two are the same"),
    "recipe": RECIPE,
    "task": TASK,
    "regime": REGIME,
    "scope": text(
        "what our recipe may prune: `body`, or `paper`; empty for quantization", ("body", "paper", "")
    ),
    "cut": truth("whether our task has fewer examples than the paper's"),
    "paper_task": text("the task, by the paper's slug"),
    "train_percent": count("share of the training data, in %", 1, 100),
    "method": text("what weights are removed by: a score, such as `magnitude`; `quantize`"),
    "selection": replace(SELECTION, meaning=f"{SELECTION.meaning}; here `N:M` for every M, see `pattern`"),
    "level": LEVEL,
    "pattern": text("of N:M, such as `2of8`; empty for others"),
    "metric": METRIC,
    "n_seeds": count("our runs, failed ones too", 1),
    "fail_rate": share("of these, those that are not `trained`"),
    "score": number("our mean over all of them", IN_METRIC, most=1, missing="no run has a score"),
    "dense_score": number("that of their twins", IN_METRIC, most=1, missing="no twin has a score"),
    "chance": OF_CELL,
    "paper_score": number(
        "the paper's score as recovered; BLEU in points, others as ours", IN_METRIC, missing=NO_SCORE
    ),
    "paper_dense_score": number("that of its dense model", IN_METRIC, missing=NO_SCORE),
    "paper_chance": number("score of the best constant prediction", IN_METRIC, 0, 1),
    "paper_out_of": count("questions of all the paper's runs together", 1, missing=NO_COUNT),
    "paper_n_runs": count("runs that the point is the mean of", 1, missing="not known"),
    "paper_collapsed": truth("whether all of these predict one class, or have a correlation of 0"),
    **_measure("percent"),
    **_measure("retention"),
    "comparable": truth(
        "whether the two may be compared: the paper's value is sound, and our dense score is above chance"
    ),
    "reason": text("why not; empty where they may"),
}
SUMMARY = {
    "figure": FIGURE,
    "checkpoint": CHECKPOINT,
    "label": text("whether our model is the figure's, and whether tasks are cut"),
    "measure": text("what is compared", tuple(MEASURES.values())),
    "points": count("pairs of points", 1),
    "left_out": count("of these, not `comparable`"),
    "compared": count("those that remain and have a difference"),
    "paper_collapsed": count("of these, `paper_collapsed`"),
    "with_interval": count("of those compared, where ours have an interval"),
    "inside_share": share(
        "of the paper's values that lie in our intervals",
        missing="nothing is compared, or ours have no interval",
    ),
    "mean_difference": number(
        "mean of ours - theirs", "points of a hundredth", missing="nothing is compared"
    ),
    "mean_absolute_difference": number(
        "mean of its absolute value", "points of a hundredth", 0, missing="nothing is compared"
    ),
    "rank_correlation": number(
        "Spearman's, of ours and theirs over the points",
        "",
        -1,
        1,
        missing="fewer than three points, or all of ours or of theirs are equal",
    ),
    "sentence": text("the same in words"),
}
TABLES = (
    Table(
        names=("replication",),
        row="a pair of points, ours and the paper's, that share task, data, regime, method, level and pattern",
        columns=REPLICATION,
        note="Unlike every other table, our side is the mean over *all* runs, as the paper's is.",
    ),
    Table(names=("replication-summary",), row="a figure, checkpoint and measure", columns=SUMMARY),
)
