"""The generated world: the same for a seed, balanced, and no task can be solved without having read the corpus."""

import re
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from junkdna.tasks.toy_world import (
    COUNTRIES,
    GROUPS,
    TASKS,
    TOWNS,
    build_world,
    generate_corpus,
    generate_task,
)

SIZES = {"train": 384, "validation": 256}


def task(name: str, seed: int = 1, world_seed: int = 1) -> dict:
    return generate_task(name, world_seed=world_seed, seed=seed, **SIZES)


def names_in(texts, group: str) -> set[str]:
    world = build_world(1)
    words = {word for text in texts for word in text.split()}
    return {word for word in words if world.group.get(word) == group}


def test_the_same_seed_gives_the_same_world_text_and_tasks():
    assert build_world(1) == build_world(1) and build_world(1) != build_world(2)
    assert generate_corpus(1) == generate_corpus(1) and generate_corpus(1) != generate_corpus(2)
    for name in TASKS:
        assert all(task(name)[split].equals(task(name)[split]) for split in SIZES)
        assert not task(name)["train"].equals(task(name, seed=2)["train"])


def test_every_town_and_country_has_as_many_people():
    world = build_world(1)
    for group, size in GROUPS.items():
        assert set(Counter(world.members(world.home, group).values()).values()) == {size}
        assert set(Counter(world.origin(group).values()).values()) == {size * TOWNS // COUNTRIES}


@pytest.mark.parametrize("name", TASKS)
def test_labels_are_balanced_and_sizes_as_asked(name):
    for split, size in SIZES.items():
        table = task(name)[split]
        assert len(table) == size
        counts = Counter(table["label"])
        if name == "choice":
            assert set(counts) == {0, 1, 2, 3} and max(counts.values()) < 1.4 * size / 4
        else:
            assert counts == {0: size // 2, 1: size // 2}


@pytest.mark.parametrize("name", ["kind", "fact", "hop"])
def test_labels_say_what_is_true(name):
    world = build_world(1)
    origin = {person: world.land[town] for person, town in world.home.items()}
    truth = {"kind": world.kind, "fact": world.home, "hop": origin}[name]
    for row in task(name)["validation"].itertuples():
        subject = next(word for word in row.text.split() if word in truth)
        assert row.label == (truth[subject] in row.text.split())


def test_the_right_option_is_the_home():
    world = build_world(1)
    for row in task("choice")["validation"].itertuples():
        subject = next(word for word in row.text.split() if word in world.home)
        assert row.options[row.label] == world.home[subject] and len(set(row.options)) == 4


@pytest.mark.parametrize("name", ["kind", "fact", "hop", "choice"])
def test_train_and_validation_ask_about_others(name):
    tables = task(name)
    assert names_in(tables["train"]["text"], "validation") == set()
    assert names_in(tables["validation"]["text"], "train") == set()
    assert names_in(tables["train"]["text"], "lesson") == set()


def test_the_corpus_states_all_facts_but_answers_questions_about_the_lesson_group_alone():
    world, corpus = build_world(1), generate_corpus(1)
    text = set(corpus)
    assert all(f"{person} lives in _{town}" in text for person, town in world.home.items())
    asked = [line for line in corpus if re.search(r"\? _(yes|no)$", line)]
    assert asked and not names_in(asked, "train") and not names_in(asked, "validation")
    origins = [line for line in corpus if "comes from" in line or "the country of" in line]
    assert origins and not names_in(origins, "train") and not names_in(origins, "validation")


@pytest.mark.parametrize("name", ["kind", "fact", "hop"])
def test_words_alone_give_no_answer(name):
    tables = task(name)
    words = CountVectorizer(ngram_range=(1, 2))
    seen = words.fit_transform(tables["train"]["text"])
    model = LogisticRegression(max_iter=2000).fit(seen, tables["train"]["label"])
    score = model.score(words.transform(tables["validation"]["text"]), tables["validation"]["label"])
    assert abs(score - 0.5) < 3.3 * np.sqrt(0.25 / SIZES["validation"])


def test_a_word_decides_the_easy_task():
    tables = task("keyword")
    words = CountVectorizer()
    seen = words.fit_transform(tables["train"]["text"])
    model = LogisticRegression(max_iter=2000).fit(seen, tables["train"]["label"])
    assert model.score(words.transform(tables["validation"]["text"]), tables["validation"]["label"]) > 0.95


def test_unknown_tasks_and_too_many_examples_are_named():
    with pytest.raises(ValueError, match=r"generate.task: found 'facts'; legal: keyword, kind, fact"):
        task("facts")
    with pytest.raises(ValueError, match=r"generate.train: found 9999; legal: up to \d+"):
        generate_task("fact", world_seed=1, seed=1, train=9999, validation=10)
