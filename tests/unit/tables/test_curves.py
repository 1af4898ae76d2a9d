"""Fits of falling curves against scipy and scikit-learn, and the table of curves on made-up studies."""

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import binom
from sklearn.isotonic import IsotonicRegression
from tests.simulated import MIDDLES, RECIPES, TASKS, grid, recipe, tables

from junkdna.simulation.draws import logistic as truth
from junkdna.simulation.draws import simulate
from junkdna.simulation.scenarios import Scenario
from junkdna.statistics.bootstrap import Replicates
from junkdna.statistics.fits import crossing, fit_falling, fit_logistic, logistic
from junkdna.tables.curves import curves_table
from junkdna.tables.predictions import score_draws
from junkdna.tables.runs import runs_table

LEVELS = np.array([0.0, 20, 40, 50, 60, 80])
UNSTRUCTURED = {name: RECIPES[name] for name in RECIPES if not name.endswith("of8")}


def noisy(rng: np.random.Generator, number: int, spread: float = 0.05) -> np.ndarray:
    middles, widths = rng.uniform(25, 75, number), rng.uniform(4, 20, number)
    curves = logistic(LEVELS[:, None], middles, widths) + rng.normal(scale=spread, size=(len(LEVELS), number))
    curves[0] = 1
    return curves


def test_logistic_fits_equal_those_of_scipy():
    rng = np.random.default_rng(0)
    retention, weights = noisy(rng, 60), np.array([3.0, 3, 3, 2, 3, 1])
    middle, width = fit_logistic(LEVELS, retention, weights)
    for place in range(60):
        expected, _ = curve_fit(
            logistic,
            LEVELS,
            retention[:, place],
            p0=(50, 10),
            sigma=1 / np.sqrt(weights),
            bounds=([-20, 2.0], [140, 60]),
            ftol=1e-12,
            xtol=1e-12,
        )
        ours = np.array([middle[place], width[place]])
        loss = [
            (weights * (retention[:, place] - logistic(LEVELS, *each)) ** 2).sum()
            for each in (ours, expected)
        ]
        # Two minima may be equally deep; ours must not be the shallower one.
        assert loss[0] <= loss[1] + 1e-6
        if abs(loss[0] - loss[1]) < 1e-6:
            assert ours == pytest.approx(expected, abs=0.1)


def test_a_logistic_curve_is_found_exactly_and_missing_values_do_not_matter():
    curve = logistic(LEVELS, 47.0, 6.0)
    holes = np.tile(curve[:, None], (1, 3))
    holes[2, 1] = holes[1:, 2] = np.nan
    middle, width = fit_logistic(LEVELS, holes, np.ones(6))
    assert middle[:2] == pytest.approx([47, 47], abs=0.05)
    assert width[:2] == pytest.approx([6, 6], abs=0.05)
    assert np.isnan([middle[2], width[2]]).all()


def test_falling_fits_equal_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    retention, weights = noisy(rng, 40, spread=0.3), np.array([3.0, 3, 3, 2, 3, 1])
    fitted = fit_falling(retention, weights)
    for place in range(40):
        model = IsotonicRegression(increasing=False)
        expected = model.fit_transform(LEVELS, retention[:, place], sample_weight=weights)
        assert fitted[:, place] == pytest.approx(expected)
    retention[3] = np.nan
    without = np.delete(LEVELS, 3), np.delete(retention, 3, axis=0), np.delete(weights, 3)
    assert np.delete(fit_falling(retention, weights), 3, axis=0) == pytest.approx(
        fit_falling(without[1], without[2]), abs=1e-6
    )


def test_a_polygon_is_crossed_where_it_first_comes_down_to_the_share():
    fitted = np.array([[1, 1, 1.0], [0.9, 0.5, 0.9], [0.4, 0.5, 0.8], [0.0, 0.2, 0.7]])
    levels = np.array([0.0, 30, 50, 80])
    assert crossing(levels, fitted, 0.5) == pytest.approx([46, 30, np.nan], nan_ok=True)


