"""Free answers against a greedy loop of single steps, written apart."""

import numpy as np
import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, PreTrainedTokenizerFast

from junkdna.inference.answers import AnswerSpec, judge
from junkdna.inference.generate import generate_answers
from junkdna.tables.answers import kind_of

WORDS = [f"w{i}" for i in range(57)]


@pytest.fixture(scope="module")
def tokenizer():
    """A word a token, words one space apart."""
    vocabulary = {name: i for i, name in enumerate(["<s>", "</s>", "<pad>", *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.decoder = decoders.Fuse()
    special = {f"{name}_token": AddedToken(f"<{text}>", special=True)
               for name, text in (("bos", "s"), ("eos", "/s"), ("pad", "pad"))}  # fmt: skip
    return PreTrainedTokenizerFast(tokenizer_object=made, **special)


def build(kind: str):
    torch.manual_seed(3)
    sizes = {
        "llama": {
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
        },
        "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128},
        "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},
        "mamba": {"hidden_size": 32, "num_hidden_layers": 2},
    }[kind]
    config = AutoConfig.for_model(
        kind, vocab_size=60, bos_token_id=0, eos_token_id=1, pad_token_id=2, **sizes
    )
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():
        parameter.data *= 3
    return model.eval()


def contexts(shared: int) -> list[tuple[int, ...]]:
    draw = np.random.default_rng(1)
    first = tuple(int(i) for i in draw.integers(3, 60, shared))
    return [first + tuple(int(i) for i in draw.integers(3, 60, draw.integers(1, 9))) for _ in range(7)]


@torch.no_grad()
def one_by_one(model, context, most: int) -> list[int]:
    ids = list(context)
    for _ in range(most):
        ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == 1:
            break
    return ids[len(context) :]


@pytest.mark.parametrize("shared", [0, 20])
@pytest.mark.parametrize("kind", ["llama", "gpt2", "bloom", "mamba"])
def test_answers_are_those_of_single_steps(kind, shared, tokenizer):
    model, asked = build(kind), contexts(shared)
    share = kind != "mamba"
    found = generate_answers(
        model, tokenizer, asked, stop=[], max_new_tokens=12, precision="fp32", share=share
    )
    for context, answer in zip(asked, found, strict=True):
        expected = one_by_one(model, context, 12)
        ended = expected[-1] == 1
        assert answer.ended == ("end" if ended else "length") and answer.tokens == len(expected)
        assert answer.text == tokenizer.decode(expected[: len(expected) - ended], skip_special_tokens=True)


def test_a_stop_text_ends_its_own_row(tokenizer):
    model, asked = build("llama"), contexts(0)
    whole = generate_answers(model, tokenizer, asked, stop=[], max_new_tokens=12, precision="fp32")
    # A stop that is cut into tokens otherwise: the end of one word and the beginning of the next.
    text = whole[0].text
    stop = text[3:6]
    found = generate_answers(
        model, tokenizer, asked, stop=[stop, "never"], max_new_tokens=12, precision="fp32"
    )
    assert found[0].ended == "stop" and found[0].text == text[: text.index(stop)]
    for one, other in zip(whole, found, strict=True):
        assert other.text == (one.text.split(stop)[0] if stop in one.text else one.text)


def test_an_answer_that_begins_with_the_stop_text_is_empty(tokenizer):
    """As one that begins with a line break is: nothing stands before it, and the rest is no answer."""
    model, asked = build("llama"), contexts(0)
    whole = generate_answers(model, tokenizer, asked, stop=[], max_new_tokens=6, precision="fp32")
    stop = whole[0].text[:2]
    found = generate_answers(model, tokenizer, asked, stop=[stop], max_new_tokens=6, precision="fp32")
    assert found[0].text == "" and found[0].ended == "stop"
    assert judge(found[0].text, [whole[0].text], AnswerSpec(metric="exact-match")) == 0
    assert kind_of(0, found[0].text, found[0].ended) == "empty"


def test_a_model_that_ends_at_once_says_nothing(tokenizer):
    model, asked = build("llama"), contexts(0)
    first = one_by_one(model, asked[0], 1)[0]
    # Some checkpoints end with more than one token, and only their generation config says so.
    model.generation_config.eos_token_id = [1, first]
    answer = generate_answers(model, tokenizer, asked, stop=["x"], max_new_tokens=5, precision="fp32")[0]
    assert (answer.text, answer.ended, answer.tokens) == ("", "end", 1)


def test_an_encoder_decoder_answers_too(tokenizer):
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "t5", vocab_size=60, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, eos_token_id=1,
        pad_token_id=2, decoder_start_token_id=2,
    )  # fmt: skip
    model = AutoModelForSeq2SeqLM.from_config(config).eval()
    asked = contexts(0)
    found = generate_answers(model, tokenizer, asked, stop=[], max_new_tokens=6, precision="fp32")
    for context, answer in zip(asked, found, strict=True):
        ids = [2]
        for _ in range(6):
            with torch.no_grad():
                logits = model(
                    input_ids=torch.tensor([context]), decoder_input_ids=torch.tensor([ids])
                ).logits
            ids.append(int(logits[0, -1].argmax()))
            if ids[-1] == 1:
                break
        assert answer.text == tokenizer.decode(ids[1:], skip_special_tokens=True)
