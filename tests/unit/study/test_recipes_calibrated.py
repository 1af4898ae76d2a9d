"""Sweeps that look at layers as matrices: what goes with what, and what their masks and runs need."""

import pytest

from configs import SCHEMA, lines, user
from junkdna.study.check import check
from junkdna.study.inputs import (
    calibration_slug,
    copied_mask,
    inputs_of,
    needs_calibration,
    needs_hessians,
    ranking_of,
    sequential_recipes,
    text_of,
)
from junkdna.study.recipes import expand_recipes, spec_of
from junkdna.study.regimes import legal_regimes
from junkdna.study.runs import used_parts
from junkdna.study.specs import PruneSpec

MAGNITUDE = {"score": "magnitude", "sparsity": [50, 70.5], "keep": ["2of8"]}
SWEEPS = {
    "magnitude": MAGNITUDE,
    "wanda": {"score": "wanda", "selection": "row", "sparsity": [50], "keep": ["2of4"]},
    "sparsegpt": {"score": "sparsegpt", "selection": "layer", "sparsity": [50]},
    "owl": {"score": "wanda", "selection": "row", "allocation": "owl", "sparsity": [50]},
    "erk": {"score": "magnitude", "selection": "layer", "allocation": "erk", "sparsity": [50]},
    "moved": {"score": "sparsegpt", "selection": "layer", "allocation": "owl", "sparsity": [50]},
    "anywhere": {"score": "ria", "selection": "global", "sparsity": [50]},
    "mixed": {"score": "shuffled", "like": "wanda", "sparsity": [50], "seed": 4},
}


def test_what_the_masks_need():
    config = check(user(sweeps=SWEEPS, calibration={"task": "hard", "sequences": 16}), SCHEMA)
    recipes = expand_recipes(config["sweeps"])
    assert all(PruneSpec.from_mapping(spec_of(r)) for slug, r in recipes.items() if slug != "dense")
    asking = {slug for slug, recipe in recipes.items() if needs_calibration(recipe)}
    assert asking == {"wanda-u50", "wanda-2of4", "sparsegpt-u50", "owl-u50", "moved-u50", "anywhere-u50"}
    hungry = {slug for slug, recipe in recipes.items() if needs_hessians(recipe)}
    assert hungry == {"sparsegpt-u50", "moved-u50"}
    ranked = {slug for slug, recipe in recipes.items() if ranking_of(recipe)}
    assert ranked == {"magnitude-u50", "magnitude-u70-5", "erk-u50"}
    assert copied_mask(recipes["mixed-u50"]) == "wanda-u50" and recipes["mixed-u50"]["selection"] == "row"
    assert spec_of(recipes["owl-u50"])["allocation"] == "owl" and "allocation" not in spec_of(
        recipes["wanda-u50"]
    )
    assert "gradual" in legal_regimes(recipes["magnitude-u50"])
    assert not any(
        "gradual" in legal_regimes(recipes[slug]) for slug in ("erk-u50", "wanda-u50", "mixed-u50")
    )
    assert calibration_slug(config["calibration"]) == "hard-n16-l128-s0"
    assert "hard" in used_parts(config, [])["tasks"]
    assert check(config, SCHEMA) == config


@pytest.mark.parametrize(
    ("score", "selection"),
    [("magnitude", "global"), ("random", "global"), ("wanda", "row"), ("ria", "row"), ("sparsegpt", "layer")],
)
def test_what_is_not_said_is_the_papers_choice(score, selection):
    sweeps = {"magnitude": MAGNITUDE, "bare": {"score": score, "sparsity": [50]}}
    config = check(user(sweeps=sweeps, calibration={"task": "easy"}), SCHEMA)
    assert config["sweeps"]["bare"]["selection"] == selection


