"""A closed world to pre-train on: who and what is in it, what is true there, and tasks that ask for it.

Every name is invented from syllables under the seed. People belong to towns and towns to countries; things
belong to kinds. People and things are dealt evenly into three groups:

- `lesson`: the corpus states their facts and also answers questions about them with yes or no;
- `train`: the corpus states their facts; the examples that a task is fine-tuned on are about these;
- `validation`: the corpus states their facts; the examples that a task is scored on are about these.

So a task can teach how to answer, but what to answer about the validation group only pre-training can have
taught. Not in the corpus: the country of anyone outside `lesson`, and any false statement without its verdict.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

GROUPS = {"lesson": 12, "train": 12, "validation": 8}
TOWNS, COUNTRIES = 16, 4
KINDS = ("bird", "fish", "snake", "tree", "herb", "moss", "knife", "lamp")
MOODS = {
    "yes": ("happy", "glad", "merry", "calm", "proud", "cheerful", "hopeful", "content"),
    "no": ("sad", "angry", "gloomy", "anxious", "bitter", "lonely", "jealous", "weary"),
}
PLACES = ("market", "river", "mill", "garden", "bridge", "tower", "harbour", "school")
# Wordings of each relation: statements, then questions. {} is the one it is about, then the value.
Wordings = tuple[tuple[str, ...], tuple[str, ...]]
HOME = ("{} lives in {}", "the home of {} is {}"), ("does {} live in {} ?", "is the home of {} {} ?")
ORIGIN = (
    ("{} comes from {}", "the country of {} is {}"),
    ("does {} come from {} ?", "is the country of {} {} ?"),
)
KIND = ("a {} is a {}", "the kind of {} is {}"), ("is a {} a {} ?", "is the kind of {} {} ?")
LIES = ("{} lies in {}", "the land of {} is {}"), ("does {} lie in {} ?", "is the land of {} {} ?")
TASKS = ("keyword", "kind", "fact", "hop", "choice")


@dataclass(frozen=True)
class World:
    """What is true. home: person to town. land: town to country. kind: thing to kind. group: of GROUPS.

    guests: people of no group, of whom nothing is true for long.
    """

    home: dict[str, str]
    land: dict[str, str]
    kind: dict[str, str]
    group: dict[str, str]
    guests: tuple[str, ...] = ()

    def origin(self, group: str) -> dict[str, str]:
        """Person to country, by way of the town."""
        return {name: self.land[town] for name, town in self.members(self.home, group).items()}

    def members(self, facts: dict[str, str], group: str) -> dict[str, str]:
        """The facts about one group."""
        return {name: value for name, value in facts.items() if self.group[name] == group}


def build_world(seed: int, sizes: Mapping[str, int] = GROUPS, guests: int = 0) -> World:
    """Invent the names and deal out the facts; the same arguments give the same world.

    sizes: of each group, how many people live in each town, and how many things there are of each kind.
    """
    names = _invent(random.Random(f"world {seed}"))
    towns, countries = ([next(names) for _ in range(count)] for count in (TOWNS, COUNTRIES))
    group: dict[str, str] = {}

    def deal(values: list[str]) -> dict[str, str]:
        facts = {}
        for name, size in sizes.items():
            for value in values * size:
                facts[invented := next(names)] = value
                group[invented] = name
        return facts

    land = {town: countries[i % COUNTRIES] for i, town in enumerate(towns)}
    home, kind = deal(towns), deal(list(KINDS))
    return World(home, land, kind, group, tuple(next(names) for _ in range(guests)))


def generate_corpus(seed: int) -> list[str]:
    """Lines of text; a word that begins with `_` is worth hiding: the value of a fact, a verdict."""
    world, rng = build_world(seed), random.Random(f"corpus {seed}")
    lines = [*state(world.home, HOME), *state(world.kind, KIND), *state(world.land, LIES) * 8]
    lines += state(world.origin("lesson"), ORIGIN) * 2
    for _ in range(2):
        for facts, wordings in (
            (world.members(world.home, "lesson"), HOME),
            (world.members(world.kind, "lesson"), KIND),
            (world.origin("lesson"), ORIGIN),
            (world.land, LIES),
        ):
            lines += [f"{text} {'_yes' if label else '_no'}" for text, label in _ask(facts, wordings, rng)]
    for word in (word for words in MOODS.values() for word in words):
        lines += [f"someone is {word} at the _{place}" for place in PLACES]
    return lines


def generate_task(
    task: str, *, world_seed: int, seed: int, train: int, validation: int
) -> dict[str, pd.DataFrame]:
    """Examples of one of TASKS: split -> columns text, (options,) label.

    keyword: is the named mood a good one (a word decides). kind, fact, hop: is this the kind of a thing, the
    town, the country of a person. choice: which of four is the town of a person. Labels are balanced, 1 for yes.
    ValueError for an unknown task or more examples than the world holds.
    """
    if task not in TASKS:
        raise ValueError(f"generate.task: found {task!r}; legal: {', '.join(TASKS)}")
    world, tables = build_world(world_seed), {}
    for split, size in (("train", train), ("validation", validation)):
        rng = random.Random(f"{task} {world_seed} {seed} {split}")
        rows = list(_examples(world, task, split, rng))
        if size > len(rows):
            raise ValueError(f"generate.{split}: found {size}; legal: up to {len(rows)} for the task {task}")
        # Examples come as pairs of opposite labels, so any even number of them is balanced.
        pairs = [rows[i : i + 2] for i in range(0, len(rows), 2)]
        rng.shuffle(pairs)
        tables[split] = pd.DataFrame([row for pair in pairs for row in pair][:size])
    return tables


def _examples(world: World, task: str, split: str, rng: random.Random) -> Iterator[dict[str, Any]]:
    people = world.members(world.home, split)
    if task == "choice":
        for name, town in people.items():
            for question in ("where does {} live ?", "what is the home of {} ?"):
                options = rng.sample([t for t in world.land if t != town], 3)
                place = rng.randrange(4)
                options.insert(place, town)
                yield {"text": question.format(name), "options": options, "label": place}
    elif task == "keyword":
        for name in people:
            for where in rng.sample(PLACES, 2):
                for label, mood in ((1, "yes"), (0, "no")):
                    yield {"text": f"{name} is {rng.choice(MOODS[mood])} at the {where}", "label": label}
    else:
        facts, wordings = {
            "kind": (world.members(world.kind, split), KIND),
            "fact": (people, HOME),
            "hop": (world.origin(split), ORIGIN),
        }[task]
        for text, label in _ask(facts, wordings, rng):
            yield {"text": text, "label": label}


def state(facts: dict[str, str], wordings: Wordings) -> list[str]:
    """Each fact in each wording, the value marked."""
    return [wording.format(name, f"_{value}") for wording in wordings[0] for name, value in facts.items()]


def _ask(facts: dict[str, str], wordings: Wordings, rng: random.Random) -> Iterator[tuple[str, int]]:
    """Each fact asked in each wording, once with its value and once with another, drawn alike."""
    values = sorted(set(facts.values()))
    for wording in wordings[1]:
        for name, value in facts.items():
            yield wording.format(name, value), 1
            yield wording.format(name, rng.choice([other for other in values if other != value])), 0


def _invent(rng: random.Random) -> Iterator[str]:
    """Words of three open syllables and a closing consonant, none twice."""
    taken = set()
    while True:
        word = "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(3)) + rng.choice(
            "lmnrsx"
        )
        if word not in taken:
            taken.add(word)
            yield word
