"""The likelihood of options: fast and plain against one forward pass a target, written apart."""

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from junkdna.inference.options import shares, target_sums
from junkdna.tasks.encode_prompts import Encoded

SIZES = {
    "llama": {"num_key_value_heads": 2, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "opt": {"hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "word_embed_proj_dim": 32},
    "gpt_neox": {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2},
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},
    "mpt": {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 256},
    "bart": {"d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 48},
    "mamba": {"hidden_size": 32, "num_hidden_layers": 2},
    "gemma2": {"num_key_value_heads": 2, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
               "head_dim": 8},
}  # fmt: skip


def build(kind: str):
    torch.manual_seed(0)
    heads = {} if kind in ("gpt2", "bloom", "mamba", "mpt", "bart") else {"num_attention_heads": 4}
    config = AutoConfig.for_model(
        kind, vocab_size=60, bos_token_id=0, eos_token_id=1, pad_token_id=1, **heads, **SIZES[kind]
    )
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():  # small random weights predict nothing; these do
        parameter.data *= 3
    return model.eval()


def questions(shots: int = 20) -> list[Encoded]:
    draw = np.random.default_rng(0)
    shared = tuple(draw.integers(2, 60, shots))
    made = []
    for _ in range(9):
        context = shared + tuple(draw.integers(2, 60, draw.integers(1, 9)))
        targets = tuple(tuple(draw.integers(2, 60, draw.integers(1, 6))) for _ in range(draw.integers(1, 6)))
        made.append(Encoded(context, targets))
    return made


@torch.no_grad()
def one_by_one(model, asked: list[Encoded]) -> list[np.ndarray]:
    found = []
    for each in asked:
        sums = []
        for target in each.targets:
            ids = torch.tensor([[*each.context, *target]])
            scores = model(input_ids=ids).logits.double().log_softmax(-1)[0]
            sums.append(sum(float(scores[len(each.context) + i - 1, t]) for i, t in enumerate(target)))
        found.append(np.array(sums))
    return found


@pytest.mark.parametrize("kind", SIZES)
def test_likelihoods_are_those_of_one_pass_a_target(kind):
    model, asked = build(kind), questions()
    expected = one_by_one(model, asked)
    for fast in (None, False):
        found = target_sums(model, asked, "fp32", fast=fast)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-3)


# ALiBi (bloom, mpt) makes positions of the mask itself, bart counts them itself, and the state of a state-space model
# cannot be looked at in part.
CAN = {"llama": True, "gpt2": True, "bloom": False, "mpt": False, "bart": False, "mamba": False}


@pytest.mark.parametrize(("kind", "can"), CAN.items())
def test_a_model_is_asked_whether_it_can_share(kind, can):
    model, asked = build(kind), questions()
    assert shares(model, asked, "fp32") == can
    # Whatever the order of the questions, and though most have but targets of one token.
    short = [Encoded(each.context, tuple(target[:1] for target in each.targets)) for each in asked]
    assert shares(model, [*short, *asked[:5], *short], "fp32") == can


@pytest.mark.parametrize("fast", [True, False])
def test_options_of_very_different_length(fast):
    draw = np.random.default_rng(2)
    asked = [
        Encoded((3, 4, 5), tuple(tuple(draw.integers(2, 60, length)) for length in lengths))
        for lengths in ((1, 90, 2), (60, 1), (1,))
    ]
    model = build("llama")
    for one, other in zip(
        target_sums(model, asked, "fp32", fast=fast), one_by_one(model, asked), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=2e-3)


@pytest.mark.parametrize("fast", [True, False])
def test_the_output_layer_sees_the_places_that_are_scored_alone(fast):
    model, asked = build("llama"), questions()
    rows = []
    model.lm_head.register_forward_hook(lambda *seen: rows.append(seen[-1].shape[:-1].numel()))
    target_sums(model, asked, "fp32", fast=fast)
    # Packed, all targets of a question begin at one place; the prefix alone is computed as any text is.
    inside = sum(len(target) - 1 for each in asked for target in each.targets)
    begun = len(asked) if fast else sum(len(each.targets) for each in asked)
    assert sum(rows) - (20 if fast else 0) == inside + begun


def test_every_recipe_sees_the_same_batches():
    """Half precision differs from one batch to another, by up to half a nat of an answer."""
    seen = []
    for factor in (1.0, 0.1):
        model = build("llama")
        for parameter in model.parameters():
            parameter.data *= factor
        shapes = []
        model.register_forward_pre_hook(
            lambda _, args, given, shapes=shapes: shapes.append(given["input_ids"].clone()), with_kwargs=True
        )
        target_sums(model, questions(), "bf16")
        seen.append(shapes)
    assert len(seen[0]) == len(seen[1]) > 1
    assert all(torch.equal(one, other) for one, other in zip(*seen, strict=True))


def test_without_shared_tokens_and_with_a_single_question():
    model = build("llama")
    for asked in (questions(shots=0), questions()[:1]):
        expected = one_by_one(model, asked)
        for one, other in zip(target_sums(model, asked, "fp32", fast=True), expected, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-3)


def test_a_model_that_gives_no_numbers_gives_nan():
    model = build("llama")
    model.lm_head.weight.data[5] = float("nan")
    assert all(np.isnan(each).all() for each in target_sums(model, questions(), "fp32"))


def test_equal_options_are_equally_likely():
    asked = [Encoded((3, 4, 5), ((7, 8), (9,), (7, 8)))]
    (found,) = target_sums(build("llama"), asked, "fp32", fast=True)
    assert found[0] == pytest.approx(found[2], abs=1e-5) and found[0] != pytest.approx(found[1], abs=1e-3)
