"""The columns of the tables of what a model answered that was asked."""

from junkdna.files.columns import (
    EXAMPLE_ID,
    FAMILY,
    KEYS,
    LEVEL,
    Table,
    count,
    number,
    share,
    text,
    truth,
    with_limits,
)
from junkdna.statistics.option_scores import RULES
from junkdna.tables.answers import KINDS

RUN = {**KEYS, "family": FAMILY, "level": LEVEL}
QUESTIONS = count("questions of the run", 1)
NO_NUMBER = "a score that the rule needs is no finite number"
SCORE_RULES = {
    **RUN,
    "rule": text("the score rule by which options are compared", RULES),
    "chosen": truth("whether it is the task's own, on which runs, cells and claims stand"),
    **with_limits(
        "accuracy",
        number("questions whose right option scores highest", "share", 0, 1, missing=NO_NUMBER),
        "questions (Wilson's)",
        least=0,
        most=1,
    ),
    "chance": share("mean of 1 / number of options"),
    "n_examples": QUESTIONS,
}
ANSWER_KINDS = {
    **RUN,
    "kind": text(
        "what a free answer turned out as, the first that fits: right by the metric; empty; with a score between 0 and "
        "1; cut before its end; wrong",
        KINDS,
    ),
    **with_limits("share", share("answers of the kind"), "questions (Wilson's)", least=0, most=1),
    "n_examples": QUESTIONS,
}
EXAMPLES = {
    **RUN,
    "example_id": EXAMPLE_ID,
    "question": text("the question, without shots or evidence"),
    "right_answer": text("the right option, or the first gold answer"),
    "answer": text(
        "what the run answered: the option, or the text; empty where it chose none or wrote nothing"
    ),
    "correct": truth("whether the answer is right by the metric"),
}
TABLES = (
    Table(names=("score_rules",), row="a run of compared options, and score rule", columns=SCORE_RULES),
    Table(names=("answer_kinds",), row="a run of free answers, and kind", columns=ANSWER_KINDS),
    Table(
        names=("examples",),
        row="a question, of the first ten of a task, and run of its first seed",
        columns=EXAMPLES,
        note="Only where a study asks.",
    ),
)
