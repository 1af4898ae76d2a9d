"""The columns of the tables of single runs."""

from junkdna.files.columns import FAMILY, KEYS, LEVEL, Table, number, share, text, truth, with_limits
from junkdna.files.runs_columns import FACTS, PREDICTIONS, VERSIONS
from junkdna.statistics.metrics import METRICS
from junkdna.tables import runs
from junkdna.tables.outcomes import OUTCOMES

SELECTION = text(
    "over what the scores of weights are compared: "
    + ", ".join(f"`{name}`" for name in runs.SELECTIONS.values())
    + f", `{runs.PATTERN}` and M where N of every M weights stay; `none` where nothing is pruned"
)
METRIC = text("the measure of the task; see `statistics/metrics.py`", tuple(METRICS))
IN_METRIC = "unit of the metric"
# Correlations go from -1 to 1, shares from 0; a log-likelihood has no least value.
TOP = 1
NO_SCORE = "a prediction or a loss of the run is no finite number"
RETENTION_UNIT = "share of the dense score above chance"
NOT_USABLE = "the run is not `usable`"
CHANCE = number(
    "score of the prediction that has seen only the training labels (`metrics.chance`): the share of their commonest "
    "class, the mean of 1 / options, F1 of always saying 1, 0 for correlations, the unigram model for running text; of "
    "free questions what the same run scores where the answer to another question is taken (`by_chance`)",
    IN_METRIC,
    most=TOP,
    missing=NO_SCORE,
)
OUTCOME = text(
    "what became of the training (`tables/outcomes.py`): it learnt something; says one thing throughout; varies as one "
    "who knows nothing would; is no finite number. Where nothing trains `trained`, unless it diverged",
    OUTCOMES,
)
TRAINED = truth("whether `outcome` is `trained`; the others count as failed")
MEASURABLE = truth(
    "whether there is something to retain: the mean of the dense runs that trained lies three standard errors above "
    "chance or more; one answer for a checkpoint and task"
)
USABLE = truth("whether the run trained, its dense twin trained, and the task is `measurable`")
SCORE = number(
    "what the predictions of the validation split are worth", IN_METRIC, most=TOP, missing=NO_SCORE
)
RUNS = {
    **KEYS,
    "family": FAMILY,
    "level": LEVEL,
    "selection": SELECTION,
    "metric": METRIC,
    **with_limits(
        "score",
        SCORE,
        "examples",
        most=TOP,
        missing="`outcome` is `constant` and the metric a correlation, which then is 0 by convention",
    ),
    "chance": CHANCE,
    "loss": number(
        "mean of the losses of `predictions`: over examples, of running text over texts",
        PREDICTIONS["loss"].unit,
        0,
        missing="a loss is no number; infinite where one is",
    ),
    "outcome": OUTCOME,
    **{name: FACTS[name] for name in runs.FACTS},
    "versions": VERSIONS,
    "total_seconds": number("`train_seconds` + `eval_seconds` + `load_seconds`", "s", 0),
    "trained": TRAINED,
    "measurable": MEASURABLE,
    "usable": USABLE,
    "raw_retention": number(
        "score above chance / mean score above chance of the dense runs that trained, whatever became of the run. 1 is "
        "as good as dense, 0 no better than guessing",
        RETENTION_UNIT,
        missing=f"the task is not `measurable`, or {NO_SCORE}",
    ),
    "retention": number("`raw_retention` of usable runs", RETENTION_UNIT, missing=NOT_USABLE),
}
NO_TWIN_SCORE = "a prediction or a loss of the twin is no finite number"
NO_REFERENCE = f"the twin is not `trained`, or {NO_SCORE}"
PARTLY = f"answers are not just right or wrong (regression, running text, F1 of words), {NO_REFERENCE}"
DROPS = {
    **KEYS,
    **{name: RUNS[name] for name in ("family", "level", "selection", "metric", "chance", "score")},
    **{name: RUNS[name] for name in ("outcome", "trained", "measurable", "usable")},
    "dense_score": number("`score` of the twin", IN_METRIC, most=TOP, missing=NO_TWIN_SCORE),
    "dense_outcome": text("`outcome` of the twin", OUTCOMES),
    **with_limits(
        "drop",
        number("`dense_score` - `score`: above 0 where performance fell", IN_METRIC, missing=NO_REFERENCE),
        "examples, the same for both",
    ),
    "relative_drop": number(
        "`drop` / `dense_score`; chance is not taken off",
        "share of the dense score",
        missing=f"{NO_REFERENCE}, or `dense_score` is not above 0, as a log-likelihood never is",
    ),
    **with_limits(
        "retention",
        RUNS["retention"],
        "examples and the seeds of the dense runs",
        missing="the dense runs are not above chance in any resample",
    ),
    "flips": share(
        "examples that only one of the two answers rightly (Dutta et al. 2024, Accuracy is not all you need)",
        missing=PARTLY,
    ),
    "lost": share("examples that only the dense run answers rightly", missing=PARTLY),
    "gained": share("examples that only the compressed run answers rightly", missing=PARTLY),
}
TABLES = (
    Table(names=("runs",), row="a run of the study, in the order of the config", columns=RUNS),
    Table(
        names=("drops",),
        row="a run that is not a dense one and has a dense twin: that of its checkpoint, task and seed",
        columns=DROPS,
    ),
)
