"""Options for a free question: its answer among answers of other questions, so that it can be asked both ways."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd


def compared(text: str) -> str:
    """What two answers have in common that differ in case, spaces and punctuation alone."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def with_distractors(table: pd.DataFrame, count: int, key: str, split: str) -> pd.DataFrame:
    """Give each question `options`, `count` of them wrong, and as `label` the place of the right one.

    table: example_id, answers (of a question; the first is shown) and more. The wrong ones are first answers of other
    questions of the table, none of which is a right one, each once. They, their order and the right one's place hang on
    the question and on which questions there are, not on the order of the rows; fewer are some of more. ValueError
    where the answers of all others are too few.
    """
    by_id = table.sort_values("example_id", kind="stable")
    first = [answers[0] for answers in by_id["answers"]]
    options: dict[int, list[str]] = {}
    label: dict[int, int] = {}
    for example, answers in zip(by_id["example_id"].tolist(), by_id["answers"], strict=True):
        rng = np.random.default_rng(example & 0xFFFFFFFFFFFFFFFF)
        place = int(rng.integers(2**31))
        wrong = _wrong(first, answers, count, rng)
        if len(wrong) < count:
            raise ValueError(
                f"{key}.distractors: found {count}; legal: up to {len(wrong)}, so many other answers {split!r} has"
            )
        label[example] = place % (count + 1)
        options[example] = [*wrong[: label[example]], answers[0], *wrong[label[example] :]]
    made = table.assign(label=table["example_id"].map(label))
    made.insert(made.columns.get_loc("answers"), "options", made["example_id"].map(options))
    return made


def _wrong(first: Sequence[str], answers: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """The first `count` answers of a random order that are not among `answers`, each once."""
    taken = {compared(answer) for answer in answers}
    wrong: list[str] = []
    # In most tables a few draws are enough, and no order of all of them is needed.
    for place in (*rng.integers(len(first), size=8 * count).tolist(), *rng.permutation(len(first)).tolist()):
        if len(wrong) == count:
            break
        if (said := compared(first[place])) not in taken:
            taken.add(said)
            wrong.append(first[place])
    return wrong