@pytest.mark.parametrize(
    ("sweep", "line"),
    [
        (
            {"score": "sparsegpt", "selection": "row", "sparsity": [50]},
            "selection: found 'row'; legal: layer beside score sparsegpt",
        ),
        ({"score": "wanda", "keep": ["2of4"], "scope": "paper"}, "scope: found 'paper'; legal: body"),
        (
            {"score": "magnitude", "selection": "row", "sparsity": [5], "scope": "paper"},
            "scope: found 'paper'",
        ),
        (
            {"score": "magnitude", "allocation": "erk", "sparsity": [50]},
            "allocation: found 'erk'; legal: beside",
        ),
        (
            {"score": "magnitude", "selection": "layer", "allocation": "owl", "keep": ["2of4"]},
            "allocation: found 'owl'",
        ),
        ({"score": "shuffled", "sparsity": [50]}, "score: found 'shuffled'; legal: beside like"),
        ({"score": "wanda", "selection": "row", "sparsity": [50], "like": "magnitude"}, "like: found beside"),
    ],
)
def test_what_does_not_go_together(sweep, line):
    found = lines(user(sweeps={"magnitude": MAGNITUDE, "odd": sweep}, calibration={"task": "easy"}))
    assert len(found) == 1 and found[0].startswith("sweeps.odd.") and line in found[0], found


def test_text_must_be_named_and_known():
    sweeps = {"magnitude": MAGNITUDE, "wanda": SWEEPS["wanda"]}
    (found,) = lines(user(sweeps=sweeps))
    assert found.startswith("calibration.task: missing; needed by wanda: ")
    (found,) = lines(user(sweeps=sweeps, calibration={"task": "esy"}))
    assert found.startswith("calibration.task: found 'esy'") and "easy" in found


def test_what_a_recipe_needs_that_goes_block_by_block():
    sweeps = {"magnitude": MAGNITUDE, "wanda": SWEEPS["wanda"], "gptq": {"quantizer": "gptq", "bits": [4]}}
    for sequential in (False, True):
        text = {"task": "easy", "sequential": sequential}
        config = check(user(sweeps=sweeps, calibration=text), SCHEMA)
        recipes = expand_recipes(config["sweeps"])
        blocks = sequential_recipes(recipes, config["calibration"])
        assert blocks == (["wanda-u50", "wanda-2of4", "gptq-w4"] if sequential else [])
        reads = {slug: inputs_of(slug, recipes, config["calibration"]) for slug in recipes}
        one_pass = {} if sequential else {"calibration": "easy-n128-l128-s0"}
        assert reads["wanda-u50"] == reads["gptq-w4"] == one_pass
        assert reads["magnitude-u50"] == {"ranking": "magnitude"}
        assert "sequential" not in text_of(config["calibration"])


@pytest.mark.parametrize(("name", "found"), [("anywhere", "selection global"), ("owl", "allocation owl")])
def test_what_compares_all_layers_cannot_go_block_by_block(name, found):
    sweeps = {"magnitude": MAGNITUDE, name: SWEEPS[name]}
    (line,) = lines(user(sweeps=sweeps, calibration={"task": "easy", "sequential": True}))
    start = f"calibration.sequential: found true; legal: false beside sweeps.{name}, "
    assert line.startswith(start) and found in line


def test_running_text_is_joined_and_other_text_is_not():
    for task, joins in (("hard", False), ("running", True)):
        config = user(sweeps={"magnitude": MAGNITUDE}, calibration={"task": task})
        config["tasks"]["running"] = {
            "source": {"path": {"train": "t.csv", "validation": "v.csv"}},
            "format": "lm",
            "columns": {"text": "text"},
            "metric": "log-likelihood",
            "version": 1,
        }
        assert check(config, SCHEMA)["calibration"]["join"] is joins
    own = user(sweeps={"magnitude": MAGNITUDE}, calibration={"task": "easy", "join": True})
    assert calibration_slug(check(own, SCHEMA)["calibration"]) == "easy-n128-l128-s0-joined"
