"""The columns of the examples of a task."""

from dataclasses import replace

from junkdna.files.columns import EXAMPLE_ID, Column, Table, number, text

EXAMPLES = {
    "example_id": EXAMPLE_ID,
    "text": text("the text, or the first of two, or the question; may be empty"),
    "text_pair": replace(text("the second text"), optional="the task has one text an example"),
    "options": Column(
        kind="list", meaning="the texts to choose from, two or more", optional="the format is not `choice`"
    ),
    "answers": Column(
        kind="list", meaning="the right answers, one or more", optional="the questions are not free ones"
    ),
    "evidence": replace(
        text("what a prompt may show beside the question"), optional="the task names no such column"
    ),
    "label": number(
        "the right answer: number of the class (`labels` of the manifest names it) or place of the option, from 0; the "
        "value (regression); 0 for running text and free answers"
    ),
    "prompt": replace(
        text("a hash of all that the model was shown; empty where the log does not say"),
        optional="the questions are not those of a sample log",
    ),
}
TABLES = (
    Table(
        names=("train", "validation"),
        row="an example",
        columns=EXAMPLES,
        note="The rows stand in an order that is random and does not depend on that of the source, so that a smaller "
        "subset of the same seed is the beginning of a larger one (`tasks/fetch.py`).",
    ),
)
