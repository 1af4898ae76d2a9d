"""Questions about the generated world for a decoder: the text that teaches how to answer them, and the questions.

People are dealt into the groups of `toy_world`, in other numbers: most are asked about. The text states the
home of everyone. How a question is answered, by heart and from evidence, it shows for the group `lesson` alone, and for
guests, who live elsewhere in every line: what is said of them must be read.
"""

import random
from collections.abc import Sequence

import pandas as pd

from junkdna.tasks.toy_world import HOME, World, build_world, state

SIZES = {"lesson": 8, "train": 2, "validation": 16}
GUESTS, VISITS = 40, 800
QUESTIONS = ("where does {} live ?", "what is the home of {} ?")
# Sentences of a question's evidence, of which one holds the answer.
SENTENCES = 3


def generate_lessons(seed: int) -> list[str]:
    """Lines of text; a word that begins with `_` carries a fact or an answer."""
    world, rng = build_world(seed, SIZES, GUESTS), random.Random(f"lessons {seed}")
    towns = list(world.land)
    lines = state(world.home, HOME)
    lesson = world.members(world.home, "lesson")
    for name, town in lesson.items():
        for question in QUESTIONS:
            lines += [f"{question.format(name)} _{town}"] * 2
            lines.append(f"{_evidence(world, name, town, rng)} {question.format(name)} _{town}")
    for _ in range(VISITS):
        present = rng.sample(world.guests, rng.randint(1, SENTENCES))
        homes = dict(zip(present, rng.sample(towns, len(present)), strict=True))
        name = rng.choice(present)
        lines.append(f"{_told(homes, rng)} {rng.choice(QUESTIONS).format(name)} _{homes[name]}")
    return lines


def generate_questions(*, world_seed: int, seed: int, train: int, validation: int) -> dict[str, pd.DataFrame]:
    """Where someone lives, asked once of each: split -> columns text, answers (one), evidence.

    evidence: SENTENCES true sentences, one of which answers; the towns of the others are not the answer. ValueError for
    more questions than there are people.
    """
    world, tables = build_world(world_seed, SIZES, GUESTS), {}
    for split, size in (("train", train), ("validation", validation)):
        rng = random.Random(f"home {world_seed} {seed} {split}")
        people = list(world.members(world.home, split).items())
        if size > len(people):
            raise ValueError(f"generate.{split}: found {size}; legal: up to {len(people)} for the task home")
        rng.shuffle(people)
        tables[split] = pd.DataFrame(
            {
                "text": rng.choice(QUESTIONS).format(name),
                "answers": [town],
                "evidence": _evidence(world, name, town, rng),
            }
            for name, town in people[:size]
        )
    return tables


def _evidence(world: World, name: str, town: str, rng: random.Random) -> str:
    """What is true of someone's home among what is true of others of the group who live elsewhere."""
    others = [other for other, home in world.members(world.home, world.group[name]).items() if home != town]
    present: Sequence[str] = [name, *rng.sample(others, SENTENCES - 1)]
    return _told({each: world.home[each] for each in present}, rng)


def _told(homes: dict[str, str], rng: random.Random) -> str:
    """A sentence about each, in any order."""
    sentences = [f"{rng.choice(HOME[0]).format(name, home)} ." for name, home in homes.items()]
    rng.shuffle(sentences)
    return " ".join(sentences)
