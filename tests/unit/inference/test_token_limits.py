"""Tokens that do not fit the tables of a model: told before the first is looked up."""

import runpy
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
import transformers

from junkdna.inference.calibration import collect_statistics
from junkdna.inference.padding import load_for
from junkdna.inference.token_limits import check_tokens
from junkdna.models.decoder import load_causal
from junkdna.models.load import load_classifier

architectures = runpy.run_path(str(Path(__file__).parents[2] / "architectures.py"))
ARCHITECTURES, make_tokens = architectures["ARCHITECTURES"], architectures["make_tokens"]
save_checkpoint = architectures["save_checkpoint"]
# Tables of positions have 16 rows; RoBERTa counts from 2, T5, GPT-NeoX and Llama have none.
LONGEST = {
    "bert": 16,
    "bert-base": 16,
    "roberta": 14,
    "distilbert": 16,
    "deberta-v2": 16,
    "gpt2": 16,
    "opt": 16,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def folder(architecture: str) -> Path:
        if architecture not in made:
            made[architecture] = tmp_path_factory.mktemp(architecture)
            save_checkpoint(made[architecture], architecture, tied=False)
        return made[architecture]

    return folder


def with_token(tokens, number):
    ids = tokens.input_ids.clone()
    ids[3] = number
    return replace(tokens, input_ids=ids)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_last_token_fits_and_the_next_does_not(architecture, folders):
    model = load_classifier(folders(architecture), 2, seed=0)
    tokens = make_tokens(0)
    check_tokens(model, with_token(tokens, 60))
    with pytest.raises(ValueError, match=r"has 61 tokens, 0 to 60; found token 61: the tokenizer and"):
        check_tokens(model, with_token(tokens, 61))
    with pytest.raises(ValueError, match=r"has 61 tokens, 0 to 60; padding is token 61"):
        check_tokens(model, replace(tokens, pad_id=61))
    # Sequences of one length are never padded.
    check_tokens(model, make_tokens(61, lengths=(5, 5)))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_longest_sequence_fits_as_far_as_positions_are_a_table(architecture, folders):
    """Held against the model itself: what passes can be computed, and one token more is an IndexError."""
    model = load_classifier(folders(architecture), 2, seed=0).eval()
    longest = LONGEST.get(architecture)
    fits, beyond = (make_tokens(0, lengths=(length, 3)) for length in ((longest or 20), (longest or 20) + 1))
    check_tokens(model, fits)
    # RoBERTa gives the token 1, which is its padding, no position of its own.
    ids = [tokens.input_ids.clamp(min=5)[None].long() for tokens in (fits, beyond)]
    inputs = torch.cat([ids[0][:, : (longest or 20) - 1], torch.ones(1, 1, dtype=torch.int64)], dim=1)
    inputs = ids[0][:, : longest or 20] if architecture != "t5" else inputs
    assert model(input_ids=inputs).logits.isfinite().all()
    if longest is None:
        check_tokens(model, beyond)
        return
    with pytest.raises(
        ValueError, match=f"up to {longest} tokens; found one of {longest + 1}: set max_length"
    ):
        check_tokens(model, beyond)
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=ids[1][:, : longest + 1])


def test_segments_beyond_the_table_are_told(folders):
    model = load_classifier(folders("bert"), 2, seed=0)
    tokens = make_tokens(0)
    segments = torch.zeros_like(tokens.input_ids, dtype=torch.uint8)
    segments[-1] = 1
    check_tokens(model, replace(tokens, segments=segments))
    segments[-1] = 2
    with pytest.raises(ValueError, match="tells 2 kinds of segments apart; found segment 2"):
        check_tokens(model, replace(tokens, segments=segments))


def test_a_model_without_a_table_of_tokens_takes_any_token(folders, monkeypatch):
    model = load_classifier(folders("gpt2"), 2, seed=0)
    tokens = with_token(make_tokens(0), 61)
    # An embedding that computes has no weight, and some models say that they have none at all.
    for embedding in (torch.nn.Identity(), NotImplementedError()):
        monkeypatch.setattr(model, "get_input_embeddings", Mock(side_effect=[embedding]))
        check_tokens(model, tokens)
        monkeypatch.setattr(model, "get_input_embeddings", Mock(side_effect=[embedding] * 2))
        assert load_for(model, tokens, ask=False).tokens.pad_id == tokens.pad_id


def test_training_and_calibration_ask_first(folders):
    tokens = with_token(make_tokens(0), 61)
    model = load_classifier(folders("bert"), 2, seed=0)
    for look in (
        lambda: load_for(model, tokens),
        lambda: collect_statistics(model, tokens, hessians=False),
    ):
        with pytest.raises(ValueError, match="found token 61"):
            look()


def test_decoders_with_offsets_and_computed_positions(tmp_path):
    config = transformers.BartConfig(
        vocab_size=61, max_position_embeddings=16, d_model=24, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=40, decoder_ffn_dim=40,
    )  # fmt: skip
    transformers.BartModel(config).save_pretrained(tmp_path / "bart")
    model = load_classifier(tmp_path / "bart", 2, seed=0)
    check_tokens(model, make_tokens(0, lengths=(16, 3)))
    with pytest.raises(ValueError, match="up to 16 tokens"):
        check_tokens(model, make_tokens(0, lengths=(17, 3)))
    # As a decoder alone half of it would be left over.
    transformers.BartForConditionalGeneration(config).save_pretrained(tmp_path / "whole")
    with pytest.raises(ValueError, match="do not fit BartForCausalLM"):
        load_causal(tmp_path / "whole")
