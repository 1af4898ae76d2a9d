"""Questions as a file: what a model is asked is what the templates say, shots and null prompt included."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from tokenizers import processors
from transformers import PreTrainedTokenizerFast

from decoders import tokenizer_of_characters
from junkdna.tasks.ask import ask
from junkdna.tasks.asked import read_asked, write_asked
from junkdna.tasks.prompts import PromptSpec, keep_options


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """A character a token, and one that opens every text."""
    made = tokenizer_of_characters()
    made.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    return made


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


def test_fewer_options_are_some_of_more_and_hold_the_right_one(tokenizer):
    measured = table(5, 0).assign(options=[list("vwxyz")] * 5, label=[0, 1, 2, 3, 4])
    kept = {}
    for count in (2, 3, 4, 5):
        spec = PromptSpec(prompt="{{ options | join(' ') }}", options=count)
        asked = ask(measured, table(0, 9), tokenizer, spec, seed=1, room=200)
        contexts = [tokenizer.decode(list(each.context)).removeprefix("<s>") for each in asked.encoded()]
        kept[count] = [text.split() for text in contexts]
        assert asked.ends.tolist() == [count * i for i in range(6)]
        assert [each[right] for each, right in zip(kept[count], asked.right, strict=True)] == list("vwxyz")
        assert asked.example_id.tolist() == list(range(5)), "a question keeps its id"
        assert all(each == sorted(each) for each in kept[count]), "and its options their order"
    for few, more in ((2, 3), (3, 4), (4, 5)):
        assert all(set(a) < set(b) for a, b in zip(kept[few], kept[more], strict=True))
    assert len({tuple(each) for each in kept[2]}) > 1, "which wrong ones stay hangs on the question"
    with pytest.raises(ValueError, match=r"^tasks\.quiz\.options: found 6; legal: up to 5"):
        spec = PromptSpec(prompt="{{ text }}", options=6)
        ask(measured, table(0, 9), tokenizer, spec, seed=1, room=200, key="tasks.quiz")


def test_which_wrong_options_stay_is_drawn_evenly():
    rows = [{"example_id": i, "options": list("abcde"), "label": 0} for i in range(2000)]
    wrong = [keep_options(row, 2)["options"][1] for row in rows]
    assert all(430 < wrong.count(option) < 570 for option in "bcde")


READ = PromptSpec(prompt="{{ evidence }}\nQ: {{ text }}\nA:", answer="{{ answer }}", evidence="sentence")
TOLD = ["The sun is hot. The moon is cold.", "Nothing of it.", ""]


def reading() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "example_id": [1, 2, 3],
            "text": ["hot?", "cold?", "far?"],
            "answers": [["sun"], ["moon"], ["stars"]],
            "evidence": TOLD,
        }
    )


def contexts(asked, tokenizer):
    return [tokenizer.decode(list(each.context)).removeprefix("<s>") for each in asked.encoded()]


def test_a_question_comes_with_the_evidence_that_is_asked_for(tokenizer):
    asked = ask(reading(), reading().head(0), tokenizer, READ, seed=1, room=200)
    assert contexts(asked, tokenizer) == ["The sun is hot.\nQ: hot?\nA:", "\nQ: cold?\nA:", "\nQ: far?\nA:"]
    assert asked.no_evidence.tolist() == [0, 1, 0], "the third has none to begin with"
    whole = ask(reading(), reading().head(0), tokenizer, replace(READ, evidence="all"), seed=1, room=200)
    assert contexts(whole, tokenizer) == [
        f"{told}\nQ: {q}\nA:" for told, q in zip(TOLD, reading()["text"], strict=True)
    ]
    assert whole.cut_evidence.tolist() == whole.no_evidence.tolist() == [0, 0, 0]


def test_evidence_goes_after_the_shots_from_its_far_end_and_never_the_question(tokenizer):
    spec = replace(READ, evidence="all", shots=1)
    pool = reading().assign(text=["p1", "p2", "p3"])
    for room in (30, 40):
        asked = ask(reading(), pool, tokenizer, spec, seed=1, room=room)
        first = contexts(asked, tokenizer)[0]
        told, _, question = first.partition("\n")
        assert question == "Q: hot?\nA:" and TOLD[0].endswith(told) and asked.lost_shots[0] == 1
        # As much as fits: a character more would not.
        assert len(first) + len("<s>") - 2 + len(" sun") == room
    assert asked.cut_evidence.tolist() == [1, 0, 0]
    below = replace(spec, prompt="Q: {{ text }}\n{{ evidence }}\nA:", shots=0)
    last = contexts(ask(reading(), pool, tokenizer, below, seed=1, room=40), tokenizer)[0]
    assert last.startswith("Q: hot?\nThe sun") and last.endswith("\nA:")
    with pytest.raises(ValueError, match="a question takes"):
        ask(reading(), pool, tokenizer, spec, seed=1, room=10)
