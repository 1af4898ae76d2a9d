"""Recipes, tasks and runs of a study."""

import re
import subprocess
import sys
from itertools import product

import pytest

from junkdna.study import specs
from junkdna.study.recipes import expand_recipes, spec_of
from junkdna.study.regimes import REGIMES, legal_regimes
from junkdna.study.runs import SLUG, training_of, valid_runs
from junkdna.study.tasks import DATA_KEYS, data_of, merge, resolve_tasks, study_tasks

SWEEP = {"score": "magnitude", "selection": "global", "scope": "body", "seed": 0}


def config(runs, **changes):
    """A checked config of two checkpoints, three tasks (two on an axis) and two sweeps."""
    study = {
        "name": "small",
        "checkpoints": ["one", "two"],
        "axes": ["depth"],
        "tasks": ["extra", "easy"],
        "seeds": [3, 1],
        "runs": runs,
    }
    return {
        "study": study | changes,
        "sweeps": {
            "magnitude": {**SWEEP, "sparsity": [50.0, 97.5], "keep": ["4of8"]},
            "random": {**SWEEP, "score": "random", "sparsity": [50.0]},
        },
        "training": {"learning_rate": 2.0e-5, "epochs": 3, "clip": 0.0},
        "checkpoints": {"one": {"training": {"epochs": 5, "clip": 1.0}}, "two": {}},
        "tasks": {"easy": {}, "hard": {"training": {"epochs": 9}}, "extra": {}},
        "axes": {"depth": {"tasks": ["easy", "hard"]}},
    }


def cells(runs):
    return [(run["checkpoint"], run["task"], run["recipe"], run["regime"], run["seed"]) for run in runs]


def test_a_sweep_expands_to_flat_recipes_that_the_specs_accept():
    recipes = expand_recipes(config([])["sweeps"])
    assert list(recipes) == ["dense", "magnitude-u50", "magnitude-u97-5", "magnitude-4of8", "random-u50"]
    assert recipes["dense"] == {"family": "dense", "level": 0.0, "method": "none"}
    expected = {"family": "magnitude", "level": 97.5, "method": "prune", "score": "magnitude", "seed": 0}
    expected |= {"selection": "global", "scope": "body", "per_mille": 975, "keep": 0, "group": 0}
    assert recipes["magnitude-u97-5"] == expected
    assert list(expected := recipes["magnitude-4of8"]) == sorted(expected)
    assert (expected["family"], expected["level"], expected["selection"]) == ("magnitude-nm", 50.0, "nm")
    for slug, recipe in recipes.items():
        if slug != "dense":
            assert specs.PruneSpec.from_mapping(recipe).sparsity == pytest.approx(recipe["level"] / 100)


@pytest.mark.parametrize("percent", [0, 100, 120, -5, 12.34, 0.01])
def test_a_level_that_is_no_percent_is_refused(percent):
    with pytest.raises(ValueError, match=r"^sweeps\.magnitude\.sparsity: found .*; legal: percent"):
        expand_recipes({"magnitude": {**SWEEP, "sparsity": [percent]}})


@pytest.mark.parametrize("pattern", ["8of8", "9of8", "2of33", "2of0"])
def test_a_pattern_that_is_no_n_of_m_is_refused(pattern):
    with pytest.raises(ValueError, match=rf"^sweeps\.x\.keep: found '{pattern}'; legal: NofM with 0 < N < M"):
        expand_recipes({"x": {**SWEEP, "keep": [pattern]}})


def test_every_n_of_m_up_to_32_is_a_recipe_of_its_own():
    patterns = [f"{keep}of{group}" for group in range(2, 33) for keep in range(1, group)]
    recipes = expand_recipes({"x": {**SWEEP, "keep": patterns}})
    assert len(recipes) == 1 + sum(range(1, 32))
    assert recipes["x-1of3"]["level"] == 66.6667


def test_names_of_sweeps_and_recipes_never_meet():
    taken = {"dense": {**SWEEP, "sparsity": [50]}}
    taken |= {"a": {**SWEEP, "sparsity": [50], "keep": ["2of4"]}, "a-u50": {**SWEEP, "sparsity": [30]}}
    taken |= {"a-nm": {**SWEEP, "sparsity": [30]}, "none": dict(SWEEP)}
    with pytest.raises(ValueError) as error:
        expand_recipes(taken)
    lines = str(error.value).splitlines()
    assert len(lines) == 4
    starts = ("sweeps.dense: found", "sweeps.a-nm: found", "sweeps.none: found no", "sweeps.a-u50: found")
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True)), lines


