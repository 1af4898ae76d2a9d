"""The tables of runs, drops and cells, from files of made-up runs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import matthews_corrcoef
from tests.simulated import AXES, RECIPES, TASKS, grid, recipe, run_tables, stack_study, write_study

from junkdna.aggregate import aggregate
from junkdna.artifacts import read_table, write_table
from junkdna.bootstrap import Replicates
from junkdna.cells import cells_table
from junkdna.families import families_of
from junkdna.stacks import read_runs, score_draws
from junkdna.tables import drops_table, retention_draws, runs_table

SMALL = {
    "recipes": {name: RECIPES[name] for name in ("dense", "magnitude-u50", "magnitude-4of8")},
    "extra": (),
}


THREE = Replicates(seeds=(1, 2, 3), draws=200)
FEW = Replicates(seeds=(1, 2, 3), draws=10)


def built(folder, keys, replicates=THREE, **truth):
    """Runs, score draws and stacks of a made-up study."""
    folders = write_study(folder, keys, **truth)
    facts, stacks = read_runs(folders, TASKS, keys)
    draws = score_draws(stacks, TASKS, replicates, 0)
    return runs_table(facts, stacks, draws, replicates, tasks=TASKS, recipes=RECIPES), draws, stacks


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    keys = grid(**SMALL)
    collapse = [("magnitude-u50", "deduction", "sparse", 2)]
    folder = tmp_path_factory.mktemp("study")
    runs, draws, stacks = built(folder, keys, collapse=collapse)
    return keys, folder, runs, draws, stacks


def of(runs: pd.DataFrame, **keys) -> pd.DataFrame:
    chosen = runs
    for name, value in keys.items():
        chosen = chosen[chosen[name] == value]
    return chosen


def test_one_row_a_run_in_the_order_asked(study):
    keys, _, runs, draws, _ = study
    assert runs[list(keys[0])].to_dict("records") == keys
    assert draws.shape == (len(keys), THREE.size)


def test_scores_are_those_of_the_files(study):
    keys, folder, runs, _, _ = study
    for row in range(0, len(keys), 7):
        table = read_table(folder / str(row) / "predictions.parquet")
        task = keys[row]["task"]
        expected = {
            "accuracy": np.mean(table["target"] == table["prediction"]),
            "mcc": matthews_corrcoef(table["target"].astype(int), table["prediction"].astype(int)),
            "pearson": np.corrcoef(table["target"], table["prediction"])[0, 1],
        }[TASKS[task]["metric"]]
        assert runs["score"][row] == pytest.approx(expected, abs=1e-6)
        assert runs["score_low"][row] <= expected <= runs["score_high"][row]
        assert runs["loss"][row] == pytest.approx(table["loss"].mean(), rel=1e-6)


def test_selection_names_the_pattern(study):
    *_, runs, _, _ = study
    named = runs.drop_duplicates("recipe").set_index("recipe")["selection"].to_dict()
    assert named == {"dense": "none", "magnitude-u50": "unstructured", "magnitude-4of8": "N:8"}


def test_patterns_that_remove_the_same_share_are_curves_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPES, "magnitude-2of4", recipe("magnitude", 50.0, keep=2, group=4))
    names = ("dense", "magnitude-2of4", "magnitude-4of8")
    keys = grid(recipes={name: RECIPES[name] for name in names}, tasks=("keyword",), extra=())
    runs, draws, _ = built(tmp_path, keys)
    families = families_of(runs, draws, THREE, RECIPES)
    assert [(each.selection, each.slugs) for each in families] == [
        ("N:4", {50.0: "magnitude-2of4"}),
        ("N:8", {50.0: "magnitude-4of8"}),
    ]
    assert all(cell.n_usable == 3 for each in families for cell in each.cells.values())


def test_retention_is_the_chance_corrected_share_of_the_same_seed(study):
    *_, runs, _, _ = study
    for task in TASKS:
        for seed in (1, 2, 3):
            dense = of(runs, task=task, seed=seed, recipe="dense").iloc[0]
            sparse = of(runs, task=task, seed=seed, recipe="magnitude-u50").iloc[0]
            expected = (sparse["score"] - sparse["chance"]) / (dense["score"] - dense["chance"])
            assert sparse["retention"] == pytest.approx(expected, abs=1e-6)
            assert dense["retention"] == 1


def test_collapsed_needs_both_a_score_at_chance_and_a_loss_at_the_prior(study):
    keys, _, runs, _, _ = study
    assert of(runs, collapsed=True)[["recipe", "task", "seed"]].to_dict("records") == [
        {"recipe": "magnitude-u50", "task": "deduction", "seed": 2}
    ]
    assert (runs["trained"] == ~runs["collapsed"]).all()


@pytest.mark.parametrize(
    ("min_loss", "prediction", "collapsed"),
    [(0.685, "majority", True), (0.685, "minority", True), (0.3, "majority", False), (0.685, "right", False)],
)
def test_collapse_by_case(tmp_path, min_loss, prediction, collapsed):
    """A loss just below the prior is the noise of a minimum; overfitting at chance is no collapse."""
    key = grid(tasks=("keyword",), seeds=(1,), **SMALL)[1]
    facts, table = run_tables(key, examples=200)
    facts["min_loss"] = min_loss
    common = table["target"].mode()[0]
    table["prediction"] = {"majority": common, "minority": 1 - common, "right": table["target"]}[prediction]
    write_table(tmp_path / "metrics.parquet", facts)
    write_table(tmp_path / "predictions.parquet", table, key)
    facts, stacks = read_runs([tmp_path], TASKS, [key])
    draws = score_draws(stacks, TASKS, FEW, 0)
    runs = runs_table(facts, stacks, draws, FEW, tasks=TASKS, recipes=RECIPES)
    assert runs["collapsed"].tolist() == [collapsed]
    assert np.isnan(runs["retention"][0]), "there is no dense twin"


def test_a_run_that_is_not_finite_has_diverged(tmp_path):
    keys = grid(tasks=("similarity",), seeds=(1,), **SMALL)
    folders = write_study(tmp_path, keys, examples=50)
    table = read_table(folders[1] / "predictions.parquet")
    table["prediction"] = np.nan
    table["loss"] = np.float32("nan")
    write_table(folders[1] / "predictions.parquet", table, keys[1])
    facts, stacks = read_runs(folders, TASKS, keys)
    draws = score_draws(stacks, TASKS, FEW, 0)
    runs = runs_table(facts, stacks, draws, FEW, tasks=TASKS, recipes=RECIPES)
    assert runs["diverged"].tolist() == [False, True, False]
    assert runs["trained"].tolist() == [True, False, True]
    assert runs["score"][1] == 0
    facts["diverged"] = [True, False, False]
    runs = runs_table(facts, stacks, draws, FEW, tasks=TASKS, recipes=RECIPES)
    assert runs["diverged"].tolist() == [True, True, False], "what the training reports counts too"


def test_no_retention_without_a_dense_run_above_chance(tmp_path):
    keys = grid(tasks=("keyword",), seeds=(1, 2), **SMALL)
    runs, draws, _ = built(tmp_path, keys, collapse=[("dense", "keyword", "dense", 2)])
    assert runs["retention"].isna().tolist() == [key["seed"] == 2 for key in keys]
    assert np.isnan(retention_draws(runs, draws)[runs["seed"] == 2]).all()
    cells = cells_table(runs, draws, THREE)
    assert cells["retention"].notna().all()
    assert cells["n_seeds"].tolist() == [2, 2, 2]
    assert cells["n_trained"].tolist() == [1, 2, 2]


def test_drops_are_paired_with_the_dense_run_of_the_seed(study):
    _, folder, runs, draws, stacks = study
    drops = drops_table(runs, stacks, draws, THREE)
    assert len(drops) == (runs["recipe"] != "dense").sum()
    row = of(drops, task="agreement", recipe="magnitude-4of8", seed=3).iloc[0]
    at = of(runs, task="agreement", recipe="magnitude-4of8", seed=3).index[0]
    twin = of(runs, task="agreement", recipe="dense", seed=3).index[0]
    own, dense = (read_table(folder / str(number) / "predictions.parquet") for number in (at, twin))
    assert row["drop"] == pytest.approx(dense["correct"].mean() - own["correct"].mean(), abs=1e-6)
    assert row["relative_drop"] == pytest.approx(row["drop"] / dense["correct"].mean(), abs=1e-6)
    assert row["flips"] == pytest.approx((dense["correct"] != own["correct"]).mean())
    assert row["drop_low"] <= row["drop"] <= row["drop_high"]
    assert of(drops, task="similarity")["flips"].isna().all()


def test_pairing_makes_the_interval_of_a_drop_narrow(tmp_path):
    """A run that differs from its twin in two examples: unpaired, the interval would be many times wider."""
    keys = grid(tasks=("agreement",), seeds=(1,), **SMALL)
    folders = write_study(tmp_path, keys)
    table = read_table(folders[0] / "predictions.parquet")
    table.loc[:1, "prediction"] = (table["target"][:2] + 1) % 3
    write_table(folders[1] / "predictions.parquet", table, keys[1])
    facts, stacks = read_runs(folders, TASKS, keys)
    draws = score_draws(stacks, TASKS, THREE, 0)
    runs = runs_table(facts, stacks, draws, THREE, tasks=TASKS, recipes=RECIPES)
    row = drops_table(runs, stacks, draws, THREE).iloc[0]
    assert row["flips"] <= 2 / 400
    assert row["drop_high"] - row["drop_low"] < 0.5 * (runs["score_high"][0] - runs["score_low"][0])


def test_cells_never_mix_collapsed_and_trained_runs(study):
    *_, runs, draws, _ = study
    cells = cells_table(runs, draws, THREE)
    cell = of(cells, task="deduction", recipe="magnitude-u50").iloc[0]
    members = of(runs, task="deduction", recipe="magnitude-u50")
    assert (cell["n_seeds"], cell["n_trained"]) == (3, 2)
    assert cell["collapse_rate"] == pytest.approx(1 / 3)
    assert cell["score"] == pytest.approx(members["score"].mean(), abs=1e-6)
    trained = members[members["trained"]]
    assert cell["score_trained"] == pytest.approx(trained["score"].mean(), abs=1e-6)
    assert cell["retention_trained"] == pytest.approx(trained["retention"].mean(), abs=1e-6)
    dense = of(runs, task="deduction", recipe="dense").set_index("seed")["score"]
    expected = (dense[trained["seed"]].to_numpy() - trained["score"].to_numpy()).mean()
    assert cell["drop_trained"] == pytest.approx(expected, abs=1e-6)
    for name in ("score", "retention", "drop", "score_trained", "retention_trained", "drop_trained"):
        assert cell[f"{name}_low"] < cell[name] < cell[f"{name}_high"]


def test_a_cell_without_trained_runs_has_no_trained_score(tmp_path):
    keys = grid(tasks=("deduction",), seeds=(1, 2), **SMALL)
    collapse = [("magnitude-u50", "deduction", "sparse", seed) for seed in (1, 2)]
    runs, draws, _ = built(tmp_path, keys, collapse=collapse)
    cell = of(cells_table(runs, draws, THREE), recipe="magnitude-u50").iloc[0]
    assert (cell["n_trained"], cell["collapse_rate"]) == (0, 1)
    assert np.isnan([cell["score_trained"], cell["retention_trained_low"]]).all()
    assert cell["score"] == 0


def test_a_single_seed_resamples_examples_only_and_says_so(tmp_path):
    keys = grid(tasks=("keyword",), seeds=(5,), **SMALL)
    replicates = Replicates(seeds=(5,), draws=200)
    runs, draws, _ = built(tmp_path, keys, replicates)
    cells = cells_table(runs, draws, replicates)
    assert cells["resampled"].tolist() == ["examples"] * 3
    assert cells["score_low"].to_numpy() == pytest.approx(runs["score_low"].to_numpy())


def test_the_order_of_rows_in_a_file_does_not_matter(study, tmp_path):
    keys, folder, runs, _, _ = study
    for row in range(3):
        table = read_table(folder / str(row) / "predictions.parquet").sample(frac=1, random_state=row)
        write_table(tmp_path / str(row) / "predictions.parquet", table, keys[row])
        write_table(
            tmp_path / str(row) / "metrics.parquet", read_table(folder / str(row) / "metrics.parquet")
        )
    facts, stacks = read_runs([tmp_path / str(row) for row in range(3)], TASKS, keys[:3])
    draws = score_draws(stacks, TASKS, THREE, 0)
    again = runs_table(facts, stacks, draws, THREE, tasks=TASKS, recipes=RECIPES)
    columns = ["score", "score_low", "score_high", "chance"]
    pd.testing.assert_frame_equal(again[columns], runs[columns][:3])


def test_missing_doubled_and_unasked_runs_are_named(study, tmp_path):
    keys, folder, *_ = study
    folders = [folder / str(row) for row in range(len(keys))]
    with pytest.raises(ValueError, match="no row for .*recipe=magnitude-4of8 task=deduction .*seed=3"):
        read_runs(folders[:-1], TASKS, keys)
    with pytest.raises(ValueError, match="more than one row for .*recipe=dense task=keyword .*seed=1"):
        read_runs([*folders, folders[0]], TASKS, keys)
    with pytest.raises(ValueError, match="was not asked for: .*task=deduction .*seed=3"):
        read_runs(folders, TASKS, keys[:-1])


def test_files_that_do_not_belong_together_are_refused(study, tmp_path):
    keys, folder, *_ = study
    facts = read_table(folder / "0/metrics.parquet")
    write_table(tmp_path / "0/metrics.parquet", facts)
    write_table(tmp_path / "0/predictions.parquet", read_table(folder / "1/predictions.parquet"), keys[1])
    with pytest.raises(ValueError, match="predictions.parquet: seed is 2 there but 1 in metrics"):
        read_runs([tmp_path / "0"], TASKS, keys[:1])
    fewer = read_table(folder / "0/predictions.parquet")[1:]
    write_table(tmp_path / "0/predictions.parquet", fewer, keys[0])
    with pytest.raises(ValueError, match=r"other examples \(400\) than .*\(399\)"):
        read_runs([tmp_path / "0", folder / "1"], TASKS, keys[:2])


def test_tables_are_the_same_each_time(study):
    keys, folder, runs, draws, stacks = study
    again = score_draws(stacks, TASKS, THREE, 0)
    assert (again == draws).all()
    pd.testing.assert_frame_equal(cells_table(runs, again, THREE), cells_table(runs, draws, THREE))


def test_reading_files_gives_what_was_written(study):
    keys, folder, runs, draws, _ = study
    facts, stacks = stack_study(keys, collapse=[("magnitude-u50", "deduction", "sparse", 2)])
    again = score_draws(stacks, TASKS, THREE, 0)
    assert (again == draws).all()
    described = runs_table(facts, stacks, again, THREE, tasks=TASKS, recipes=RECIPES)
    pd.testing.assert_frame_equal(described, runs)


def test_aggregate_makes_all_tables(study):
    keys, folder, runs, _, _ = study
    folders = [folder / str(row) for row in range(len(keys))]
    tables = aggregate(folders, expected=keys, tasks=TASKS, recipes=RECIPES, axes=AXES, draws=200)
    assert {name: len(table) for name, table in tables.items()} == {
        "runs": 45,
        "drops": 30,
        "cells": 15,
        "curves": 0,
        "terms": 2,
        "claims": 19,
    }
    pd.testing.assert_frame_equal(tables["runs"], runs.drop(columns="dense_row"))
    with pytest.raises(ValueError, match="'magnitude-u50' has runs but is not described"):
        aggregate(folders, expected=keys, tasks=TASKS, recipes={"dense": RECIPES["dense"]}, axes=AXES)
    with pytest.raises(ValueError, match="runs of 'agreement' but no such task"):
        aggregate(folders, expected=keys, tasks={"rte": TASKS["keyword"]}, recipes=RECIPES, axes=AXES)
