"""Sweeps that are like another: the same levels of the same layers, at random places."""

import pytest

from configs import SCHEMA, lines, user
from junkdna.study.check import check
from junkdna.study.inputs import copied_mask, ranking_of
from junkdna.study.recipes import expand_recipes, spec_of, sweep_recipes
from junkdna.study.runs import valid_runs
from junkdna.study.specs import PruneSpec

LIKE = {"score": "random", "sparsity": [70.5], "keep": ["2of8"], "seed": 5, "like": "magnitude"}


def like(**changes) -> dict:
    return user(
        sweeps__control={key: value for key, value in {**LIKE, **changes}.items() if value is not None}
    )


def test_each_level_names_the_recipe_that_it_copies():
    config = check(like(), SCHEMA)
    recipes = expand_recipes(config["sweeps"])
    assert sweep_recipes(config["sweeps"])["control"] == ["control-u70-5", "control-2of8"]
    copy, pattern = recipes["control-u70-5"], recipes["control-2of8"]
    original = recipes["magnitude-u70-5"]
    assert copy == original | {"family": "control", "score": "random", "seed": 5, "like": "magnitude-u70-5"}
    assert list(copy) == sorted(copy) and "like" not in original
    assert (pattern["like"], pattern["selection"], pattern["family"]) == (
        "magnitude-2of8",
        "nm",
        "control-nm",
    )
    assert [copied_mask(recipes[slug]) for slug in ("dense", "magnitude-u50", "control-2of8")] == [None] * 3
    assert copied_mask(copy) == "magnitude-u70-5"
    assert ranking_of(copy) == "random-seed5"
    spec = PruneSpec.from_mapping(spec_of(copy))
    assert (spec.like, spec.copies_layers) == ("magnitude-u70-5", True)
    assert PruneSpec.from_mapping(spec_of(pattern)).copies_layers is False
    assert PruneSpec.from_mapping(spec_of(original)).like == ""


def test_the_selection_is_that_of_the_sweep_named():
    config = check(like() | {"sweeps": {**like()["sweeps"]}}, SCHEMA)
    config["sweeps"]["magnitude"]["selection"] = "layer"
    assert expand_recipes(config["sweeps"])["control-u70-5"]["selection"] == "layer"


def test_blocks_take_a_like_sweep_as_any_other():
    config = check(like(), SCHEMA)
    config["study"]["runs"] = [{"recipes": ["control"], "regimes": ["sparse", "reinit"]}]
    runs = valid_runs(config)
    assert {run["recipe"] for run in runs} == {"dense", "control-u70-5", "control-2of8"}
    assert len(runs) == 2 * 2 * (1 + 2 * 2)


MISTAKES = {
    "no such sweep": (
        {"like": "magnitud"},
        "sweeps.control.like: found sweep 'magnitud'; legal: magnitude; did you mean 'magnitude'?",
    ),
    "itself": ({"like": "control"}, "sweeps.control.like: found sweep 'control'; legal: magnitude"),
    "another score": (
        {"score": "magnitude"},
        "sweeps.control.like: found beside score 'magnitude'; legal: beside score random or shuffled only",
    ),
    "a level that is not there": (
        {"sparsity": [50, 60]},
        "sweeps.control.like: found control-u60, a level that magnitude lacks; "
        "legal: control-u50, control-u70-5, control-2of8",
    ),
    "a pattern that is not there": (
        {"keep": ["1of8"]},
        "sweeps.control.like: found control-1of8, a level that magnitude lacks; "
        "legal: control-u50, control-u70-5, control-2of8",
    ),
    "the head": (
        {"scope": "paper"},
        "sweeps.control.like: found scope 'paper' of control; legal: scope body on both",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_gives_its_one_line(mistake):
    changes, expected = MISTAKES[mistake]
    assert lines(like(**changes)) == [expected]


def test_like_of_like_is_refused():
    config = like()
    config["sweeps"]["second"] = {**LIKE, "like": "control"}
    assert lines(config) == [
        "sweeps.second.like: found 'control', which is itself like another; legal: a sweep without like"
    ]