def test_merging_is_deep_but_for_lists_and_sources_of_another_kind():
    under = {
        "source": {"hub": "a/b", "revision": "main"},
        "columns": {"text": "t", "label": "l"},
        "labels": [1, 2],
    }
    over = {"source": {"revision": "abc"}, "columns": {"label": "y"}, "labels": [3]}
    expected = {
        "source": {"hub": "a/b", "revision": "abc"},
        "columns": {"text": "t", "label": "y"},
        "labels": [3],
    }
    assert merge(under, over) == expected
    assert merge(under, {"source": {"path": "x"}})["source"] == {"path": "x"}
    assert under["source"] == {"hub": "a/b", "revision": "main"}


def test_a_task_inherits_through_a_chain_of_bases_in_any_order():
    tasks = {
        "c": {"base": "b", "size": 3},
        "b": {"base": "a", "columns": {"label": "y"}, "size": 2},
        "a": {"columns": {"text": "t", "label": "l"}, "size": 1},
    }
    resolved = resolve_tasks(tasks)
    assert list(resolved) == ["c", "b", "a"]
    assert resolved["c"] == {"columns": {"text": "t", "label": "y"}, "size": 3}
    assert resolved["b"] == {"columns": {"text": "t", "label": "y"}, "size": 2}


def test_bases_that_lead_nowhere_or_in_a_circle_are_refused_once_each():
    tasks = {
        "a": {"base": "b"},
        "b": {"base": "a"},
        "c": {"base": "a"},
        "d": {"base": "rtee"},
        "e": {"base": "d"},
    }
    with pytest.raises(ValueError) as error:
        resolve_tasks(tasks | {"rte": {}, "f": {"base": "f"}})
    assert str(error.value).splitlines() == [
        "tasks.a.base: found a circle, a -> b -> a; legal: a base that ends somewhere",
        "tasks.b.base: found a circle, b -> a -> b; legal: a base that ends somewhere",
        "tasks.d.base: found 'rtee'; legal: a, b, c, e, rte, f; did you mean 'rte'?",
        "tasks.f.base: found a circle, f -> f; legal: a base that ends somewhere",
    ]


def test_the_tasks_of_a_study_are_those_of_its_axes_then_its_own():
    assert study_tasks(config([])) == ["easy", "hard", "extra"]


def test_runs_are_the_dense_twins_then_the_blocks_each_once():
    blocks = [
        {"recipes": ["magnitude"], "regimes": ["sparse"]},
        {
            "recipes": ["magnitude-u50"],
            "regimes": ["sparse", "freeze"],
            "tasks": ["hard"],
            "seeds": [1],
        },
        {"recipes": ["dense"], "regimes": ["dense"], "checkpoints": ["two"]},
    ]
    runs = cells(valid_runs(config(blocks)))
    checkpoints, tasks, seeds = ["one", "two"], ["easy", "hard", "extra"], [3, 1]
    recipes = ["magnitude-u50", "magnitude-u97-5", "magnitude-4of8"]
    expected = [(c, t, "dense", "dense", s) for c, t, s in product(checkpoints, tasks, seeds)]
    expected += [(c, t, r, "sparse", s) for c, t, r, s in product(checkpoints, tasks, recipes, seeds)]
    expected += [(c, "hard", "magnitude-u50", "freeze", 1) for c in checkpoints]
    assert runs == expected
    assert len(runs) == len(set(runs)) == 12 + 36 + 2


def test_dense_twins_are_added_only_for_what_runs():
    block = {
        "recipes": ["random-u50"],
        "regimes": ["regrow"],
        "checkpoints": ["two"],
        "tasks": ["hard"],
        "seeds": [1],
    }
    assert cells(valid_runs(config([block]))) == [
        ("two", "hard", "dense", "dense", 1),
        ("two", "hard", "random-u50", "regrow", 1),
    ]


def test_runs_are_plain_values_with_sorted_keys():
    for run in valid_runs(config([{"recipes": ["dense"], "regimes": ["dense"]}])):
        assert list(run) == sorted(run)
        assert {type(value) for value in run.values()} == {str, int}


