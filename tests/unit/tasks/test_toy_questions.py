"""Questions about the generated world: answered in the text for some, told of all, and found in the evidence."""

import re
from collections import Counter
from functools import cache

import pytest

from junkdna.tasks.evidence import choose_evidence
from junkdna.tasks.fetch import fetch_task
from junkdna.tasks.toy_questions import (
    GUESTS,
    QUESTIONS,
    SENTENCES,
    SIZES,
    generate_lessons,
    generate_questions,
)
from junkdna.tasks.toy_world import HOME, TOWNS, build_world

COUNTS = {"train": 32, "validation": 256}


@cache
def world():
    return build_world(1, SIZES, GUESTS)


def questions(seed: int = 1) -> dict:
    return generate_questions(world_seed=1, seed=seed, **COUNTS)


def subject(text: str) -> str:
    return next(name for name in re.findall(r"\w+", text) if name in world().home)


def test_the_same_seed_gives_the_same_text_and_questions():
    assert generate_lessons(1) == generate_lessons(1) != generate_lessons(2)
    for split in COUNTS:
        assert questions()[split].equals(questions()[split]) and not questions()[split].equals(
            questions(2)[split]
        )


def test_the_world_of_other_tasks_stays_as_it_was():
    assert build_world(1).guests == () and len(world().guests) == GUESTS
    assert not {*world().guests} & {*world().home, *world().kind}


def test_every_town_is_the_answer_as_often():
    """So whoever says one town throughout is right in one of TOWNS."""
    answers = Counter(answer for (answer,) in questions()["validation"]["answers"])
    assert set(answers.values()) == {COUNTS["validation"] // TOWNS} and len(answers) == TOWNS


def test_everyone_is_asked_about_once_and_the_answer_is_true():
    for split in COUNTS:
        table = questions()[split]
        people = [subject(text) for text in table["text"]]
        assert len(set(people)) == len(people) == COUNTS[split]
        assert {world().group[name] for name in people} == {split}
        assert [[world().home[name]] for name in people] == table["answers"].tolist()


def test_the_text_states_all_homes_and_answers_for_the_lesson_group_and_guests_alone():
    lines = generate_lessons(1)
    told = set(lines)
    for wording in HOME[0]:
        assert all(wording.format(name, f"_{town}") in told for name, town in world().home.items())
    asked = [line for line in lines if "?" in line]
    held = [name for line in asked for name in re.findall(r"\w+", line) if name in world().home]
    assert {world().group[name] for name in held} == {"lesson"}
    shapes = [re.escape(question).replace(r"\{\}", r"\w+") for question in QUESTIONS]
    assert all(re.search(rf"({'|'.join(shapes)}) _\w+$", line) for line in asked)


def test_what_is_said_of_guests_answers_and_is_not_true_for_long():
    homes: dict[str, set[str]] = {}
    for line in generate_lessons(1):
        name = re.findall(r"\w+", line.split("?")[0])[-2 if "live" in line.split(" . ")[-1] else -1]
        if "?" not in line or name not in world().guests:
            continue
        answer = line.split("_")[-1]
        told, _, _ = line.rpartition(" . ")
        (sentence,) = [each for each in f"{told} ".split(" . ") if name in each.split()]
        assert answer in sentence.split()
        homes.setdefault(name, set()).add(answer)
    assert len(homes) == GUESTS and min(len(towns) for towns in homes.values()) > TOWNS / 4


def test_evidence_holds_the_answer_in_one_sentence_about_the_one_who_is_asked_about():
    for row in questions()["validation"].itertuples():
        assert row.evidence.count(" .") == SENTENCES
        sentence = choose_evidence(row.evidence, row.answers, "sentence", 0, None)
        assert {subject(row.text), row.answers[0]} <= set(sentence.split()) and sentence.count(" .") == 1
        assert row.evidence.split().count(row.answers[0]) == 1


def test_as_tasks_they_are_the_same_questions_written_and_among_options():
    source = {"generate": {"task": "home", "world_seed": 1, "seed": 1, **COUNTS}}
    free, _ = fetch_task({"source": source, "format": "generate"}, name="free")
    chosen, _ = fetch_task({"source": source, "format": "choice", "distractors": 7}, name="chosen")
    for split in COUNTS:
        one, other = (tables[split].set_index("example_id") for tables in (free, chosen))
        assert set(one.index) == set(other.index) and {"text", "answers", "evidence"} <= set(one.columns)
        for example, row in other.iterrows():
            assert row["options"][row["label"]] == one.loc[example, "answers"][0]
            assert len(set(row["options"])) == 8 and set(row["options"]) <= set(world().land)


def test_more_questions_than_people_are_refused():
    with pytest.raises(
        ValueError, match=r"generate.validation: found 300; legal: up to 256 for the task home"
    ):
        generate_questions(world_seed=1, seed=1, train=2, validation=300)
