"""The schedules against their formulas."""

import pytest

from junkdna.study.specs import TrainSpec
from junkdna.training.schedule import gradual_per_mille, learning_rate, plan_training


def make_spec(**changed) -> TrainSpec:
    settings = {
        "learning_rate": 1e-3,
        "epochs": 3,
        "max_steps": 0,
        "batch_size": 8,
        "accumulation": 1,
        "warmup": 0.1,
        "weight_decay": 0.0,
        "clip": 0.0,
        "precision": "fp32",
        "bucket": 4,
        "save_minutes": 0.0,
        "gradual_end": 0.5,
        "gradual_every": 10,
    }
    return TrainSpec(**settings | changed)


def test_steps_count_incomplete_batches_and_groups():
    plan = plan_training(81, make_spec(accumulation=4))
    assert (plan.batches, plan.epoch_steps, plan.steps) == (11, 3, 9)
    assert plan_training(81, make_spec(accumulation=4, max_steps=5)).steps == 5
    assert plan_training(81, make_spec(accumulation=4, max_steps=500)).steps == 9


@pytest.mark.parametrize(("warmup", "warm"), [(0.0, 0), (0.1, 10), (1.0, 99)])
def test_rate_rises_to_the_peak_and_falls_in_a_line_to_zero(warmup, warm):
    plan = plan_training(100, make_spec(batch_size=1, epochs=1, warmup=warmup))
    rates = [learning_rate(step, plan, 2.0) for step in range(101)]
    assert plan.warmup == warm and max(rates) == rates[warm] == 2.0 and rates[100] == 0.0
    assert rates[0] > 0, "no step is lost"
    for part in (rates[: warm + 1], rates[warm:]):
        slopes = [after - before for before, after in zip(part, part[1:], strict=False)]
        assert slopes == pytest.approx([slopes[0]] * len(slopes)) if slopes else warm == 0


def test_gradual_sparsity_is_cubic_and_ends_at_the_recipe():
    plan = plan_training(100, make_spec(batch_size=1, epochs=1, gradual_end=0.8))
    curve = [gradual_per_mille(step, plan, 437) for step in range(101)]
    assert plan.gradual == 80 and curve[0] == 0 and set(curve[80:]) == {437}
    assert curve[40] == round(437 * (1 - 0.5**3)) and curve[20] == round(437 * (1 - 0.75**3))
    assert curve == sorted(curve)


@pytest.mark.parametrize(("examples", "rows"), [(7, 7), (50, 50), (51, 26), (1000, 50), (99999, 50)])
def test_the_history_has_about_fifty_rows(examples, rows):
    plan = plan_training(examples, make_spec(batch_size=1, epochs=1))
    assert -(-plan.steps // plan.row) == rows