def test_each_regime_fits_where_the_design_says():
    recipes = expand_recipes(config([])["sweeps"])
    fits = {slug: legal_regimes(recipe) for slug, recipe in recipes.items()}
    masked = ("zero-shot", "sparse", "freeze", "regrow")
    assert fits == {
        "dense": ("dense", "scratch"),
        "magnitude-u50": (*masked, "gradual", "reinit"),
        "magnitude-u97-5": (*masked, "gradual", "reinit"),
        "magnitude-4of8": (*masked, "reinit"),
        "random-u50": (*masked, "reinit"),
    }
    assert {regime for regimes in fits.values() for regime in regimes} == set(REGIMES) - {"qat", "qlora"}


def test_an_impossible_pair_is_an_error_that_names_block_recipe_and_regimes():
    blocks = [
        {"recipes": ["magnitude"], "regimes": ["sparse"]},
        {"recipes": ["dense", "magnitude", "random"], "regimes": ["gradual", "dense"]},
    ]
    with pytest.raises(ValueError) as error:
        valid_runs(config(blocks))
    where = "study.runs[1].regimes: found"
    assert str(error.value).splitlines() == [
        f"{where} 'gradual' with recipe dense; legal: dense, scratch",
        f"{where} 'gradual' with recipes magnitude-4of8, random-u50; legal: zero-shot, sparse, freeze, regrow, reinit",
        f"{where} 'dense' with recipes magnitude-u50, magnitude-u97-5; legal: zero-shot, sparse, freeze, regrow, "
        "gradual, reinit",
        f"{where} 'dense' with recipes magnitude-4of8, random-u50; legal: zero-shot, sparse, freeze, regrow, reinit",
    ]


def test_a_level_that_its_sweep_lacks_is_an_error_that_lists_the_levels():
    names = ["magnitude-u55", "randon", "magnitude-4of8"]
    with pytest.raises(ValueError) as error:
        valid_runs(config([{"recipes": names, "regimes": ["sparse"]}]))
    levels = "magnitude-u50, magnitude-u97-5, magnitude-4of8"
    assert str(error.value).splitlines() == [
        f"study.runs[0].recipes: found 'magnitude-u55'; legal: {levels}; did you mean 'magnitude-u50'?",
        "study.runs[0].recipes: found 'randon'; legal: dense, magnitude, random; did you mean 'random'?",
    ]


def test_a_study_without_a_task_is_an_error():
    with pytest.raises(ValueError, match=r"^study\.tasks: found no task"):
        valid_runs(config([{"recipes": ["dense"], "regimes": ["dense"]}], axes=[], tasks=[]))


def test_the_task_wins_over_the_checkpoint_and_that_over_the_study():
    whole = config([])
    merged = {"clip": 1.0, "epochs": 9, "learning_rate": 2.0e-5}
    assert training_of(whole, "one", "hard") == merged
    assert list(training_of(whole, "one", "hard")) == sorted(merged)
    assert training_of(whole, "one", "easy")["epochs"] == 5
    assert training_of(whole, "two", "easy") == whole["training"]


def test_what_decides_a_mask_is_what_the_spec_holds():
    recipes = expand_recipes(config([])["sweeps"])
    spec = spec_of(recipes["magnitude-u50"])
    assert list(spec) == sorted(set(specs.PruneSpec.__dataclass_fields__) - {"allocation", "like"})
    assert specs.PruneSpec(**spec) == specs.PruneSpec.from_mapping(recipes["magnitude-u50"])
    assert all(re.fullmatch(SLUG, slug) for slug in recipes)


def test_what_decides_the_examples_leaves_out_how_they_are_used():
    task = {
        "version": 1,
        "source": {"path": {}},
        "metric": "f1",
        "training": {},
        "max_length": 9,
        "format": "pair",
    }
    assert data_of(task) == {"format": "pair", "source": {"path": {}}, "version": 1}
    assert list(DATA_KEYS) == sorted(DATA_KEYS)


def test_a_dry_run_loads_nothing_heavy():
    code = (
        "import sys; import junkdna.study.check, junkdna.study.runs\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'junkdna'}))"
    )
    bare = subprocess.run([sys.executable, "-c", "pass"], capture_output=True, text=True, check=True)
    assert bare.stdout == ""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "numpy", "pandas", "jsonschema", "yaml", "snakemake"} & set(eval(loaded)), loaded
