"""Sweeps that others made: the levels that they state, which runs they go with, and what is told of wrong ones."""

import pytest

from configs import SCHEMA, lines, user
from junkdna.study.check import check
from junkdna.study.elsewhere import effect_of, key_of, log_of
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
    assert (
        list(recipes["theirs-u50"]) == sorted(recipes["theirs-u50"])
        and recipes["theirs-u97-5"]["level"] == 97.5
    )
    assert legal_regimes(recipes["theirs-u50"]) == ("zero-shot", "sparse", "regrow")
    assert key_of("theirs-u97-5", recipes["theirs-u97-5"]) == "sweeps.theirs.source.given.u97-5"


def test_bits_count_as_quantization_and_cannot_train():
    recipes = expand_recipes({"theirs": {"source": {"given": {"w4": HUB}}}})
    assert (recipes["theirs-w4"]["level"], effect_of(recipes["theirs-w4"])) == (75.0, "quantize")
    assert legal_regimes(recipes["theirs-w4"]) == ("zero-shot",)
    with pytest.raises(
        ValueError, match="'qat' does not fit a recipe of method 'given', counts_as 'quantize'"
    ):
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
        "sweeps.theirs.source.given.u50: found 'theirs' (text); legal: a model, "
        "{path: folder} or {hub: id, revision: commit}",
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
    with pytest.raises(
        ValueError, match=r"sweeps\.theirs\.source\.given\.u50\.path: .* did you mean '.*model-u50'"
    ):
        check_paths(config, lambda *_: False)
    check_paths(config, lambda *_: True)
    sweeps["theirs"]["source"]["given"]["u50"]["path"] = str(tmp_path / "model-u50")
    check_paths(config, lambda *_: False)


LOG = {"source": {"logs": {"task": "arc_easy"}}, "format": "choice", "metric": "accuracy", "version": 1}


def logged(task=None, **changes):
    config = user(
        sweeps={"theirs": {"source": {"logs": {"u50": "logs/u50"}}}},
        checkpoints={"mine": {"source": {"logs": "logs/dense"}}},
        tasks={"arc": {**LOG, **(task or {})}},
        axes={},
    )
    config["study"] |= {
        "axes": [],
        "tasks": ["arc"],
        "runs": [{"recipes": ["theirs"], "regimes": ["zero-shot"]}],
    }
    for path, value in changes.items():
        section, name = path.split("__")
        config[section][name] = value
    return config


def test_a_study_of_logs_has_one_run_for_each_level():
    config = check(logged(), SCHEMA)
    assert check(config, SCHEMA) == config and config["tasks"]["arc"]["score"] == "sum"
    runs = valid_runs(config)
    assert [(run["recipe"], run["regime"], run["seed"]) for run in runs] == [
        ("dense", "dense", 1), ("theirs-u50", "zero-shot", 1),
    ]  # fmt: skip
    recipes = expand_recipes(config["sweeps"])
    assert recipes["theirs-u50"]["method"] == "logged" and legal_regimes(recipes["theirs-u50"]) == (
        "zero-shot",
    )
    assert inputs_of("theirs-u50", recipes, {}, "zero-shot") == {}
    assert log_of(config, recipes, "mine", "dense") == ("checkpoints.mine.source.logs", "logs/dense")
    assert log_of(config, recipes, "mine", "theirs-u50") == ("sweeps.theirs.source.logs.u50", "logs/u50")


LOG_MISTAKES = {
    "a rule that counts tokens": (
        {"score": "token"},
        "tasks.arc.score: found 'token'; legal: sum, char, pmi: a log does not count tokens",
    ),
    "columns": (
        {"columns": {"text": "a"}},
        "tasks.arc.columns: found beside source logs; legal there: format, human, max_length, metric, paper, score, "
        "source, subset, subset_seed, version",
    ),
    "a metric of classes": (
        {"metric": "mcc"},
        "tasks.arc.metric: found 'mcc'; legal: accuracy (format choice from logs)",
    ),
    "a format that no log has": (
        {"format": "pair"},
        "tasks.arc.format: found 'pair'; legal: choice, generate beside source logs",
    ),
    "two sources": (
        {"source": {"logs": {"task": "arc_easy"}, "hub": "a/b"}},
        "tasks.arc.source.hub: found beside logs; legal there: no other key",
    ),
    "a filter of a choice": (
        {"source": {"logs": {"task": "arc_easy", "filter": "none"}}},
        "tasks.arc.source.logs.filter: found beside format choice; legal: with format generate only",
    ),
    "no name": (
        {"source": {"logs": {}}},
        "tasks.arc.source.logs.task: missing; needed: Its name in the logs.",
    ),
}


@pytest.mark.parametrize("mistake", LOG_MISTAKES)
def test_a_wrong_task_of_logs_is_one_line(mistake):
    task, expected = LOG_MISTAKES[mistake]
    assert lines(logged(task)) == [expected]


def test_what_is_logged_stays_among_itself():
    weights = {"source": {"hub": "me/mine", "revision": "main"}}
    assert lines(logged(checkpoints__mine=weights)) == [
        "study.runs: found task arc on checkpoint mine; legal: both with source logs, or neither",
        "study.runs: found recipe theirs-u50 on checkpoint mine; legal: both with source logs, or neither",
    ]
    pruned = {"score": "magnitude", "sparsity": [50]}
    assert lines(logged(sweeps__theirs=pruned)) == [
        "study.runs: found recipe theirs-u50 on checkpoint mine; legal: both with source logs, or neither"
    ]


def test_a_log_that_is_not_there_is_told_before_any_job(tmp_path):
    (tmp_path / "dense").mkdir()
    config = check(logged(), SCHEMA)
    config["checkpoints"]["mine"]["source"]["logs"] = str(tmp_path / "dens")
    config["sweeps"]["theirs"]["source"]["logs"]["u50"] = str(tmp_path / "dense")
    with pytest.raises(
        ValueError, match=r"^checkpoints\.mine\.source\.logs: .*no file or folder.*did you mean '.*dense'"
    ):
        check_paths(config, lambda *_: False)
