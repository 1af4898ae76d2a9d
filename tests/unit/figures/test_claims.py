"""The figures of claims, difficulty, budgets and paths: what they draw, and what they say when there is nothing."""

import json

import numpy as np
import pandas as pd
from tests.simulated import grid, tables

from junkdna.figures.claims import claims_figure, difficulty_figure
from junkdna.figures.style import spec
from junkdna.figures.training import budget_figure, path_figure


def rows_of(drawn: dict, column: str) -> list[dict]:
    return [row for values in drawn["datasets"].values() for row in values if column in row]


def test_every_known_effect_is_drawn_in_points():
    claims = tables(grid(), examples=100)["claims"]
    drawn = rows_of(spec(claims_figure(claims, title="t")), "effect")
    known = claims[claims["effect"].notna()]
    assert len(drawn) == len(known)
    np.testing.assert_allclose(
        sorted(row["effect"] for row in drawn), sorted(100 * known["effect"]), atol=1e-9
    )
    nothing = json.dumps(spec(claims_figure(claims.assign(effect=np.nan), title="t")))
    assert "No claim was measured" in nothing


def test_difficulty_stands_against_s50_only_where_both_are_known():
    study = tables(grid(), examples=100)
    tasks = list(study["runs"]["task"].unique())
    base = {"checkpoint": "tiny-encoder", "low": 0.0, "high": 1.0, "unit": "bits", "harder": 1}
    rows = [base | {"task": task, "measure": "codelength", "value": float(i)} for i, task in enumerate(tasks)]
    rows += [base | {"task": tasks[0], "measure": "rasch", "value": 1.0}]
    curves = study["curves"]
    drawn = rows_of(spec(difficulty_figure(pd.DataFrame(rows), curves, tasks, title="t")), "s50")
    known = curves[(curves["regime"] == "sparse") & curves["s50"].notna() & (curves["selection"] != "N:8")]
    assert sorted({row["task"] for row in drawn}) == sorted(known["task"])
    assert {row["unit"] for row in drawn} == {"bits"} and len(drawn) == len(known)
    alone = spec(difficulty_figure(pd.DataFrame(rows[-1:]), curves, tasks, title="t"))
    assert "No measure of difficulty" in json.dumps(alone)


def test_the_gap_is_what_retention_leaves():
    cells = pd.DataFrame(
        [
            {
                "checkpoint": "c",
                "recipe": "magnitude-u70",
                "task": task,
                "regime": regime,
                "n_seeds": 3,
                "n_trained": 3,
                "retention_trained": value,
                "retention_trained_low": value - 0.1,
                "retention_trained_high": value + 0.2,
            }
            for regime in ("sparse", "regrow")
            for task, value in (("t", 0.5), ("t-x2", 0.6), ("t-x4", 0.7))
        ]
    )
    drawn = rows_of(spec(budget_figure(cells, ["t", "t-x2", "t-x4"], [1, 2, 4], title="t")), "gap_low")
    found = {(row["regime"], row["times"]): (row["gap"], row["gap_low"], row["gap_high"]) for row in drawn}
    np.testing.assert_allclose(found["regrow", 4], (30, 10, 40), atol=1e-9)
    once = cells[cells["task"] == "t"]
    assert "Only dense runs" in json.dumps(spec(budget_figure(once, ["t", "t-x2"], [1, 2], title="t")))


def test_a_path_is_drawn_for_every_seed_with_its_barrier():
    keys = {"checkpoint": "c", "recipe": "magnitude-u50", "task": "t", "regime": "sparse"}
    paths = pd.DataFrame(
        [
            keys | {"seed": seed, "alpha": a, "loss": seed + a * (1 - a)}
            for seed in (1, 2)
            for a in (0, 0.5, 1)
        ]
    )
    barrier = pd.DataFrame([keys | {"barrier": 0.25, "barrier_low": 0.2, "barrier_high": 0.3}])
    drawn = spec(path_figure(paths, barrier, title="t"))
    assert len([row for row in rows_of(drawn, "loss") if "seed" in row]) == 6
    assert "magnitude-u50: barrier 0.250 [0.200, 0.300]" in json.dumps(drawn)
