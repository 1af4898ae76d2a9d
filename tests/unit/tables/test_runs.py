"""The tables of runs, drops and cells, from files of made-up runs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import matthews_corrcoef
from tests.simulated import AXES, RECIPES, TASKS, grid, recipe, run_tables, stack_study, write_study

from described import untrue
from junkdna.claims.study import aggregate
from junkdna.files.artifacts import read_table, write_table
from junkdna.statistics.bootstrap import Replicates
from junkdna.tables.cells import cells_table
from junkdna.tables.families import families_of
from junkdna.tables.predictions import Stack, read_runs, score_draws
from junkdna.tables.runs import drops_table, runs_table

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
    assert draws.score.shape == draws.excess.shape == (len(keys), THREE.size)


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


def test_retention_is_the_chance_corrected_share_of_what_dense_runs_have(study):
    *_, runs, _, _ = study
    for task in TASKS:
        dense = of(runs, task=task, recipe="dense")
        room = dense["score"].mean() - dense["chance"].mean()
        sparse = of(runs, task=task, recipe="magnitude-u50")
        usable = sparse[sparse["trained"]]
        assert usable["retention"].tolist() == pytest.approx(
            ((usable["score"] - usable["chance"]) / room).tolist(), abs=1e-5
        )
        assert dense["retention"].mean() == pytest.approx(1)


def test_a_cell_is_a_ratio_of_means_over_the_seeds_in_which_both_trained(study):
    *_, runs, draws, _ = study
    cells = cells_table(runs, draws, THREE)
    cell = of(cells, task="deduction", recipe="magnitude-u50").iloc[0]
    sparse = of(runs, task="deduction", recipe="magnitude-u50", trained=True).set_index("seed")
    dense = of(runs, task="deduction", recipe="dense").set_index("seed")
    assert sparse.index.tolist() == [1, 3]
    expected = sparse["score"].mean() / dense["score"][sparse.index].mean()
    assert cell["retention_trained"] == pytest.approx(expected, abs=1e-6)
    assert cell["retention_with_failed"] == pytest.approx(
        sparse["score"].sum() / dense["score"].sum(), abs=1e-6
    )


def test_a_constant_run_failed(study):
    keys, _, runs, _, _ = study
    assert of(runs, outcome="constant")[["recipe", "task", "seed"]].to_dict("records") == [
        {"recipe": "magnitude-u50", "task": "deduction", "seed": 2}
    ]
    assert (runs["trained"] == (runs["outcome"] == "trained")).all()
    failed = of(runs, outcome="constant").iloc[0]
    assert np.isnan(failed["retention"]) and failed["raw_retention"] == 0
    assert np.isnan([failed["score_low"], failed["score_high"]]).all(), "0 [0, 0] would be a lie"


@pytest.mark.parametrize(
    ("min_loss", "prediction", "outcome"),
    [
        (0.685, "majority", "constant"),
        (0.3, "majority", "constant"),
        (0.3, "minority", "constant"),
        (0.3, "noise", "uninformed"),
        (0.685, "right", "trained"),
        (np.nan, "right", "trained"),
    ],
)
def test_failure_by_case(tmp_path, min_loss, prediction, outcome):
    """What a run predicts decides, not the lowest loss that it ever had on a few batches."""
    key = grid(tasks=("keyword",), seeds=(1,), **SMALL)[1]
    facts, table = run_tables(key, examples=200)
    facts["min_loss"] = min_loss
    common = table["target"].mode()[0]
    noise = np.random.default_rng(0).integers(2, size=200)
    said = {"majority": common, "minority": 1 - common, "right": table["target"], "noise": noise}
    table["prediction"] = said[prediction]
    if prediction != "right":
        table["loss"] = np.float32(np.log(2)) + 0.05 * np.random.default_rng(1).normal(size=200)
    write_table(tmp_path / "metrics.parquet", facts)
    write_table(tmp_path / "predictions.parquet", table, key)
    facts, stacks = read_runs([tmp_path], TASKS, [key])
    draws = score_draws(stacks, TASKS, FEW, 0)
    runs = runs_table(facts, stacks, draws, FEW, tasks=TASKS, recipes=RECIPES)
    assert runs["outcome"].tolist() == [outcome]
    assert np.isnan(runs["retention"][0]), "there is no dense twin"


def broken(folder, column):
    """A study of three runs on similarity, the second with a prediction or loss that is no number."""
    keys = grid(tasks=("similarity",), seeds=(1,), **SMALL)
    folders = write_study(folder, keys, examples=50)
    table = read_table(folders[1] / "predictions.parquet")
    table.loc[7, column] = np.nan
    write_table(folders[1] / "predictions.parquet", table, keys[1])
    return read_runs(folders, TASKS, keys)


@pytest.mark.parametrize("column", ["prediction", "loss"])
def test_a_run_that_is_not_finite_has_diverged_and_no_score(tmp_path, column):
    facts, stacks = broken(tmp_path, column)
    draws = score_draws(stacks, TASKS, FEW, 0)
    runs = runs_table(facts, stacks, draws, FEW, tasks=TASKS, recipes=RECIPES)
    assert runs["outcome"].tolist() == ["trained", "diverged", "trained"]
    assert np.isnan(runs.loc[1, ["score", "score_low", "retention", "raw_retention"]].astype(float)).all()
    drops = drops_table(runs, stacks, draws, FEW)
    assert np.isnan(drops.loc[0, ["drop", "retention", "flips"]].astype(float)).all()
    cells = cells_table(runs, draws, FEW).set_index("recipe")
    assert np.isnan(
        cells.loc["magnitude-u50", ["score", "score_trained", "retention_trained"]].astype(float)
    ).all()
    assert cells.loc["magnitude-u50", "retention_with_failed"] == 0
    assert cells["n_diverged"].tolist() == [0, 1, 0]
    facts["diverged"] = [True, False, False]
    runs = runs_table(facts, stacks, draws, FEW, tasks=TASKS, recipes=RECIPES)
    assert runs["outcome"].tolist() == ["diverged", "diverged", "trained"], "what the training reports counts"
    assert not runs["usable"].any(), "the dense twin is gone"
    lines = untrue("runs", runs.drop(columns="dense_row"))
    lines += untrue("drops", drops_table(runs, stacks, draws, FEW))
    assert lines + untrue("cells", cells_table(runs, draws, FEW)) == []


def test_chance_is_known_though_the_first_run_of_a_cell_diverged(study):
    _, _, runs, draws, _ = study
    made = runs.copy()
    at = made.index[made["recipe"] == "magnitude-u50"][0]
    known = made.loc[at, "chance"]
    made.loc[at, "chance"] = np.nan
    cells = cells_table(made, draws, THREE)
    own = of(cells, **{key: made.loc[at, key] for key in ("checkpoint", "recipe", "task", "regime")})
    assert own["chance"].tolist() == [known]


def test_a_failed_dense_twin_is_no_reference(tmp_path):
    """Four seeds with a drop of about .02 and a fifth whose twin failed: the fifth has no drop and no retention."""
    keys = grid(
        tasks=("keyword",),
        seeds=(1, 2, 3, 4, 5),
        recipes={n: RECIPES[n] for n in ("dense", "magnitude-u20")},
        extra=(),
    )
    five = Replicates(seeds=(1, 2, 3, 4, 5), draws=50)
    runs, draws, stacks = built(tmp_path, keys, five, collapse=[("dense", "keyword", "dense", 2)])
    assert runs["usable"].tolist() == [key["seed"] != 2 for key in keys]
    drops = drops_table(runs, stacks, draws, five).set_index("seed")
    assert drops["drop"].isna().tolist() == drops["retention"].isna().tolist() == [False, True] + [False] * 3
    cells = cells_table(runs, draws, five).set_index("recipe")
    cell = cells.loc["magnitude-u20"]
    assert (cell["n_seeds"], cell["n_trained"], cell["n_usable"]) == (5, 5, 4)
    known = drops["drop"].dropna()
    assert cell["drop_trained"] == pytest.approx(known.mean(), abs=1e-6) and abs(cell["drop_trained"]) < 0.03
    assert cell["retention_with_failed"] == pytest.approx(cell["retention_trained"]), "no reference, no zero"
    assert (cells.loc["dense", "n_trained"], cells.loc["dense", "fail_rate"]) == (4, pytest.approx(0.2))


def test_a_task_that_no_dense_run_learns_is_not_measurable(tmp_path):
    keys = grid(tasks=("deduction",), **SMALL)
    runs, draws, _ = built(
        tmp_path, keys, collapse=[("dense", "deduction", "dense", seed) for seed in (1, 2, 3)]
    )
    assert not runs["measurable"].any() and runs[["retention", "raw_retention"]].isna().all(axis=None)
    cells = cells_table(runs, draws, THREE)
    assert cells[["retention_trained", "retention_with_failed", "drop_trained"]].isna().all(axis=None)


def test_measurable_is_decided_over_all_seeds_and_not_one_by_one():
    """Choosing the seeds that happen to be above chance would make the reference too good."""
    kept, undecided = [], 0
    for trial in range(60):
        rng = np.random.default_rng(trial)
        n, seeds = 277, 5
        target = rng.integers(2, size=n).astype(float)
        said = np.where(rng.random((2 * seeds, n)) < 0.2, target, rng.integers(2, size=(2 * seeds, n)))
        right = (said == target).mean(axis=1, keepdims=True)
        keys = grid(
            tasks=("keyword",),
            seeds=(1, 2, 3, 4, 5),
            recipes={r: RECIPES[r] for r in ("dense", "magnitude-u20")},
            extra=(),
        )
        facts = pd.concat([run_tables(key, examples=n)[0] for key in keys], ignore_index=True)
        losses = -np.log(np.where(said == target, right, 1 - right)).astype(np.float32)
        stack = Stack(
            row=np.arange(10),
            example_id=np.arange(n),
            target=target,
            prediction=said.astype(np.float32),
            losses=losses,
            options=None,
            guess=0.0,
        )
        five = Replicates(seeds=(1, 2, 3, 4, 5), draws=50)
        draws = score_draws({"keyword": stack}, TASKS, five, trial)
        runs = runs_table(facts, {"keyword": stack}, draws, five, tasks=TASKS, recipes=RECIPES)
        cell = of(cells_table(runs, draws, five), recipe="magnitude-u20").iloc[0]
        undecided += not cell["measurable"]
        kept.append(cell["retention_trained"])
    assert 0 < undecided < 50
    assert np.nanmean(kept) == pytest.approx(1.0, abs=0.06)


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
    assert row["lost"] == pytest.approx((dense["correct"] & ~own["correct"]).mean())
    assert row["gained"] == pytest.approx((own["correct"] & ~dense["correct"]).mean())
    assert row["lost"] - row["gained"] == pytest.approx(row["drop"])
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


def test_cells_never_mix_failed_and_trained_runs(study):
    *_, runs, draws, _ = study
    cells = cells_table(runs, draws, THREE)
    cell = of(cells, task="deduction", recipe="magnitude-u50").iloc[0]
    members = of(runs, task="deduction", recipe="magnitude-u50")
    assert (cell["n_seeds"], cell["n_trained"]) == (3, 2)
    assert cell["fail_rate"] == pytest.approx(1 / 3)
    assert cell["fail_rate_low"] == pytest.approx(0.0615, abs=1e-3)
    assert cell["fail_rate_high"] == pytest.approx(0.7923, abs=1e-3)
    assert cell["score"] == pytest.approx(members["score"].mean(), abs=1e-6)
    trained = members[members["trained"]]
    assert cell["score_trained"] == pytest.approx(trained["score"].mean(), abs=1e-6)
    dense = of(runs, task="deduction", recipe="dense").set_index("seed")["score"]
    expected = (dense[trained["seed"]].to_numpy() - trained["score"].to_numpy()).mean()
    assert cell["drop_trained"] == pytest.approx(expected, abs=1e-6)
    for name in ("score", "score_trained", "retention_trained", "drop_trained", "retention_with_failed"):
        assert cell[f"{name}_low"] < cell[name] < cell[f"{name}_high"]


def test_a_cell_without_trained_runs_has_no_trained_score(tmp_path):
    keys = grid(tasks=("deduction",), seeds=(1, 2), **SMALL)
    collapse = [("magnitude-u50", "deduction", "sparse", seed) for seed in (1, 2)]
    runs, draws, _ = built(tmp_path, keys, collapse=collapse)
    cell = of(cells_table(runs, draws, THREE), recipe="magnitude-u50").iloc[0]
    assert (cell["n_trained"], cell["fail_rate"]) == (0, 1)
    assert np.isnan([cell["score_trained"], cell["retention_trained"], cell["retention_trained_low"]]).all()
    assert cell["score"] == 0 and np.isnan([cell["score_low"], cell["score_high"]]).all()
    assert 0.3 < cell["fail_rate_low"] < cell["fail_rate_high"] == 1


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
    assert (again.score == draws.score).all() and (again.excess == draws.excess).all()
    pd.testing.assert_frame_equal(cells_table(runs, again, THREE), cells_table(runs, draws, THREE))


def test_reading_files_gives_what_was_written(study):
    keys, folder, runs, draws, _ = study
    facts, stacks = stack_study(keys, collapse=[("magnitude-u50", "deduction", "sparse", 2)])
    again = score_draws(stacks, TASKS, THREE, 0)
    assert (again.score == draws.score).all() and (again.excess == draws.excess).all()
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
        "equal_terms": 2,
        "claims": 20,
    }
    pd.testing.assert_frame_equal(tables["runs"], runs.drop(columns="dense_row"))
    with pytest.raises(ValueError, match="'magnitude-u50' has runs but is not described"):
        aggregate(folders, expected=keys, tasks=TASKS, recipes={"dense": RECIPES["dense"]}, axes=AXES)
    with pytest.raises(ValueError, match="runs of 'agreement' but no such task"):
        aggregate(folders, expected=keys, tasks={"rte": TASKS["keyword"]}, recipes=RECIPES, axes=AXES)
