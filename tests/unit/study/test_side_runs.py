"""Which runs a study asks more of than predictions."""

import pytest

from configs import SCHEMA, user
from junkdna.study.check import check
from junkdna.study.mode_connectivity import connected_runs, ends_of, kept_runs
from junkdna.study.runs import null_runs, traced_runs, valid_runs

GRADE = {
    "source": {"path": {"train": "t.csv", "validation": "v.csv"}},
    "format": "regression",
    "columns": {"text": "text", "label": "label"},
    "metric": "pearson",
    "version": 1,
}
RUNS = [
    {"recipes": ["magnitude"], "regimes": ["sparse"]},
    {"recipes": ["magnitude-u50"], "regimes": ["regrow"], "seeds": [2]},
    {"recipes": ["dense"], "regimes": ["scratch"], "seeds": [1]},
]


def study(**changes):
    asked = {f"study__{key}": value for key, value in changes.items()}
    config = check(user(study__tasks=["grade"], tasks__grade=GRADE, study__runs=RUNS, **asked), SCHEMA)
    return config, valid_runs(config)


def short(run):
    return f"{run['recipe']}/{run['task']}/{run['regime']}/{run['seed']}"


def test_each_dense_run_on_classes_has_a_null_twin():
    keys = [{"checkpoint": "mine", "task": t, "seed": s} for t in ("easy", "hard") for s in (1, 2)]
    found = null_runs(*study())
    assert sorted(map(str, found)) == sorted(map(str, keys)), "on by default, none for a regression"
    assert null_runs(*study(null_input=False)) == []


def test_dense_runs_on_classes_are_traced_where_asked_for():
    assert traced_runs(*study()) == []
    found = {short(run) for run in traced_runs(*study(cartography=True))}
    assert found == {f"dense/{task}/dense/{seed}" for task in ("easy", "hard") for seed in (1, 2)}


def test_paths_are_chosen_among_the_runs_of_the_study():
    blocks = [
        {"recipes": ["magnitude"], "regimes": ["sparse"], "tasks": ["easy"], "seeds": [1]},
        {"recipes": ["magnitude-u50", "magnitude"], "regimes": ["regrow"], "tasks": ["grade"]},
        {"recipes": ["dense"], "regimes": ["scratch"], "tasks": ["hard"]},
    ]
    config, runs = study(mode_connectivity=blocks)
    chosen = connected_runs(config, runs)
    assert [short(run) for run in chosen] == [short(run) for run in runs if run in chosen], "in their order"
    assert {short(run) for run in chosen} == {
        "magnitude-u50/easy/sparse/1",
        "magnitude-u70-5/easy/sparse/1",
        "magnitude-2of8/easy/sparse/1",
        "magnitude-u50/grade/regrow/2",
        "dense/hard/scratch/1",
    }
    ends = ends_of(chosen)
    twins = {"dense/easy/dense/1", "dense/grade/dense/2", "dense/hard/dense/1"}
    assert {short(run) for run in ends} == {short(run) for run in chosen} | twins and len(ends) == 8
    assert all(end in runs for end in ends)
    assert connected_runs(*study()) == ends_of([]) == []


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"recipes": ["magnitud"]}, "[0].recipes: found 'magnitud'; legal: .*did you mean 'magnitude'"),
        ({"tasks": ["eazy"]}, "[0].tasks: found 'eazy'; legal: easy, hard, grade; did you mean 'easy'"),
        ({"seeds": [3]}, "[0].seeds: found 3; legal: 1, 2"),
        (
            {"regimes": ["freeze"]},
            "[0]: found 'magnitude with freeze'; legal: recipes and regimes that study.runs",
        ),
        ({"regimes": ["regrow"], "seeds": [1]}, "[0]: found 'magnitude with regrow'"),
    ],
)
def test_a_block_that_names_no_run_is_an_error(block, words):
    config, runs = study(mode_connectivity=[{"recipes": ["magnitude"], "regimes": ["sparse"]} | block])
    with pytest.raises(ValueError, match="^study.mode_connectivity" + words.replace("[", r"\[")):
        connected_runs(config, runs)


def test_a_path_does_not_lead_to_dense():
    block = {"recipes": ["dense"], "regimes": ["dense"]}
    with pytest.raises(ValueError, match="regimes.*found 'dense'; legal: sparse, freeze"):
        study(mode_connectivity=[block])


def test_weights_are_kept_where_a_block_asks_for_it():
    blocks = [{**RUNS[0], "tasks": ["easy"], "seeds": [1], "keep_weights": True}, *RUNS[1:]]
    config = check(user(study__tasks=["grade"], tasks__grade=GRADE, study__runs=blocks), SCHEMA)
    kept = {short(run) for run in kept_runs(config, [])}
    pruned = {f"{recipe}/easy/sparse/1" for recipe in ("magnitude-u50", "magnitude-u70-5", "magnitude-2of8")}
    assert kept == pruned | {"dense/easy/dense/1"}, "with the dense twin"
    path = {"recipe": "dense", "regime": "dense", "task": "easy", "seed": 1, "checkpoint": "mine"}
    assert len(kept_runs(config, [path | {"recipe": "magnitude-u50", "regime": "sparse"}])) == 4, "each once"
    assert kept_runs(*[study()[0], []]) == []


def test_adapters_cannot_be_kept():
    blocks = [{"recipes": ["nf4"], "regimes": ["qlora"], "keep_weights": True}]
    with pytest.raises(ValueError, match=r"study.runs\[0\].keep_weights: found beside regime 'qlora'"):
        check(user(study__runs=blocks, sweeps__nf4={"quantizer": "nf4", "bits": [4]}), SCHEMA)
