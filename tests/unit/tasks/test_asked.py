"""Questions as a file: what a model is asked is what the templates say, shots and null prompt included."""

import pandas as pd
import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from junkdna.tasks.asked import ask, read_asked, write_asked
from junkdna.tasks.prompts import PromptSpec


@pytest.fixture(scope="module")
def tokenizer():
    """A character a token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(["<s>", "</s>", *alphabet])}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    special = {"bos_token": AddedToken("<s>", special=True), "eos_token": AddedToken("</s>", special=True)}
    return PreTrainedTokenizerFast(tokenizer_object=made, **special)


def table(count: int, start: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "example_id": range(start, start + count),
            "text": [f"q{i}?" for i in range(start, start + count)],
            "options": [["yes", "no"] if i % 2 else ["a", "b", "c"] for i in range(count)],
            "label": [i % 2 for i in range(count)],
        }
    )


SPEC = PromptSpec(prompt="Q: {{ text }}\nA:", instruction="Say.\n\n", shots=2, null_prompt="A:")


def test_a_file_of_questions_reads_back_and_says_what_the_templates_say(tokenizer, tmp_path):
    measured, pool = table(4, 100), table(6, 0)
    write_asked(tmp_path / "asked.safetensors", ask(measured, pool, tokenizer, SPEC, seed=1, room=500))
    asked = read_asked(tmp_path / "asked.safetensors")
    assert len(asked) == 4 and asked.example_id.tolist() == list(measured["example_id"])
    assert asked.right.tolist() == [0, 1, 0, 1] and asked.ends.tolist() == [0, 3, 5, 8, 10]
    encoded = asked.encoded()
    for each, (_, row) in zip(encoded, measured.iterrows(), strict=True):
        text = tokenizer.decode(list(each.context))
        assert text.startswith("<s>Say.\n\nQ: ") and text.endswith(f"\n\nQ: {row['text']}\nA:")
        assert text.count("Q: ") == 3 and text.count("\n\n") == 3
        assert [tokenizer.decode(list(target)) for target in each.targets] == [
            f" {o}" for o in row["options"]
        ]
    assert {tokenizer.decode(list(each.context)) for each in asked.without_question()} == {"<s>A:"}
    nulls = [tokenizer.decode(list(each.targets[0])) for each in asked.without_question()]
    assert nulls == [f" {option}" for row in measured["options"] for option in row]
    assert asked.characters.tolist() == [len(option) for row in measured["options"] for option in row]
    again = ask(measured, pool, tokenizer, SPEC, seed=1, room=500)
    assert all(torch.equal(value, getattr(again, name)) for name, value in vars(asked).items())
    other = ask(measured, pool, tokenizer, SPEC, seed=2, room=500)
    assert not torch.equal(other.contexts, asked.contexts)


def test_partial_scoring_has_a_context_an_option(tokenizer):
    spec = PromptSpec(prompt="{{ text }} {{ option }}", answer="is it.", null_prompt="")
    asked = ask(table(3, 0), table(0, 9), tokenizer, spec, seed=1, room=200)
    assert asked.of.tolist() == list(range(8)) and len(asked.encoded()) == 8
    assert all(len(each.targets) == 1 for each in asked.encoded())


def test_shots_that_do_not_fit_are_counted(tokenizer):
    asked = ask(table(2, 100), table(6, 0), tokenizer, SPEC, seed=1, room=45)
    assert (asked.lost_shots > 0).all()
    with pytest.raises(ValueError, match="a question takes .* tokens without any shot"):
        ask(table(2, 100), table(6, 0), tokenizer, SPEC, seed=1, room=10)
