"""Tokens: the same sequences as the tokenizer gives one by one, in every format and family of tokenizer."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE, WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer, ByteLevel
from tokenizers.processors import BertProcessing, RobertaProcessing
from transformers import PreTrainedTokenizerFast

from junkdna.tasks.tokens import BATCH, load_tokenizer, read_tokens, tokenize, without_text, write_tokens

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "blue", "green", "cat", "dog", "##s", ".", "?"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    """A tokenizer of BERT's kind; as saved it pads and truncates, as that of sentence-transformers does."""
    tokenizer = Tokenizer(WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(6)
    tokenizer.enable_padding(length=6)
    folder = tmp_path_factory.mktemp("bert")
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **names,
    ).save_pretrained(folder)
    return folder


def byte_level(folder: Path, roberta: bool) -> Path:
    letters = sorted(ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(["<s>", "</s>", "<pad>", *letters])}
    tokenizer = Tokenizer(BPE(vocabulary, merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = ByteLevel(add_prefix_space=False), ByteLevelDecoder()
    names = {"eos_token": "</s>"}
    if roberta:
        tokenizer.post_processor = RobertaProcessing(("</s>", 1), ("<s>", 0))
        names["pad_token"] = "<pad>"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=["input_ids", "attention_mask"], **names
    ).save_pretrained(folder)
    return folder


def table_of(format: str, rows: int = 7) -> pd.DataFrame:
    draw = np.random.default_rng(0)

    def text(longest: int = 9) -> str:
        return " ".join(draw.choice(["red", "blue", "green", "cats", "dog", "?"], draw.integers(0, longest)))

    table = pd.DataFrame(
        {"example_id": draw.integers(-(2**62), 2**62, rows), "text": [text() for _ in range(rows)]}
    )
    if format in ("pair", "regression"):
        table["text_pair"] = [text() for _ in range(rows)]
    if format == "choice":
        table["options"] = [[text(4) for _ in range(2 + i % 3)] for i in range(rows)]
    table["label"] = draw.random(rows) * 5 if format == "regression" else draw.integers(0, 2, rows)
    table.attrs["junkdna"] = {"num_labels": 2 if format in ("classification", "pair") else 1}
    return table


def sequences(tokens) -> list[list[int]]:
    ends = tokens.offsets.tolist()
    return [tokens.input_ids[start:end].tolist() for start, end in zip(ends, ends[1:], strict=False)]


def one_by_one(table: pd.DataFrame, tokenizer, format: str, max_length: int) -> list[dict]:
    expected = []
    for _, row in table.iterrows():
        for second in row["options"] if format == "choice" else [row.get("text_pair")]:
            # In lists, because an empty second text counts as none outside of one.
            texts = ([row["text"]],) if second is None else ([row["text"]], [second])
            found = tokenizer(*texts, truncation="longest_first", max_length=max_length, verbose=False)
            expected.append({name: values[0] for name, values in found.items()})
    return expected


@pytest.mark.parametrize("format", ["classification", "pair", "regression", "choice"])
def test_as_one_by_one(bert, format):
    tokenizer, table = load_tokenizer(bert), table_of(format)
    tokens = tokenize(table, tokenizer, format=format, max_length=12)
    expected = one_by_one(table, tokenizer, format, 12)
    assert sequences(tokens) == [row["input_ids"] for row in expected]
    assert tokens.segments.tolist() == [segment for row in expected for segment in row["token_type_ids"]]
    assert max(map(len, sequences(tokens))) == 12 and 0 not in tokens.input_ids, "cut, and not padded"
    assert tokens.example_id.tolist() == table["example_id"].tolist()
    np.testing.assert_allclose(tokens.label.numpy(), table["label"], rtol=1e-6)
    assert tokens.label.dtype == (torch.float32 if format == "regression" else torch.int64)
    assert (tokens.num_labels, tokens.pad_id) == (table.attrs["junkdna"]["num_labels"], 0)
    if format == "choice":
        assert tokens.options.tolist() == np.cumsum([0, *table["options"].map(len)]).tolist()
    else:
        assert tokens.options is None and len(tokens.offsets) == len(table) + 1


def test_what_is_written_is_read(bert, tmp_path):
    for format in ("classification", "choice", "regression"):
        tokens = tokenize(table_of(format), load_tokenizer(bert), format=format, max_length=12)
        write_tokens(tmp_path / "tokens.safetensors", tokens)
        again = read_tokens(tmp_path / "tokens.safetensors")
        for name, value in vars(tokens).items():
            other = getattr(again, name)
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, other) and value.dtype == other.dtype
            else:
                assert value == other