@pytest.fixture(scope="module")
def study():
    collapse = [("magnitude-u80", "options", "sparse", seed) for seed in (1, 2, 3)]
    collapse.append(("magnitude-u60", "keyword", "sparse", 2))
    return tables(grid(recipes=UNSTRUCTURED), collapse=collapse, examples=6000)


def test_the_table_finds_the_planted_middles(study):
    curves = study["curves"].set_index(["task", "regime"])
    assert set(curves.index) == {(task, "sparse") for task in TASKS} | {
        (task, regime) for task in TASKS for regime in ("freeze", "regrow")
    }
    for task in ("agreement", "similarity", "options", "deduction"):
        row = curves.loc[task, "sparse"]
        for name in ("s50", "s50_isotonic"):
            assert row[name] == pytest.approx(MIDDLES[task], abs=5)
            assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]
        # By its definition: 0.9 is width x log(9) before the middle.
        assert row["s90"] == pytest.approx(MIDDLES[task] - 7 * np.log(9), abs=6)
        assert row["rmse"] < 0.08


def test_failed_runs_are_counted_and_do_not_enter(study):
    curves = study["curves"].set_index(["task", "regime"])
    row = curves.loc["options", "sparse"]
    assert (row["n_levels"], row["n_runs"], row["n_failed"], row["max_level"]) == (4, 12, 3, 60)
    assert row["s50"] == pytest.approx(MIDDLES["options"], abs=5)
    row = curves.loc["keyword", "sparse"]
    assert (row["n_levels"], row["n_runs"], row["n_failed"]) == (5, 14, 1)


def test_what_the_levels_do_not_reach_is_not_extrapolated(study):
    curves = study["curves"].set_index(["task", "regime"])
    row = curves.loc["keyword", "freeze"]
    assert (row["s50_reached"], row["s50_isotonic_reached"], row["max_level"]) == ("beyond", "beyond", 60)
    assert np.isnan([row["s50"], row["s50_high"], row["s50_isotonic"]]).all()
    early = {
        name: recipe("magnitude", level) for name, level in (("magnitude-u15", 15.0), ("magnitude-u20", 20.0))
    }
    middles = dict.fromkeys(MIDDLES, 10.0)
    runs = grid(tasks=("keyword",), recipes={"dense": RECIPES["dense"], **early}, extra=())
    curves = tables(runs, middles=middles, recipes={**RECIPES, **early}, examples=1500)["curves"]
    row = curves.set_index("regime").loc["sparse"]
    assert row["s50_reached"] == row["s90_reached"] == "below"
    assert np.isnan([row["s50"], row["s90"], row["s90_low"]]).all()


def test_where_every_compressed_run_knows_nothing_there_is_no_curve():
    middles = dict.fromkeys(MIDDLES, -40.0)
    made = tables(grid(tasks=("keyword",), recipes=UNSTRUCTURED, extra=()), middles=middles, examples=400)
    assert made["cells"].set_index("recipe").loc["dense", "n_trained"] == 0 and made["curves"].empty


def test_intervals_of_s50_cover_the_truth():
    study = Scenario(
        name="one curve",
        nulls=(),
        truth=lambda cell: truth(cell["level"], 55.0, 12.0),
        tasks=("easy",),
    )
    rng, runs, replicates = np.random.default_rng(5), study.runs(range(4)), Replicates((0, 1, 2, 3), 150)
    trials, covered = 50, 0
    for trial in range(trials):
        facts, stacks = simulate(runs, study.described, examples=200, rng=rng)
        scores = score_draws(stacks, study.described, replicates, trial)
        table = runs_table(facts, stacks, scores, replicates, tasks=study.described, recipes=study.recipes)
        row = curves_table(table, scores, replicates).iloc[0]
        covered += row["s50_low"] <= 55.0 <= np.nan_to_num(row["s50_high"], nan=100.0)
    assert covered > binom.ppf(0.001, trials, 0.94)
