"""Free answers against gold ones: exact match, token F1, and numbers by value.

Both official scorers take the best over the gold answers (aliases). Exact match and F1 as in SQuAD (Rajpurkar et al.,
EMNLP 2016, evaluate-v1.1) and TriviaQA (Joshi et al., ACL 2017, triviaqa_evaluation); they differ in what becomes of
punctuation: SQuAD removes it, TriviaQA puts a space in its place, and takes four typographic quotes and the underscore
for punctuation too.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction

QUOTES = "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{ACUTE ACCENT}`"
ARTICLES = re.compile(r"\b(a|an|the)\b")
# A number as texts write it: a sign, digits (in groups of three, or not), a fraction after a point or a slash.
NUMBER = re.compile(
    r"(?<![\w.])[-\N{MINUS SIGN}]?\$?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d)/\d+)?(?![\d])"
)
# How near two numbers must be to be the same, relative to the gold one where that is larger than 1.
SAME = 1e-6


def normalise_squad(text: str) -> str:
    """Lower case, without punctuation and articles, words one space apart."""
    kept = "".join(char for char in text.lower() if char not in string.punctuation)
    return " ".join(ARTICLES.sub(" ", kept).split())


def normalise_triviaqa(text: str) -> str:
    """As `normalise_squad`, with a space for each mark of punctuation."""
    marks = set(string.punctuation + QUOTES)
    spaced = "".join(" " if char in marks else char for char in text.replace("_", " ").lower())
    return " ".join(ARTICLES.sub(" ", spaced).split())


NORMALISERS: dict[str, Callable[[str], str]] = {"squad": normalise_squad, "triviaqa": normalise_triviaqa}


def exact_match(answer: str, gold: Sequence[str], normalise: Callable[[str], str]) -> float:
    """1 if the answer is one of the gold ones once both are normalised, else 0. An empty answer is wrong.

    So it is where a gold one is nothing but articles and punctuation (the grade A); there the official scorers take an
    empty answer for right.
    """
    said = normalise(answer)
    return float(bool(answer.strip()) and any(said == normalise(each) for each in gold))


def token_f1(answer: str, gold: Sequence[str], normalise: Callable[[str], str]) -> float:
    """The best F1 between the words of the answer and those of a gold one, 0 to 1."""
    said = Counter(normalise(answer).split())
    best = 0.0
    for each in gold:
        wanted = Counter(normalise(each).split())
        common = sum((said & wanted).values())
        if common:
            precision, recall = common / sum(said.values()), common / sum(wanted.values())
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


def last_number(text: str) -> Fraction | None:
    """The last number in a text by its value; None where there is none."""
    found = [match[0] for match in NUMBER.finditer(text) if re.search(r"\d", match[0])]
    if not found:
        return None
    plain = found[-1].replace(",", "").replace("$", "").replace("\N{MINUS SIGN}", "-")
    whole, _, below = plain.partition("/")
    return None if below and not int(below) else Fraction(whole) / (int(below) if below else 1)


def same_number(answer: str, gold: Sequence[str]) -> float:
    """1 if the last number of the answer is the value of a gold one, else 0: 12 = 12.0 = $12.00, 1,200 = 1200."""
    said = last_number(answer)
    if said is None:
        return 0.0
    wanted = (last_number(each) for each in gold)
    return float(
        any(each is not None and abs(said - each) <= SAME * max(1.0, float(abs(each))) for each in wanted)
    )
