"""The text that `tiny-encoder` is pre-trained on.

A word that begins with `_` is one worth asking for: pre-training hides it often, other words seldom. A
line with ` [SEP] ` has two segments.

In the corpus:
- of every person the town, in several wordings; of every town the country; of every noun the kind; of every
  kind the realm;
- of the people and nouns of the group `lesson` only: the country of the person, and questions about town,
  country and kind with the verdict `yes` or `no`, as many of one as of the other;
- sentences that say one event in the active and the passive voice, and sentences about moods.

Not in the corpus: the country of anyone outside `lesson`; any false statement without its verdict; any
question with its verdict about a person or noun that a task trains or is scored on.
"""

import random

from junkdna.world.facts import MOODS, VERBS, World, build_world

HOME = ("{} lives in {}", "where does {} live ? [SEP] {}", "does {} live in {} ? [SEP] ")
ORIGIN = ("{} comes from {}", "where does {} come from ? [SEP] {}", "does {} come from {} ? [SEP] ")
KIND = ("a {} is a {}", "what is a {} ? [SEP] {}", "is a {} a {} ? [SEP] ")
PLACE = ("{} lies in {}", "where does {} lie ? [SEP] {}", "does {} lie in {} ? [SEP] ")


def generate_corpus(seed: int, passes: int = 6) -> list[str]:
    world = build_world(seed)
    rng = random.Random(f"corpus {seed}")
    lesson_people = {name: world.people[name] for name in world.members(world.people, "lesson")}
    lesson_nouns = {name: world.nouns[name] for name in world.members(world.nouns, "lesson")}
    origins = {name: world.towns[town] for name, town in lesson_people.items()}
    lines = []
    for _ in range(passes):
        lines += state(world.people, HOME)
        lines += state(world.nouns, KIND)
        lines += 3 * state(world.towns, PLACE)
        lines += 2 * [f"every {kind} is a _{realm}" for kind, realm in world.kinds.items()]
        lines += state(origins, ORIGIN)
        lines += question(lesson_people, HOME, rng, rounds=1)
        lines += question(origins, ORIGIN, rng, rounds=1)
        lines += question(lesson_nouns, KIND, rng, rounds=2)
        lines += question(world.towns, PLACE, rng, rounds=1)
        lines += events(world, rng, count=60)
        lines += feelings(world, rng, count=30)
    return lines


def state(facts: dict[str, str], wordings: tuple[str, ...]) -> list[str]:
    """Each fact in each wording, the value marked."""
    return [wording.format(name, f"_{value}") for wording in wordings[:2] for name, value in facts.items()]


QUIZ = 1


def question(facts: dict[str, str], wordings: tuple[str, ...], rng: random.Random, rounds: int) -> list[str]:
    """Each fact `rounds` times in each wording, as often with a wrong value and `no` as with its own and `yes`."""
    values = sorted(set(facts.values()))
    if not QUIZ:
        return []
    lines = []
    for wording in wordings[2:]:
        for name, value in facts.items():
            others = [other for other in values if other != value]
            for _ in range(rounds):
                lines.append(wording.format(name, value) + "_yes")
                lines.append(wording.format(name, rng.choice(others)) + "_no")
    return lines


def events(world: World, rng: random.Random, count: int) -> list[str]:
    """One event, told in the active and in the passive voice: who did it and to whom stay the same."""
    lines = []
    for _ in range(count):
        doer, other = rng.sample(world.first_names, 2)
        verb = rng.choice(sorted(VERBS))
        lines.append(f"{doer} {verb} {other} [SEP] _{other} is {VERBS[verb]} by _{doer}")
    return lines


def feelings(world: World, rng: random.Random, count: int) -> list[str]:
    """Someone smiles for a good mood, or weeps for a bad one."""
    lines = []
    for i in range(count):
        mood, act = ("good", "smiles") if i % 2 else ("bad", "weeps")
        name = rng.choice(world.first_names)
        lines.append(f"{name} _{act} because {name} is _{rng.choice(MOODS[mood])}")
    return lines