def test_the_share_of_cut_sequences_is_known(bert):
    tokenizer = load_tokenizer(bert)
    table = pd.DataFrame({"text": ["red " * n for n in range(1, 11)], "label": 0, "example_id": range(10)})
    tokens = tokenize(table, tokenizer, format="classification", max_length=8, num_labels=2)
    assert tokens.truncated == 0.4, "six words and two special tokens fit"


def test_more_than_one_batch(bert):
    tokenizer = load_tokenizer(bert)
    table = pd.DataFrame({"text": ["red", "blue cats"] * BATCH, "label": 0, "example_id": range(2 * BATCH)})
    table = table.iloc[:-1]
    tokens = tokenize(table, tokenizer, format="classification", max_length=8, num_labels=2)
    assert sequences(tokens) == ([[2, 4, 3], [2, 5, 7, 9, 3]] * BATCH)[:-1]


def test_a_tokenizer_that_separates_is_left_to_it(tmp_path):
    tokenizer, table = load_tokenizer(byte_level(tmp_path, roberta=True)), table_of("pair")
    tokens = tokenize(table, tokenizer, format="pair", max_length=200)
    assert sequences(tokens) == [row["input_ids"] for row in one_by_one(table, tokenizer, "pair", 200)]
    assert tokens.segments is None and tokens.pad_id == 2


def test_the_texts_of_a_decoder_stand_on_two_lines(tmp_path):
    tokenizer, table = load_tokenizer(byte_level(tmp_path, roberta=False)), table_of("choice")
    tokens = tokenize(table, tokenizer, format="choice", max_length=200)
    texts = [
        f"{text}\n{option}"
        for text, row in zip(table["text"], table["options"], strict=True)
        for option in row
    ]
    assert [tokenizer.decode(ids) for ids in sequences(tokens)] == texts
    assert tokens.segments is None and tokens.pad_id == tokenizer.eos_token_id == 1


def test_an_empty_text_is_one_token(tmp_path):
    tokenizer = load_tokenizer(byte_level(tmp_path, roberta=False))
    table = pd.DataFrame({"text": ["", "a"], "label": [0, 1], "example_id": [1, 2]})
    tokens = tokenize(table, tokenizer, format="classification", max_length=8, num_labels=2)
    assert sequences(tokens)[0] == [tokenizer.eos_token_id] and len(sequences(tokens)[1]) == 1


@pytest.mark.parametrize("kind", ["bert", "roberta", "decoder"])
@pytest.mark.parametrize("format", ["classification", "pair", "choice"])
def test_without_text_it_is_as_if_the_texts_were_empty(bert, tmp_path, kind, format):
    tokenizer = load_tokenizer(bert if kind == "bert" else byte_level(tmp_path, roberta=kind == "roberta"))
    table = table_of(format)
    blank = without_text(tokenize(table, tokenizer, format=format, max_length=20), tokenizer)
    empty = table.assign(text="")
    if format == "pair":
        empty["text_pair"] = ""
    if format == "choice":
        empty["options"] = [[""] * len(options) for options in table["options"]]
    expected = tokenize(empty, tokenizer, format=format, max_length=20)
    for name, value in vars(expected).items():
        found = getattr(blank, name)
        if isinstance(value, torch.Tensor):
            assert torch.equal(found, value) and found.dtype == value.dtype, name
        else:
            assert found == value, name
    wanted = {
        ("bert", "classification"): [2, 3],
        ("bert", "pair"): [2, 3, 3],
        ("roberta", "choice"): [0, 1, 1, 1],
        ("decoder", "classification"): [1],
        ("decoder", "pair"): tokenizer("\n")["input_ids"],
    }.get((kind, format))
    assert wanted is None or sequences(blank)[0] == wanted


def test_a_regression_has_no_null_input(bert):
    tokenizer = load_tokenizer(bert)
    tokens = tokenize(table_of("regression"), tokenizer, format="regression", max_length=12)
    with pytest.raises(ValueError, match="found regression; legal for a null input: classification"):
        without_text(tokens, tokenizer)


@pytest.mark.parametrize("max_length", [3, 65])
def test_a_length_that_does_not_fit_is_refused(bert, max_length):
    with pytest.raises(
        ValueError, match=f"max_length: found {max_length}; legal: more than 3 .* up to the 64"
    ):
        tokenize(table_of("pair"), load_tokenizer(bert), format="pair", max_length=max_length)


def test_a_folder_without_tokenizer_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="there is no vocabulary"):
        load_tokenizer(tmp_path)


def test_reading_tokens_is_a_light_import():
    heavy = "{'transformers', 'datasets', 'pandas', 'tokenizers'}"
    code = f"import sys, junkdna.tasks.tokens; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
