"""Barriers of paths: against their definition on hand-made losses, and resampled by hand."""

import numpy as np
import pandas as pd
import pytest

from described import untrue
from junkdna.statistics.bootstrap import Replicates, example_weights, interval
from junkdna.tables.connectivity import connectivity_table

ALPHAS = np.arange(11) / 10
TASKS = {"easy": {"metric": "accuracy"}, "grade": {"metric": "pearson"}}
CELL = {
    "checkpoint": "c",
    "family": "magnitude",
    "recipe": "magnitude-u50",
    "level": 50.0,
    "task": "easy",
    "regime": "sparse",
}


def made_path(seed, examples=40, height=1.0, peak=0.5, **changed):
    """Losses that rise to a hill of about `height` at `peak`, and answers that are wrong more often there."""
    draw = np.random.default_rng(seed)
    target = np.random.default_rng(99).integers(0, 2, examples)
    base, luck = draw.gamma(2.0, 0.2, examples), draw.random(examples)
    parts = []
    for alpha in ALPHAS:
        hill = height * np.exp(-((alpha - peak) ** 2) / 0.02)
        loss = base * (1 + alpha) + hill * (0.5 + luck)
        wrong = luck < 0.1 + 0.1 * alpha + 0.5 * hill
        prediction = np.where(wrong, 1 - target, target)
        columns = {"example_id": np.arange(examples), "alpha": alpha, "loss": loss, "prediction": prediction}
        parts.append(pd.DataFrame({**columns, "target": target}))
    return {**CELL, "seed": seed, **changed}, pd.concat(parts)


def by_definition(losses, weight):
    """Barrier and its alpha, of the loss and of the accuracy, with `weight` [n] on the examples."""
    curve, right = [], []
    for _, at in losses.groupby("alpha"):
        curve.append(np.average(at["loss"], weights=weight))
        right.append(np.average(at["prediction"] == at["target"], weights=weight))
    out = []
    for values in (np.array(curve), -np.array(right)):
        excess = [v - ((1 - a) * values[0] + a * values[-1]) for a, v in zip(ALPHAS, values, strict=True)]
        out += [max(excess), ALPHAS[int(np.argmax(np.round(excess, 12)))]]
    return out


def test_barriers_and_intervals_by_their_definition():
    paths = [made_path(1), made_path(2, height=0.6), made_path(4, peak=0.3)]
    (row,) = connectivity_table(paths, TASKS, draws=60, seed=3).to_dict("records")
    assert {key: row[key] for key in CELL} == CELL
    assert untrue("connectivity", pd.DataFrame([row])) == []
    assert (row["metric"], row["seeds"], row["examples"]) == ("accuracy", 3, 40)
    replicates = Replicates((1, 2, 4), 60)
    weights = np.concatenate(list(example_weights(np.arange(40), replicates, 3)))
    values = np.array([[by_definition(losses, weight) for weight in weights] for _, losses in paths])
    # Columns 1 to 3 leave one seed out, and so do the crossed ones at the end.
    keep = np.ones((3, len(weights)))
    for place in range(3):
        keep[place, 1 + place] = 0
        keep[place, 4 + 60 + place :: 3] = 0
    drawn = (values * keep[..., None]).sum(axis=0) / keep.sum(axis=0)[:, None]
    for name, column in zip(
        ("barrier", "barrier_alpha", "score_barrier", "score_barrier_alpha"), drawn.T, strict=True
    ):
        low, high = interval(column, replicates)
        found = [row[name], row[f"{name}_low"], row[f"{name}_high"]]
        assert found == pytest.approx([column[0], float(low), float(high)], abs=1e-6), name
    assert 0.3 < row["barrier_alpha"] < 0.5 and row["barrier"] > 0.4 and row["score_barrier"] > 0.1
    ends = [losses[losses.alpha == 1.0].loss.mean() for _, losses in paths]
    assert row["loss_other"] == pytest.approx(np.mean(ends))


def test_a_straight_or_sagging_path_has_no_barrier():
    key, losses = made_path(1, height=-0.5)
    flat = losses.assign(loss=losses["example_id"] * 0.01 + 0.3 * losses["alpha"])
    for table in (losses, flat):
        row = connectivity_table([(key, table)], TASKS, draws=50).iloc[0]
        assert row.barrier == row.barrier_alpha == 0
        assert row.barrier_low == row.barrier_high == 0, "one seed: the percentiles of the resamples"


def test_a_row_for_each_cell_and_order_of_rows_does_not_matter():
    paths = [
        made_path(s, recipe=r, level=v) for r, v in (("magnitude-u50", 50.0), ("m-u90", 90.0)) for s in (1, 2)
    ]
    table = connectivity_table(paths, TASKS, draws=40)
    assert table[["recipe", "seeds"]].values.tolist() == [["magnitude-u50", 2], ["m-u90", 2]]
    mixed = [(key, losses.sample(frac=1, random_state=0)) for key, losses in paths]
    pd.testing.assert_frame_equal(table, connectivity_table(mixed, TASKS, draws=40))


def test_the_metric_of_a_regression_is_its_own():
    key, losses = made_path(1, task="grade")
    losses = losses.assign(prediction=losses["target"] * 3.0 + losses["loss"])
    row = connectivity_table([(key, losses)], TASKS, draws=40).iloc[0]
    r = [np.corrcoef(at["target"], at["prediction"])[0, 1] for _, at in losses.groupby("alpha")]
    chord = (1 - ALPHAS) * r[0] + ALPHAS * r[-1]
    assert row.score_barrier == pytest.approx(max(chord - r), abs=1e-9)
    assert row.score_dense == pytest.approx(r[0])


def test_a_diverged_path_counts_for_nothing():
    good, (key, losses) = made_path(1), made_path(2)
    losses.loc[losses["alpha"] == 1.0, "loss"] = np.nan
    table = connectivity_table([good, (key, losses)], TASKS, draws=40)
    both = table.iloc[0]
    alone = connectivity_table([good], TASKS, draws=40).iloc[0]
    assert both.seeds == 1 and both.barrier == pytest.approx(alone.barrier)
    ends = ["loss_dense", "loss_other", "score_dense", "score_other"]
    assert both[ends].tolist() == alone[ends].tolist()
    broken = connectivity_table([(key, losses), ({**key, "seed": 5}, losses)], TASKS, draws=40)
    assert broken[["barrier", *ends]].isna().all(axis=None)
    assert untrue("connectivity", table) + untrue("connectivity", broken) == []


def test_other_examples_at_an_alpha_are_refused():
    key, losses = made_path(1)
    losses.loc[losses["alpha"] == 0.5, "example_id"] += 100
    with pytest.raises(ValueError, match="other examples"):
        connectivity_table([(key, losses)], TASKS, draws=40)


def test_no_path_no_table():
    assert connectivity_table([], TASKS).empty
