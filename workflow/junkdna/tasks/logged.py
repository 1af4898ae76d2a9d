"""The questions of a task as a sample log has them, and whether another log asks the same."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from junkdna.files.logged_answers import SampleLog
from junkdna.tasks.fetch import example_ids
from junkdna.tasks.split_facts import count_answers

# Questions that a message shows.
SHOWN = 3


def question_ids(log: SampleLog) -> np.ndarray:
    """Name each question by its content, int64 [questions]: the same in every log of the task."""
    return example_ids(pd.DataFrame({"key": [answer.key for answer in log.answers]}), [0] * len(log.answers))


def questions_of(log: SampleLog, form: str) -> pd.DataFrame:
    """The questions of a log as examples of a task. Columns: `fetch_columns.EXAMPLES`, and `prompt`, a hash of all that
    the model was shown, "" where the log does not say.
    """
    answers = log.answers
    table = pd.DataFrame({"example_id": question_ids(log), "text": [answer.question for answer in answers]})
    if form == "choice":
        table["options"] = [list(answer.options) for answer in answers]
    else:
        table["answers"] = [list(answer.gold) for answer in answers]
    table["label"] = [answer.right for answer in answers]
    return table.assign(prompt=[answer.prompt for answer in answers])


def describe_questions(log: SampleLog, questions: pd.DataFrame, form: str) -> dict[str, Any]:
    """What the manifest of the task says beside its name and source; there is no training split."""
    counts = {"examples": len(questions), "available": len(questions), **count_answers(questions, form, None)}
    none = {"examples": 0, "available": 0}
    return {"format": form, "shared": 0, "splits": {"train": none, "validation": counts}, "tool": log.tool}


def describe_model(logs: Sequence[SampleLog], key: str) -> dict[str, Any]:
    """What the manifest of a logged checkpoint says of it. ValueError where the logs are of several models."""
    models = list(dict.fromkeys(log.model for log in logs))
    if len(models) > 1:
        raise ValueError(f"{key}: found logs of {', '.join(map(repr, models))}; legal: logs of one model")
    known = [log.about["parameters"] for log in logs if "parameters" in log.about]
    return {
        "model_type": models[0],
        "commit": None,
        "parameters": known[0] if known else None,
        "files": {},
        "logs": {log.path: log.tool for log in logs},
    }


def check_questions(log: SampleLog, questions: pd.DataFrame) -> int:
    """Check that a log asks exactly these questions; return of how many it showed another prompt.

    questions: of `questions_of`. ValueError says how many are missing and how many are new.
    """
    own = dict(zip(question_ids(log), log.answers, strict=True))
    texts = dict(zip(questions["example_id"], questions["text"], strict=True))
    missing, new = (
        [texts[each] for each in texts if each not in own],
        [own[each].question for each in own if each not in texts],
    )
    if missing or new:
        shown = "; ".join(repr(text[-60:]) for text in (missing or new)[:SHOWN])
        raise ValueError(
            f"{log.path}: of the {len(texts)} questions of the dense log {len(missing)} are missing, and {len(new)} "
            f"are others, such as {shown}; legal: the same questions, so that runs are paired"
        )
    prompts = dict(zip(questions["example_id"], questions["prompt"], strict=True))
    return sum(bool(own[each].prompt and prompts[each]) and own[each].prompt != prompts[each] for each in own)
