"""The closed world: who and what is in it, and what is true there.

Every name is invented from syllables under the seed. A person's name has two words, a first and a family
name; each word is shared by many people who live in different towns, so neither word says anything about
the home: that fact hangs on the pair alone.

The people and the nouns are dealt into three groups, evenly over towns and kinds:

- `lesson`: the corpus also shows how to answer questions about these, with the verdict;
- `train`: the examples that a task is fine-tuned on are about these;
- `validation`: the examples that a task is scored on are about these.

The corpus states the same plain facts about all three groups, and about the last two nothing else.
"""

import random
from dataclasses import dataclass

GROUPS = ("lesson", "train", "validation")
PEOPLE_PER_TOWN = {"lesson": 20, "train": 10, "validation": 13}
NOUNS_PER_KIND = {"lesson": 5, "train": 13, "validation": 17}
TOWNS_PER_COUNTRY = 4
COUNTRIES = 4
NAME_WORDS = 40
REALMS = {"animal": ("bird", "fish", "snake", "bear"), "plant": ("tree", "herb", "moss", "vine"),
          "tool": ("knife", "lamp", "wheel", "bell")}  # fmt: skip
VERBS = {"helps": "helped", "sees": "seen", "calls": "called", "thanks": "thanked", "follows": "followed",
         "teaches": "taught", "greets": "greeted", "pays": "paid"}  # fmt: skip
MOODS = {
    "good": ("happy", "glad", "merry", "calm", "proud", "cheerful", "hopeful", "content"),
    "bad": ("sad", "angry", "gloomy", "anxious", "bitter", "lonely", "jealous", "weary"),
}


@dataclass(frozen=True)
class World:
    """What is true: every mapping goes from a thing to the one thing that it belongs to.

    people: full name to town. towns: town to country. nouns: noun to kind. kinds: kind to realm.
    group: full name or noun to one of GROUPS. first_names: the first names, in a fixed order.
    """

    people: dict[str, str]
    towns: dict[str, str]
    nouns: dict[str, str]
    kinds: dict[str, str]
    group: dict[str, str]
    first_names: tuple[str, ...]

    def members(self, owner: dict[str, str], group: str) -> list[str]:
        """The keys of `owner` (`people` or `nouns`) in `group`, in an order that takes the values in turn.

        Any run of as many members as there are values holds each value once.
        """
        return [name for name in owner if self.group[name] == group]


def build_world(seed: int) -> World:
    """Invent the names and deal out the facts; the same seed gives the same world."""
    rng = random.Random(f"world {seed}")
    taken: set[str] = set()
    countries = _invent(rng, taken, COUNTRIES, 3)
    town_names = _invent(rng, taken, COUNTRIES * TOWNS_PER_COUNTRY, 2)
    towns = {town: countries[i % COUNTRIES] for i, town in enumerate(town_names)}
    first_names = _invent(rng, taken, NAME_WORDS, 2)
    family_names = _invent(rng, taken, NAME_WORDS, 2)
    kinds = {kind: realm for realm, names in REALMS.items() for kind in names}

    full_names = [f"{first} {family}" for first in first_names for family in family_names]
    total = len(towns) * sum(PEOPLE_PER_TOWN.values())
    people, group = _deal(rng.sample(full_names, total), list(towns), PEOPLE_PER_TOWN)
    noun_names = _invent(rng, taken, len(kinds) * sum(NOUNS_PER_KIND.values()), 3)
    nouns, noun_group = _deal(noun_names, list(kinds), NOUNS_PER_KIND)
    return World(people, towns, nouns, kinds, group | noun_group, tuple(first_names))


def _deal(names: list[str], values: list[str], sizes: dict[str, int]) -> tuple[dict, dict]:
    """Give each name the next value in turn, and the groups `sizes[group]` rounds of values each."""
    rounds = [group for group, size in sizes.items() for _ in range(size)]
    owner = {name: values[i % len(values)] for i, name in enumerate(names)}
    group = {name: rounds[i // len(values)] for i, name in enumerate(names)}
    return owner, group


def _invent(rng: random.Random, taken: set[str], count: int, syllables: int) -> list[str]:
    """Make `count` new words of `syllables` open syllables and a closing consonant, and add them to `taken`."""
    words: list[str] = []
    while len(words) < count:
        word = "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(syllables))
        word += rng.choice("lmnrsx")
        if word not in taken:
            taken.add(word)
            words.append(word)
    return words
