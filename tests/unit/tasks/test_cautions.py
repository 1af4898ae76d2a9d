"""What is odd about the data: counted when they are fetched and tokenized, told then and in the report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from junkdna.report.cautions import number_formats
from junkdna.tasks.cautions import data_cautions, length_cautions, split_cautions
from junkdna.tasks.fetch import fetch_task
from junkdna.tasks.tokens import describe_lengths, tokenize

TEXT = {"format": "classification", "columns": {"text": "text", "label": "label"}, "labels": ["a", "b", "c"]}


def fetched(tmp_path: Path, train: list[tuple], validation: list[tuple], entry=TEXT, **more) -> dict:
    """The manifest of a task whose rows are these."""
    paths = {}
    for split, rows in (("train", train), ("validation", validation)):
        paths[split] = str(tmp_path / f"{split}.jsonl")
        names = list(entry["columns"].values())
        text = "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)
        Path(paths[split]).write_text(text)
    return fetch_task(entry | {"source": {"path": paths}} | more, name="mine")[1]


def test_a_sound_task_gets_no_caution(tmp_path):
    train = [("one", "a"), ("two", "b"), ("three", "c")]
    assert split_cautions(fetched(tmp_path, train, [("four", "a"), ("five", "c")])) == []


def test_the_training_file_as_validation_file(tmp_path):
    rows = [(f"text {i}", "abc"[i % 3]) for i in range(30)]
    assert split_cautions(fetched(tmp_path, rows, rows)) == [
        "mine: the training file and the validation file are the same, and 30 of 30 validation examples (100.0 %) "
        "stand in the training set. What is measured is what was trained on."
    ]
    (told,) = split_cautions(fetched(tmp_path, rows, rows, train_examples=15, validation_examples=12))
    assert "are the same, and 12 of 12" in told, "subsets of the same seed lie inside each other"


@pytest.mark.parametrize("seed", range(5))
def test_shared_examples_are_counted_as_by_hand(tmp_path, seed):
    rng = np.random.default_rng(seed)
    entry = {"format": "pair", "columns": {"text": "t", "text_pair": "u", "label": "l"}, "labels": ["a", "b"]}
    rows = [(*map(str, rng.integers(0, 5, 2)), "ab"[rng.integers(2)]) for _ in range(32)]
    train, validation = rows[:12], rows[12:]
    by_hand = sum(any(row[:2] == other[:2] for other in train) for row in validation)
    manifest = fetched(tmp_path, train, validation, entry)
    assert manifest["shared"] == by_hand > 0
    share = f"mine: {by_hand} of 20 validation examples ({100 * by_hand / 20:.1f} %) stand in the training set too"
    assert split_cautions(manifest)[0].startswith(share)


def test_an_option_apart_is_another_example_and_blank_texts_are_none(tmp_path):
    entry = {"format": "choice", "columns": {"text": "q", "options": "o", "label": "l"}, "labels": ["0", "1"]}
    train = [("q", ["x", "y"], 0), ("q", ["x", "z"], 1)]
    manifest = fetched(tmp_path, train, [("q", ["y", "x"], 0), ("q", ["x", "y"], 1)], entry)
    assert manifest["shared"] == 1
    assert fetched(tmp_path, [("", "a"), ("x", "b")], [("", "a"), (" ", "b")])["shared"] == 0


def test_running_text_shares_nothing(tmp_path):
    entry = {"format": "lm", "columns": {"text": "text"}}
    rows = [("= Heading =",), ("words",)]
    assert fetched(tmp_path, rows, [*rows, ("more",)], entry)["shared"] == 0


def test_one_answer_throughout(tmp_path):
    mixed = [(f"v{i}", "ab"[i % 2]) for i in range(10)]
    manifest = fetched(tmp_path, [(f"t{i}", "a") for i in range(20)], mixed)
    assert split_cautions(manifest) == [
        "mine: all 20 training examples have the same answer (a). There is nothing to learn but that.",
        "mine: 5 of 10 validation examples (50.0 %) have an answer that no training example has (b).",
    ]
    manifest = fetched(tmp_path, mixed, [(f"t{i}", "a") for i in range(20)])
    assert split_cautions(manifest) == [
        "mine: all 20 validation examples have the same answer (a). A constant answer is right on all of them."
    ]
    entry = {"format": "choice", "columns": {"text": "q", "options": "o", "label": "l"}, "labels": ["1", "2"]}
    first = [(f"q{i}", ["x", "y"], "1") for i in range(9)]
    told = split_cautions(fetched(tmp_path, first, [("r", ["x", "y"], "1"), ("s", ["x", "y"], "2")], entry))
    assert told == [
        "mine: all 9 training examples have the same answer (option 1). There is nothing to learn but that."
    ]
    entry = {"format": "regression", "columns": {"text": "t", "label": "l"}}
    told = split_cautions(fetched(tmp_path, [("a", 2.5), ("b", 2.5)], [("c", 1), ("d", 2)], entry))
    assert told == [
        "mine: all 2 training examples have the same answer (2.5). There is nothing to learn but that."
    ]


def test_texts_that_lose_their_end(tmp_path):
    lengths = {
        "train": {"sequences": 100, "mean": 9.0, "truncated": 0.12, "max_length": 16},
        "validation": {"sequences": 100, "mean": 9.0, "truncated": 0.05, "max_length": 16},
    }
    (told,) = length_cautions("net", "mine", lengths)
    assert told == (
        "mine: 12.0 % of the training texts and 5.0 % of those to measure on are longer than 16 tokens for net "
        "and lose their end."
    )
    lengths["train"]["truncated"] = 0.05
    assert length_cautions("net", "mine", lengths) == []
    manifest = fetched(tmp_path, [("one", "a"), ("two", "b")], [("one", "a")])
    lengths["train"]["truncated"] = 0.051
    told = data_cautions([manifest], {("net", "mine"): lengths})
    assert ["stand in the training set" in told[0], "5.1 % of the training texts" in told[-1]] == [True, True]


def test_lengths_are_those_of_the_tokens():
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertTokenizerFast

    words = Tokenizer(
        models.WordLevel({"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3, "a": 4}, unk_token="[UNK]")
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer = BertTokenizerFast(tokenizer_object=words)
    table = pd.DataFrame(
        {"example_id": range(4), "text": ["a", "a a", "a " * 6, "a " * 9], "label": [0, 1, 0, 1]}
    )
    tokens = tokenize(table, tokenizer, format="classification", max_length=8, num_labels=2)
    assert describe_lengths(tokens, 8) == {
        "sequences": 4,
        "mean": (3 + 4 + 8 + 8) / 4,
        "truncated": 0.25,
        "max_length": 8,
    }


def test_dense_and_compressed_runs_in_different_number_formats():
    cells = [("dense", "dense"), ("magnitude", "sparse"), ("random", "sparse")]
    rows = [("net", task, *cell, seed) for task in ("x", "y") for cell in cells for seed in (1, 2)]
    runs = pd.DataFrame(rows, columns=["checkpoint", "task", "family", "regime", "seed"]).assign(
        precision="bf16"
    )
    assert number_formats(runs) == []
    # Twins that agree, seed by seed, are fine.
    runs.loc[runs["seed"] == 2, "precision"] = "fp32"
    assert number_formats(runs) == []
    runs.loc[(runs["task"] == "y") & (runs["family"] != "dense"), "precision"] = "fp32"
    assert number_formats(runs) == [
        "2 of 8 compressed runs were computed in another number format than the dense runs that they are measured "
        "against (25.0 %), most of them 2 of y on net, in fp32 against bf16. What they lose may be lost in rounding: "
        "set `precision`."
    ]
