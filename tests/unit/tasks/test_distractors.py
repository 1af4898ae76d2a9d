"""Free questions as a choice: the same questions, options that are wrong, whatever the order of the rows."""

import numpy as np
import pandas as pd
import pytest

from described import untrue
from junkdna.tasks.distractors import with_distractors
from junkdna.tasks.fetch import fetch_task


def free(count: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "example_id": np.arange(count) * 7919 - 50_000,
            "text": [f"q{i}" for i in range(count)],
            # Some are right for two questions, written in two ways.
            "answers": [
                [f"Answer {i // 2}.", f"alias {i}"] if i % 2 else [f"answer {i // 2}"] for i in range(count)
            ],
        }
    )


def test_each_question_has_its_answer_once_and_wrong_ones_of_others():
    made = with_distractors(free(), 3, "tasks.quiz", "train")
    for row in made.to_dict("records"):
        assert len(row["options"]) == 4 and row["options"][row["label"]] == row["answers"][0]
        said = [option.casefold().rstrip(".") for option in row["options"]]
        assert len(set(said)) == 4, "each once, and none that is right in other words"
    assert set(made["label"]) == {0, 1, 2, 3}


def test_the_order_of_the_rows_does_not_matter_and_fewer_are_some_of_more():
    table = free()
    made = with_distractors(table, 3, "tasks.quiz", "train").set_index("text")
    turned = with_distractors(table.iloc[::-1].reset_index(drop=True), 3, "tasks.quiz", "train").set_index(
        "text"
    )
    assert made["options"].to_dict() == turned["options"].to_dict()
    few = with_distractors(table, 2, "tasks.quiz", "train").set_index("text")
    assert all(set(few["options"][text]) < set(made["options"][text]) for text in made.index)


def test_too_few_other_answers_is_one_line():
    with pytest.raises(
        ValueError, match="tasks.quiz.distractors: found 3; legal: up to 1, so many other answers"
    ):
        with_distractors(free(4), 3, "tasks.quiz", "train")


def test_a_question_keeps_its_id_whether_it_is_chosen_or_written(tmp_path):
    rows = pd.DataFrame({"q": [f"q{i}" for i in range(20)], "a": [[f"a{i}", "b"] for i in range(20)]})
    for split in ("train", "validation"):
        rows.to_parquet(tmp_path / f"{split}.parquet")
    source = {"path": {split: str(tmp_path / f"{split}.parquet") for split in ("train", "validation")}}
    entry = {"source": source, "columns": {"text": "q", "answers": "a"}, "version": 1}
    written, _ = fetch_task(entry | {"format": "generate"}, name="quiz")
    chosen, manifest = fetch_task(entry | {"format": "choice", "distractors": 3}, name="quiz")
    assert written["validation"]["example_id"].equals(chosen["validation"]["example_id"])
    assert [line for table in chosen.values() for line in untrue("train", table)] == []
    assert manifest["num_labels"] == 1 and len(chosen["validation"]["options"][0]) == 4
