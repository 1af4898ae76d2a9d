"""Sweeps that others made: the levels that they state, which runs they go with, and what is told of wrong ones."""

import pytest

from configs import SCHEMA, lines, user
from junkdna.study.check import check
from junkdna.study.elsewhere import effect_of, key_of
from junkdna.study.inputs import inputs_of, masks_itself
from junkdna.study.local_paths import check_paths
from junkdna.study.recipes import expand_recipes, sweep_recipes
from junkdna.study.regimes import check_pair, legal_regimes
from junkdna.study.runs import valid_runs

FOLDER, HUB = {"path": "theirs/u50"}, {"hub": "some/model-w4", "revision": "main"}


def given(models, regimes=("sparse",), **changes):
    config = user(sweeps__theirs={"source": {"given": models}}, **changes)
    config["study"]["runs"] = [{"recipes": ["theirs"], "regimes": list(regimes)}]
    return config


def test_each_stated_level_is_a_recipe():
    sweeps = check(given({"u50": FOLDER, "u97-5": FOLDER}), SCHEMA)["sweeps"]
    recipes = expand_recipes(sweeps)
    assert sweep_recipes(sweeps)["theirs"] == ["theirs-u50", "theirs-u97-5"]
    assert recipes["theirs-u50"] == {
        "counts_as": "prune", "family": "theirs", "level": 50.0, "method": "given", "source": FOLDER,
    }  # fmt: skip
    assert list(recipes["theirs-u50"]) == sorted(recipes["theirs-u50"]) and recipes["theirs-u97-5"]["level"] == 97.5
    assert legal_regimes(recipes["theirs-u50"]) == ("zero-shot", "sparse", "regrow")
    assert key_of("theirs-u97-5", recipes["theirs-u97-5"]) == "sweeps.theirs.source.given.u97-5"


def test_bits_count_as_quantization_and_cannot_train():
    recipes = expand_recipes({"theirs": {"source": {"given": {"w4": HUB}}}})
    assert (recipes["theirs-w4"]["level"], effect_of(recipes["theirs-w4"])) == (75.0, "quantize")
    assert legal_regimes(recipes["theirs-w4"]) == ("zero-shot",)
    with pytest.raises(ValueError, match="'qat' does not fit a recipe of method 'given', counts_as 'quantize'"):
        check_pair(recipes["theirs-w4"], "qat")


def test_a_run_reads_the_model_and_no_mask():
    recipes = expand_recipes({"theirs": {"source": {"given": {"u50": FOLDER}}}})
    assert inputs_of("theirs-u50", recipes, {}, "zero-shot") == {"given": "theirs-u50"}
    assert inputs_of("theirs-u50", recipes, {}) == {} and masks_itself(recipes["theirs-u50"], "sparse")


def test_a_checked_config_stays_as_it_is_and_has_its_runs():
    config = check(given({"u50": FOLDER}), SCHEMA)
    assert check(config, SCHEMA) == config
    assert len(valid_runs(config)) == 2 * 2 * (1 + 1)


MISTAKES = {
    "a level without a kind": (
        {"50": FOLDER},
        "sweeps.theirs.source.given: found level '50'; legal: u and the percent of the weights removed (u50, u97-5), "
        "or w and the bits of a weight (w4)",
    ),
    "all of the weights": (
        {"u100": FOLDER},
        "sweeps.theirs.source.given: found level 'u100'; legal: u and the percent of the weights removed (u50, u97-5), "
        "or w and the bits of a weight (w4)",
    ),
    "two kinds of levels": (
        {"u50": FOLDER, "w4": HUB},
        "sweeps.theirs.source.given: found u50, w4; legal: levels of one kind, all of weights removed or of bits",
    ),
    "no revision": (
        {"u50": {"hub": "some/model"}},
        "sweeps.theirs.source.given.u50.revision: missing; legal: a commit of some/model (or main)",
    ),
    "neither folder nor hub": (
        {"u50": {}},
        "sweeps.theirs.source.given.u50: found none; legal: exactly one of hub, path",
    ),
    "a text": (
        {"u50": "theirs"},
        "sweeps.theirs.source.given.u50: found 'theirs' (text); legal: a model, {path: folder} or {hub: id, revision: commit}",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_source_is_one_line(mistake):
    models, expected = MISTAKES[mistake]
    assert lines(given(models)) == [expected]


def test_a_source_stands_alone_and_is_of_one_kind():
    config = given({"u50": FOLDER})
    config["sweeps"]["theirs"]["score"] = "magnitude"
    assert lines(config) == ["sweeps.theirs.score: found beside source; legal there: no other key"]
    config = given({"u50": FOLDER})
    config["sweeps"]["theirs"]["source"]["logs"] = {"u50": "logs"}
    assert lines(config) == ["sweeps.theirs.source: found given and logs; legal: exactly one of given, logs"]


def test_a_regime_that_makes_no_sense_is_refused():
    assert lines(given({"u50": FOLDER}, ["freeze"])) == [
        "study.runs[0].regimes: found 'freeze' with recipe theirs-u50; legal: zero-shot, sparse, regrow"
    ]


def test_given_models_belong_to_one_checkpoint():
    config = given({"u50": FOLDER})
    config["checkpoints"]["other"] = {"source": {"hub": "me/other", "revision": "main"}}
    config["study"]["checkpoints"] = ["mine", "other"]
    assert lines(config) == [
        "sweeps.theirs.source: found checkpoints mine, other; legal: the one that they were made from "
        "(study.runs[...].checkpoints)"
    ]
    config["study"]["runs"][0]["checkpoints"] = ["mine"]
    check(config, SCHEMA)


def test_a_folder_that_is_not_there_is_told_before_any_job(tmp_path):
    (tmp_path / "model-u50").mkdir()
    (tmp_path / "model-u50/config.json").touch()
    sweeps = {"theirs": {"source": {"given": {"u50": {"path": str(tmp_path / "model-u5")}}}}}
    config = {"checkpoints": {}, "tasks": {}, "sweeps": sweeps}
    with pytest.raises(ValueError, match=r"sweeps\.theirs\.source\.given\.u50\.path: .* did you mean '.*model-u50'"):
        check_paths(config, lambda *_: False)
    check_paths(config, lambda *_: True)
    sweeps["theirs"]["source"]["given"]["u50"]["path"] = str(tmp_path / "model-u50")
    check_paths(config, lambda *_: False)
