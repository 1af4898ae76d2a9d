"""What a question comes with of its evidence: none, a sentence, tokens around the answer."""

import pytest

from decoders import tokenizer_of_characters
from junkdna.tasks.evidence import choose_evidence, find_answer, sentences

TEXT = 'He came early. "The sun rose at six!" It was in St. Louis.\nNobody knew, for 3.5 hours, why? The end'


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of_characters()


def test_sentences_end_at_marks_and_line_breaks():
    assert [TEXT[start:end] for start, end in sentences(TEXT)] == [
        "He came early.",
        '"The sun rose at six!"',
        "It was in St.",
        "Louis.",
        "Nobody knew, for 3.5 hours, why?",
        "The end",
    ]
    assert sentences("") == [] and sentences("  \n ") == []


def test_an_answer_is_found_as_whole_words_whatever_its_case():
    assert find_answer("the sunny sun", ["Sun"]) == (10, 13)
    assert find_answer("no answer", ["sun", ""]) is None
    assert find_answer("a moon and a sun", ["sun", "moon"]) == (13, 16), "the first answer first"
    assert find_answer("cost $12.00 (net)", ["$12.00"]) == (5, 11)


@pytest.mark.parametrize(
    ("answers", "kept"),
    [
        (["six"], '"The sun rose at six!"'),
        (["Saint Louis", "St. Louis"], "It was in St. Louis."),
        (["moon"], ""),
    ],
)
def test_the_sentence_that_holds_an_answer(tokenizer, answers, kept):
    assert choose_evidence(TEXT, answers, "sentence", 0, tokenizer) == kept


def test_all_and_none(tokenizer):
    assert choose_evidence(TEXT, ["six"], "all", 0, tokenizer) == TEXT
    assert choose_evidence(TEXT, ["six"], "none", 0, tokenizer) == ""


def test_tokens_stand_around_the_answer_and_are_as_many_as_asked(tokenizer):
    text = "a" * 40 + " sun " + "b" * 40
    for count in (3, 7, 20, 60):
        kept = choose_evidence(text, ["sun"], count, 0, tokenizer)
        assert "sun" in kept and len(kept.replace(" ", "")) <= count and kept in text
        assert len(tokenizer(kept, add_special_tokens=False)["input_ids"]) == count
    assert choose_evidence(text, ["sun"], 1000, 0, tokenizer) == text
    # At the border of the text there is no middle to have; without an answer it is the beginning.
    assert choose_evidence("sun" + "b" * 40, ["sun"], 10, 0, tokenizer) == "sun" + "b" * 7
    assert choose_evidence(text, ["moon"], 5, 0, tokenizer) == "aaaaa"


def test_a_distance_puts_other_sentences_behind_the_one_that_holds_the_answer(tokenizer):
    near, far = (choose_evidence(TEXT, ["six"], "sentence", distance, tokenizer) for distance in (4, 30))
    assert near.startswith('"The sun rose at six!" He c') and far.startswith(near)
    whole = choose_evidence(TEXT, ["six"], "sentence", 1000, tokenizer)
    assert whole.endswith("The end") and whole.count("six") == 1
    assert choose_evidence("Only six.", ["six"], "sentence", 50, tokenizer) == "Only six."
