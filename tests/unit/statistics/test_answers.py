"""Free answers against gold ones, held against what the official scorers do, written down apart."""

import json
import re
import string
from fractions import Fraction
from pathlib import Path

import pytest

from junkdna.statistics.answers import (
    NORMALISERS,
    exact_match,
    last_number,
    normalise_squad,
    normalise_triviaqa,
    same_number,
    token_f1,
)


@pytest.mark.parametrize(
    ("text", "squad", "triviaqa"),
    [
        ("The Beatles", "beatles", "beatles"),
        ("U.S.A.", "usa", "u s"),
        ("an apple, a pear and the plum", "apple pear and plum", "apple pear and plum"),
        ("rock-and-roll", "rockandroll", "rock and roll"),
        ("O\N{RIGHT SINGLE QUOTATION MARK}Neill", "o\N{RIGHT SINGLE QUOTATION MARK}neill", "o neill"),
        ("snake_case", "snakecase", "snake case"),
        ("  two \t words\n", "two words", "two words"),
        ("Theatre", "theatre", "theatre"),
        ("A", "", ""),
        ("É", "é", "é"),
        ("", "", ""),
    ],
)
def test_texts_are_normalised_as_the_official_scorers_do(text, squad, triviaqa):
    assert normalise_squad(text) == squad
    assert normalise_triviaqa(text) == triviaqa


def test_an_answer_must_be_the_whole_of_a_gold_one():
    assert exact_match("Mark Twain.", ["Samuel Clemens", "mark twain"], normalise_squad) == 1
    assert exact_match("not Mark Twain", ["Mark Twain"], normalise_squad) == 0
    assert exact_match("", ["a", ""], normalise_squad) == 0
    assert exact_match("A", ["A"], normalise_squad) == 1, "a letter is an answer, though it is an article too"


def test_two_hundred_pairs_score_as_the_official_scorers_say():
    """answer_pairs.jsonl: answer, gold answers; then exact match and F1 as evaluate-v1.1 (SQuAD) and
    triviaqa_evaluation gave them, run on these pairs: articles, punctuation, unicode, aliases, empty ones, numbers."""
    lines = (Path(__file__).parent / "answer_pairs.jsonl").read_text(encoding="utf-8").splitlines()
    blank = 0
    for answer, gold, *official in map(json.loads, lines):
        for name, match, f1 in (("squad", *official[:2]), ("triviaqa", *official[2:])):
            wanted = match if answer.strip() else 0
            blank += match - wanted
            assert exact_match(answer, gold, NORMALISERS[name]) == wanted, (name, answer, gold)
            assert token_f1(answer, gold, NORMALISERS[name]) == pytest.approx(float(Fraction(f1))), (
                answer,
                gold,
            )
    assert len(lines) >= 200 and blank == 4, (
        "we differ on the empty answer alone, which they take for an article"
    )


def test_f1_is_the_best_over_the_aliases():
    assert token_f1("red red green", ["red green blue"], normalise_squad) == pytest.approx(2 / 3)
    assert token_f1("green", ["red", "the green"], normalise_squad) == 1
    assert token_f1("", ["red"], normalise_squad) == 0
    assert token_f1("red", [], normalise_squad) == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12), ("12.0", 12), ("$12.00", 12), ("1,200", 1200), ("so 3 + 4 = 7.", 7), ("-5", -5), ("3.", 3),
        ("1/2", 0.5), ("\N{MINUS SIGN}2.5 degrees", -2.5), ("no number", None), ("", None), ("1/0", None),
        (".5", 0.5), ("in 1999, 2", 2), ("x12", None), ("5-3", 3), ("1,2,3", 3), ("12,34", 34),
        ("1,234,567.89", 1234567.89),
    ],
)  # fmt: skip
def test_the_last_number_counts_by_its_value(text, value):
    found = last_number(text)
    assert (found is None) if value is None else float(found) == pytest.approx(value)


def test_numbers_are_the_same_within_a_millionth():
    assert same_number("It is 0.333333.", ["1/3"]) == 1
    assert same_number("about 0.33", ["1/3"]) == 0
    assert same_number("no idea", ["3"]) == 0
    assert same_number("1200000.5", ["1,200,001"]) == 1


def by_hand(text: str) -> str:
    """SQuAD's rule once more, with other means."""
    words = re.sub(f"[{re.escape(string.punctuation)}]", "", text.lower()).split()
    return " ".join(word for word in words if word not in ("a", "an", "the"))


@pytest.mark.parametrize("text", ["a b the c", "A.N. Other", "the-the", "un an a", "'The' \"A\" (an) x"])
def test_against_a_rule_written_apart(text):
    assert normalise_squad(text) == by_hand(text)
