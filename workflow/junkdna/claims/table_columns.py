"""The columns of the table of claims."""

from dataclasses import replace

from junkdna.claims.verdicts import QUESTIONS, VERDICTS
from junkdna.files.columns import LEVEL, REGIME, Table, count, number, share, text

EFFECT = "retention, 1 as good as dense; or share of the trainings"
NOT_MEASURED = "not measured: no run is usable, or no level can be compared"
NO_ROW = "a primary row, or a claim without this test"
NO_AXIS = "a primary row, `fails-earlier`, or an effect that is not along an axis"
# What each effect is. Positive speaks for the claim.
EFFECTS = {
    "monotone": "fall of retention per 10 points of the level, by least squares from (0, 1) on",
    "harder-falls-further": "mean retention of the first task of the axis - that of the last, over common levels",
    "difficulty-order": "fall of mean retention per step of the axis, by least squares",
    "interaction": "fall per 10 points of the level of the last task - that of the first",
    "irreversible": "1 - retention after training, at the largest budget where budgets are varied",
    "small-weights": "retention in `freeze` - retention in `sparse`, of the seeds usable in both",
    "quantization-differs": "`separation` (see `equal_terms`) of pruning - that of quantization, at the same damage",
    "quantization-differs-bytes": "the same at the same bytes",
    "fails-earlier": "share of the trainings that fail on the last task - that on the first, over common levels",
    "more-than-margin": "retention that the last task of the axis lacks at dense margins that foretell the same",
    "asked-or-written": "mean retention of answers that are chosen - of the same written, where anything is lost",
}
CLAIMS = {
    "scope": text(
        "`primary`: the mean of the effects of a claim, its verdict as a whole; `cell`: one of them",
        ("primary", "cell"),
    ),
    "claim": text("which one, see above", tuple(QUESTIONS)),
    "checkpoint": text("the pre-trained model, or how many in a mean"),
    "recipes": text("family and selection of the recipes, or how many families in a mean"),
    "subject": text("the task or axis, or how many in a mean"),
    "level": replace(LEVEL, missing="the effect is not of one level"),
    "regime": replace(
        REGIME, meaning="in which the runs were; of `small-weights` the one with the small weights kept"
    ),
    "effect": number("estimate; positive speaks for the claim", EFFECT, missing=NOT_MEASURED),
    "low": number(
        "lower limit of `effect`, 95 %, over seeds and examples; of `fails-earlier` over trainings",
        EFFECT,
        missing=NOT_MEASURED,
    ),
    "high": number("upper limit", EFFECT, missing=NOT_MEASURED),
    "n_runs": count("compressed runs that enter"),
    "n_seeds": count("seeds of the cell that has fewest; 0 where none enters"),
    "n_left_out": count("runs that could have entered and do not"),
    "n_failed": count(
        "of these, runs that did not train though their twins did; 0 for `fails-earlier`, where they are measured"
    ),
    "p": share(
        "one-sided p that the effect does not exceed `margin`; the largest where several estimates must agree",
        missing=NOT_MEASURED,
    ),
    "n_axis": count(
        "tasks of the axis, or training budgets of `irreversible`",
        2,
        missing=NO_AXIS,
    ),
    "p_page": share(
        "one-sided p of Page's test that retention falls in order within the seeds: over the levels (`monotone`) or "
        "along the axis (of `interaction` the slopes); knows no margin",
        missing=f"{NO_ROW}; or fewer than two seeds are usable in all cells, or fewer than three cells are in order",
    ),
    "p_jt": share(
        "the same of Jonckheere's and Terpstra's test", missing=f"{NO_ROW}; or a seed is usable on all tasks"
    ),
    "p_tost": share(
        "p of two one-sided tests that quantization alone does not separate the tasks by more than `margin`",
        missing=f"{NO_ROW}; or no level is compared",
    ),
    "seeds_needed": count(
        "fewest seeds that would decide with 80 % power, if the effect is what was estimated (`statistics/power.py`)",
        3,
        50,
        missing="decided, not measured, or not even 50 would do; `fails-earlier` has none",
    ),
    "p_holm": share("`p` corrected over the primary rows", missing="not a primary row, or not measured"),
    "p_bh": share(
        "`p` corrected over the other rows (Benjamini-Hochberg)", missing="a primary row, or not measured"
    ),
    "with_failed": number(
        "`effect` if runs that failed, though their twins did not, had kept nothing",
        EFFECT,
        missing=NOT_MEASURED,
    ),
    "with_failed_low": number("lower limit of it", EFFECT, missing=NOT_MEASURED),
    "with_failed_high": number("upper limit of it", EFFECT, missing=NOT_MEASURED),
    "with_failed_verdict": text("the verdict on it", VERDICTS),
    "margin": number("the smallest effect that matters, `study.margin` of the config", EFFECT, 0),
    "verdict": text("see `claims/verdicts.py`", VERDICTS),
    "sentence": text(
        "the same in words, with all that a reader must know; effects there are in points, hundredths"
    ),
}
TABLES = (
    Table(
        names=("claims",),
        row="a claim as a whole (at most six), or one of its effects: of a checkpoint, family and task or axis",
        columns=CLAIMS,
        note="What is measured:\n\n" + "\n".join(f"- `{name}`: {words}" for name, words in EFFECTS.items()),
    ),
)
