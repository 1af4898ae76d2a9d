"""A text has one prediction, whatever shares its batch and whatever token the tokenizer pads with."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from architectures import ARCHITECTURES, make_tokens, save_checkpoint
from junkdna.inference.batches import load_data, pad_batches
from junkdna.inference.padding import load_for, pads_left
from junkdna.inference.running_text import text_log_probabilities
from junkdna.models.decoder import load_causal
from junkdna.models.load import load_classifier

LENGTHS = (5, 13, 3, 11, 6, 9, 3, 13, 4, 7)
CAUSAL = ("gpt2", "gpt-neox", "opt", "llama", "mixtral", "gpt-oss")


def logits_of(model, data, order) -> np.ndarray:
    """Logits of the examples of `order`, in the order of the split."""
    found = np.empty((len(data), 3))
    with torch.no_grad():
        for rows, batch in zip(order, pad_batches(data, order), strict=True):
            found[rows] = model.eval()(**batch.inputs).logits.numpy()
    return found


def some_orders() -> list[list[np.ndarray]]:
    draw = np.random.default_rng(0)
    every = [draw.permutation(len(LENGTHS)) for _ in range(3)]
    return [np.split(order, cuts) for order, cuts in zip(every, ([], [5], [2, 4, 7]), strict=True)]


@pytest.mark.parametrize("pad", [0, 1, 7, 1000])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_predictions_do_not_hang_on_the_batch(architecture, pad, tmp_path):
    save_checkpoint(tmp_path, architecture, tied=False)
    model = load_classifier(tmp_path, 3, seed=0)
    # Every text ends with token 1, as one of a tokenizer that pads with its end token; 1000 is no row of the embedding.
    data = load_for(model, make_tokens(pad, LENGTHS))
    alone = logits_of(model, data, [np.array([index]) for index in range(len(data))])
    assert np.ptp(alone, axis=0).min() > 1e-4, "the texts are told apart"
    for order in some_orders():
        np.testing.assert_allclose(logits_of(model, data, order), alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("architecture", CAUSAL)
def test_the_likelihood_of_a_text_does_not_hang_on_the_batch(architecture, tmp_path):
    save_checkpoint(tmp_path, architecture, tied=False)
    model = load_causal(tmp_path)
    data = load_data(make_tokens(0, LENGTHS), torch.device("cpu"))
    found = []
    for order in ([np.array([index]) for index in range(len(data))], *some_orders()):
        sums = np.empty(len(data))
        with torch.no_grad():
            for rows, batch in zip(order, pad_batches(data, order), strict=True):
                sums[rows] = text_log_probabilities(model(**batch.inputs).logits, batch.inputs).numpy()
        found.append(sums)
    for sums in found[1:]:
        np.testing.assert_allclose(sums, found[0], rtol=1e-5)


@pytest.mark.parametrize("own", [None, 3])
def test_the_model_pads_with_the_token_of_the_tokenizer(own, tmp_path):
    """Qwen and Llama-3-Instruct: another padding token in the tokenizer than in the configuration, or none there."""
    config = transformers.Qwen2Config(
        vocab_size=61, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=40,
        num_key_value_heads=1, pad_token_id=own, eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    model = load_classifier(tmp_path, 3, seed=0)
    tokens = make_tokens(4, LENGTHS)
    apart = load_data(tokens, model.device)
    data = load_for(model, tokens)
    assert model.config.pad_token_id == data.tokens.pad_id == 4
    order = [np.arange(len(data))]
    right = logits_of(model, data, order)
    # What went wrong: the place of another token than the batch is padded with.
    model.config.pad_token_id = own or 2
    wrong = logits_of(model, apart, order)
    assert (np.abs(wrong - right).max(axis=1) > 1e-3).sum() == sum(
        length < max(LENGTHS) for length in LENGTHS
    )


def test_a_configuration_within_a_configuration_is_told_too(tmp_path):
    text = {"vocab_size": 61, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 8,
            "intermediate_size": 24, "num_key_value_heads": 1}  # fmt: skip
    vision = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 32, "patch_size": 16}  # fmt: skip
    config = transformers.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    torch.manual_seed(0)
    transformers.Gemma3ForConditionalGeneration(config).save_pretrained(tmp_path)
    model = load_classifier(tmp_path, 3, seed=0)
    data = load_for(model, make_tokens(9, LENGTHS))
    assert model.config.pad_token_id == model.config.get_text_config().pad_token_id == 9
    alone = logits_of(model, data, [np.array([index]) for index in range(len(data))])
    np.testing.assert_allclose(logits_of(model, data, [np.arange(len(data))]), alone, rtol=0, atol=1e-5)


def test_xlnet_reads_the_last_place_so_texts_end_there(tmp_path):
    save_checkpoint(tmp_path, "xlnet", tied=False)
    model = load_classifier(tmp_path, 3, seed=0)
    assert pads_left(model) and load_for(model, make_tokens(0)).left
    save_checkpoint(tmp_path / "bert", "bert", tied=False)
    assert not pads_left(load_classifier(tmp_path / "bert", 3, seed=0))


@pytest.mark.parametrize("name", ["FNet", "Funnel", "Canine"])
def test_an_architecture_that_sees_padding_is_refused(name, tmp_path):
    small = {"hidden_size": 24, "intermediate_size": 40, "num_attention_heads": 2, "num_hidden_layers": 2}
    config = {
        "FNet": lambda: transformers.FNetConfig(vocab_size=61, **small, max_position_embeddings=32),
        "Funnel": lambda: transformers.FunnelConfig(
            vocab_size=61, block_sizes=[1, 1, 1], d_model=24, n_head=2, d_head=12, d_inner=40
        ),
        "Canine": lambda: transformers.CanineConfig(
            **small, num_hash_buckets=16, num_hash_functions=2, max_position_embeddings=64
        ),
    }[name]()
    torch.manual_seed(0)
    getattr(transformers, f"{name}Model")(config).save_pretrained(tmp_path)
    model = load_classifier(tmp_path, 3, seed=0).train()
    with pytest.raises(
        ValueError, match=f"{name}ForSequenceClassification: what it predicts for a text changes with"
    ):
        load_for(model, make_tokens(0, (9, 13, 10, 11)))
    # Texts of one length need no padding.
    assert len(load_for(model, make_tokens(0, (8, 8, 8)))) == 3


def test_to_be_asked_leaves_no_trace(tmp_path):
    save_checkpoint(tmp_path, "llama", tied=False)
    model = load_classifier(tmp_path, 3, seed=0).train()
    before, state = {name: each.clone() for name, each in model.state_dict().items()}, torch.get_rng_state()
    load_for(
        model, replace(make_tokens(0), segments=torch.zeros(sum((5, 13, 3, 11, 6, 9)), dtype=torch.uint8))
    )
    assert model.training and torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
