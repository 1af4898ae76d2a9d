"""Fine-tuning: what each regime promises of the weights, after every step; formats; determinism."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import junkdna.training.loop as loop
from junkdna.inference.batches import load_data, order_epoch, pad_batches
from junkdna.inference.label_scale import Scale
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights
from junkdna.training.regimes import grow_mask
from junkdna.training.schedule import gradual_per_mille, plan_training
from trainings import (
    DENSE,
    PRUNED,
    SPEC,
    body_mask,
    make_tokens,
    prepare,
    run,
    same_bits,
    save_checkpoint,
    watch,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_sparse_keeps_pruned_weights_at_zero_after_every_step(checkpoint, tmp_path, precision):
    mask, whole = body_mask(checkpoint)
    seen = []
    spec = replace(SPEC, precision=precision)
    outcome = run(checkpoint, tmp_path, mask=mask, spec=spec, after_step=watch(seen))
    assert [step for step, _ in seen] == list(range(1, 9)) == list(range(1, outcome.facts["steps"] + 1))
    for _, weights in seen:
        for name, weight in weights.items():
            assert (weight[~mask[name]] == 0).all()
            assert (weight[mask[name]] != whole[name][mask[name]]).any(), f"{name} does not train"
    removed = sum(int((~kept).sum()) for kept in mask.values())
    total = sum(kept.numel() for kept in mask.values())
    assert removed == (total * 400 + 500) // 1000 and outcome.facts["sparsity"] == removed / total
    assert outcome.facts["precision"] == precision


@pytest.mark.parametrize("selection", ["global", "nm"])
def test_freeze_keeps_pruned_weights_as_pretrained_after_every_step(checkpoint, tmp_path, selection):
    changes = {"selection": "nm", "per_mille": 0, "keep": 1, "group": 4} if selection == "nm" else {}
    mask, whole = body_mask(checkpoint, PRUNED | changes)
    seen = []
    run(checkpoint, tmp_path, recipe=PRUNED | changes, regime="freeze", mask=mask, after_step=watch(seen))
    assert len(seen) == 8
    for _, weights in seen:
        for name, weight in weights.items():
            assert torch.equal(weight[~mask[name]], whole[name][~mask[name]])
            assert (weight[mask[name]] != whole[name][mask[name]]).any()


def test_weight_decay_of_kept_weights_is_that_of_adamw(checkpoint, tmp_path):
    mask, _ = body_mask(checkpoint)
    everything = {name: torch.ones_like(kept) for name, kept in mask.items()}
    frozen, dense = [], []
    run(checkpoint, tmp_path, regime="freeze", mask=everything, after_step=watch(frozen))
    run(checkpoint, tmp_path, recipe=DENSE, regime="dense", after_step=watch(dense))
    for name, weight in dense[-1][1].items():
        torch.testing.assert_close(frozen[-1][1][name], weight, rtol=0, atol=1e-5)


def test_regrow_starts_masked_and_moves_the_pruned(checkpoint, tmp_path):
    mask, _ = body_mask(checkpoint)
    seen = []
    spec = replace(SPEC, learning_rate=0.0)
    run(checkpoint, tmp_path, regime="regrow", mask=mask, spec=spec, after_step=watch(seen))
    assert all((weight[~mask[name]] == 0).all() for name, weight in seen[0][1].items())
    seen.clear()
    outcome = run(checkpoint, tmp_path, regime="regrow", mask=mask, after_step=watch(seen))
    moved = sum(int((weight[~mask[name]] != 0).sum()) for name, weight in seen[-1][1].items())
    assert moved > 0.99 * sum(int((~kept).sum()) for kept in mask.values())
    assert outcome.facts["sparsity"] == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize("selection", ["global", "layer"])
def test_gradual_follows_the_schedule_and_ends_exact(checkpoint, tmp_path, selection):
    seen = []
    recipe = PRUNED | {"selection": selection}
    outcome = run(checkpoint, tmp_path, recipe=recipe, regime="gradual", after_step=watch(seen))
    plan = plan_training(30, SPEC)
    assert (plan.steps, plan.gradual) == (8, 6)
    zeros = {name: torch.zeros_like(weight, dtype=torch.bool) for name, weight in seen[0][1].items()}
    reached = 0
    for step, weights in seen:
        if step in (3, 6):
            reached = gradual_per_mille(step, plan, 400)
        counts = {name: int((weight == 0).sum()) for name, weight in weights.items()}
        sizes = {name: weight.numel() for name, weight in weights.items()}
        if selection == "layer":
            assert counts == {name: (size * reached + 500) // 1000 for name, size in sizes.items()}, step
        else:
            assert sum(counts.values()) == (sum(sizes.values()) * reached + 500) // 1000, step
        assert all((weights[name][before] == 0).all() for name, before in zeros.items()), (
            "pruned stays pruned"
        )
        zeros = {name: weight == 0 for name, weight in weights.items()}
    assert reached == 400 and outcome.facts["sparsity"] == sum(counts.values()) / sum(sizes.values())
    assert outcome.history.sparsity.iloc[0] == 0 and outcome.history.sparsity.is_monotonic_increasing


def test_gradual_prunes_the_smallest_of_the_live_weights_and_clears_their_moments(checkpoint, tmp_path):
    spec = replace(SPEC, gradual_every=1, gradual_end=1.0)
    training = prepare(checkpoint, PRUNED, "gradual", spec)
    batches = list(pad_batches(training.data, [np.arange(4)] * 4))
    for batch in batches:
        loop.take_step(training, [batch])
        weights, kept = training.pruning.weights, training.pruning.kept
        for name, weight in weights.items():
            moments = training.optimizer.state[weight]
            assert (moments["exp_avg"][~kept[name]] == 0).all()
            assert (moments["exp_avg_sq"][~kept[name]] == 0).all()
            assert moments["exp_avg"][kept[name]].any()
    # One more growth, without a step: what goes is no larger than what stays.
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    old = {name: mask.clone() for name, mask in kept.items()}
    grow_mask(training.pruning, training.optimizer, 8, training.plan, 1)
    gone = torch.cat([before[n][old[n] & ~training.pruning.kept[n]].abs() for n in before])
    stay = torch.cat([before[n][training.pruning.kept[n]].abs() for n in before])
    assert len(gone) and gone.max() <= stay.min()


def test_a_kept_weight_that_is_zero_does_not_count_as_pruned(checkpoint):
    training = prepare(checkpoint, PRUNED, "gradual", SPEC)
    with torch.no_grad():
        for weight in training.pruning.weights.values():
            weight[:4] = 0
    total = sum(weight.numel() for weight in training.pruning.weights.values())
    for step in (3, 6):
        grow_mask(training.pruning, training.optimizer, step, training.plan, 3)
        removed = sum(int((~kept).sum()) for kept in training.pruning.kept.values())
        assert removed == (total * training.pruning.per_mille + 500) // 1000


def test_scope_paper_builds_the_mask_in_the_run_with_the_head(checkpoint, tmp_path):
    recipe = PRUNED | {"scope": "paper"}
    seen = []
    outcome = run(checkpoint, tmp_path, recipe=recipe, after_step=watch(seen, "paper"))
    weights = seen[-1][1]
    assert any(name.startswith("head:") for name in weights)
    total = sum(weight.numel() for weight in weights.values())
    removed = sum(int((weight == 0).sum()) for weight in weights.values())
    assert removed == (total * 400 + 500) // 1000 and outcome.facts["sparsity"] == removed / total
    (head,) = [weight for name, weight in weights.items() if name.startswith("head:")]
    assert 0 < (head == 0).sum() < head.numel()


def test_same_seed_same_bits_other_seed_other_bits(checkpoint, tmp_path):
    mask, _ = body_mask(checkpoint)
    for precision in ("fp32", "bf16"):
        spec = replace(SPEC, precision=precision)
        first = run(checkpoint, tmp_path, mask=mask, spec=spec)
        torch.rand(3)
        assert same_bits(first, run(checkpoint, tmp_path, mask=mask, spec=spec))
        assert not same_bits(first, run(checkpoint, tmp_path, mask=mask, spec=spec, seed=6))


def test_every_recipe_and_regime_of_a_seed_sees_the_same_batches(checkpoint, tmp_path, monkeypatch):
    seen = []

    def record(data, order):
        seen[-1] += [batch.tolist() for batch in order]
        return pad_batches(data, order)

    monkeypatch.setattr(loop, "pad_batches", record)
    for recipe, regime, seed in [
        (DENSE, "dense", 5),
        (PRUNED, "sparse", 5),
        (PRUNED | {"score": "random", "per_mille": 700}, "freeze", 5),
        (PRUNED, "regrow", 5),
        (PRUNED, "gradual", 5),
        (PRUNED, "reinit", 5),
        (DENSE, "scratch", 5),
        (DENSE, "dense", 6),
    ]:
        seen.append([])
        run(checkpoint, tmp_path, recipe=recipe, regime=regime, seed=seed)
    assert all(batches == seen[0] for batches in seen[:7])
    assert seen[7] != seen[0] and len(seen[0]) == 16


def test_a_group_of_batches_is_one_large_batch(checkpoint):
    spec = replace(SPEC, clip=0.0)
    results = []
    for groups in ([[0, 1, 2, 3, 4]], [[0, 1, 2, 3], [4]]):
        training = prepare(checkpoint, DENSE, "dense", spec)
        training.model.eval()
        training.optimizer = torch.optim.SGD(training.model.parameters(), lr=1.0)
        loop.take_step(training, list(pad_batches(training.data, [np.array(group) for group in groups])))
        results.append(torch.cat([p.detach().flatten() for p in training.model.parameters()]))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("format", "segments", "validation_examples"),
    [
        ("classification", False, 13),
        ("pair", True, 13),
        ("regression", False, 13),
        ("regression", False, 1),
        ("choice", True, 13),
        ("choice", False, 1),
    ],
)
def test_predictions_are_those_of_each_example_alone(
    checkpoint, tmp_path, format, segments, validation_examples
):
    validation = make_tokens(validation_examples, 2, format, segments)
    kept = {}
    outcome = run(
        checkpoint,
        tmp_path,
        recipe=DENSE,
        regime="dense",
        train=make_tokens(9, 1, format, segments),
        validation=validation,
        spec=replace(SPEC, max_steps=2),
        after_step=lambda step, model: kept.update(model=model),
    )
    table = outcome.predictions
    assert table.example_id.tolist() == validation.example_id.tolist()
    assert table.target.tolist() == validation.label.tolist()
    data = load_data(validation, torch.device("cpu"))
    scale = Scale.of(make_tokens(9, 1, format, segments))
    for row, (index, batch) in zip(
        table.itertuples(),
        enumerate(pad_batches(data, [np.array([i]) for i in range(len(data))])),
        strict=True,
    ):
        with torch.no_grad():
            logits = kept["model"].eval()(**batch.inputs).logits.double()
        if format == "regression":
            value = scale.centre + scale.spread * logits.item()
            assert row.prediction == pytest.approx(value, abs=1e-5) and row.scores[0] == np.float32(
                row.prediction
            )
            assert row.loss == pytest.approx((value - row.target) ** 2, abs=1e-5)
            assert table.correct.isna().all()
            continue
        expected = logits.flatten().log_softmax(0)
        assert row.scores.tolist() == pytest.approx(expected.tolist(), abs=1e-5), index
        assert row.prediction == int(expected.argmax()) and row.correct == (row.prediction == row.target)
        assert row.loss == pytest.approx(-expected[int(row.target)].item(), abs=1e-5)


def test_training_learns_and_says_what_it_did(checkpoint, tmp_path, capfd):
    spec = replace(
        SPEC, epochs=12, batch_size=16, accumulation=1, weight_decay=0.0, bucket=4, learning_rate=5e-3
    )
    train, validation = make_tokens(300, 1), make_tokens(100, 2)
    outcome = run(
        checkpoint, tmp_path, recipe=DENSE, regime="dense", spec=spec, train=train, validation=validation
    )
    facts, history = outcome.facts, outcome.history
    assert outcome.predictions.correct.mean() > 0.9
    assert (facts["train_examples"], facts["validation_examples"], facts["steps"]) == (300, 100, 19 * 12)
    assert history.step.iloc[-1] == 228 and len(history) == 46 and history.epoch.iloc[-1] == 12
    assert history.loss.iloc[-1] == facts["final_loss"] < 0.5 * facts["first_loss"]
    assert facts["min_loss"] == history.loss.min() and facts["sparsity"] == 0 and not facts["diverged"]
    assert facts["prior_entropy"] == pytest.approx(np.log(2), abs=0.01)
    assert facts["train_seconds"] > 0 and facts["peak_memory_mb"] > 50 and facts["device"] == "cpu"
    assert facts["examples_per_second"] == pytest.approx(3600 / facts["train_seconds"])
    last = [line for line in capfd.readouterr().err.splitlines() if line.startswith("step ")][-1]
    assert last.startswith("step 228/228  loss 0.") and last.endswith("ETA 00:00")


@pytest.mark.parametrize("regime", ["dense", "gradual"])
def test_a_diverged_training_ends_early_and_is_recorded(checkpoint, tmp_path, regime):
    spec = replace(SPEC, epochs=40, learning_rate=1e30, clip=0.0)
    recipe = DENSE if regime == "dense" else PRUNED
    outcome = run(checkpoint, tmp_path, recipe=recipe, regime=regime, spec=spec)
    assert outcome.facts["diverged"] and outcome.facts["steps"] < 20
    assert len(outcome.predictions) == 13 and not np.isfinite(outcome.facts["final_loss"])


@pytest.mark.parametrize(
    ("recipe", "regime", "word"),
    [
        (PRUNED | {"selection": "nm", "per_mille": 0, "keep": 2, "group": 4}, "gradual", "'nm'"),
        (PRUNED | {"score": "random"}, "gradual", "score 'random'"),
        (PRUNED | {"score": "inverse-magnitude"}, "gradual", "score 'inverse-magnitude'"),
        (PRUNED, "dense", "sparse, freeze, regrow, gradual"),
        (DENSE, "sparse", "legal: dense"),
        (PRUNED, "spars", "sparse"),
        (PRUNED | {"method": "quantize"}, "sparse", "quantize"),
    ],
)
def test_recipes_and_regimes_that_do_not_fit(checkpoint, tmp_path, recipe, regime, word):
    with pytest.raises(ValueError, match=word):
        run(checkpoint, tmp_path, recipe=recipe, regime=regime)


def test_a_mask_of_another_model_is_refused(checkpoint, tmp_path):
    mask, _ = body_mask(checkpoint)
    name = next(iter(mask))
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        run(checkpoint, tmp_path, mask={key: kept for key, kept in mask.items() if key != name})
    with pytest.raises(ValueError, match="1 tensors do not fit"):
        run(checkpoint, tmp_path, mask=mask | {name: mask[name][:, :3]})


def test_sparse_equals_a_plain_loop_that_zeroes_after_every_step(checkpoint, tmp_path):
    mask, _ = body_mask(checkpoint)
    spec = replace(SPEC, clip=0.0, weight_decay=0.0, accumulation=1, warmup=0.0, epochs=1)
    seen = []
    run(checkpoint, tmp_path, mask=mask, spec=spec, after_step=watch(seen))
    model = load_classifier(checkpoint, 2, 5).train()
    found = prunable_weights(model, "body")
    optimizer = torch.optim.AdamW(model.parameters(), lr=spec.learning_rate, weight_decay=0.0, fused=True)
    data = load_data(make_tokens(30, 1), torch.device("cpu"))
    order = order_epoch(data.widths, batch_size=4, bucket=3, seed=5, epoch=0)
    for name, entry in found.items():
        entry.tensor.data *= mask[name]
    torch.manual_seed(5)
    for step, (batch, (_, weights)) in enumerate(zip(pad_batches(data, order), seen, strict=True)):
        optimizer.param_groups[0]["lr"] = spec.learning_rate * (len(order) - step) / len(order)
        torch.nn.functional.cross_entropy(model(**batch.inputs).logits, batch.labels).backward()
        optimizer.step()
        optimizer.zero_grad()
        for name, entry in found.items():
            entry.tensor.data *= mask[name]
            torch.testing.assert_close(weights[name], entry.tensor.data, rtol=0, atol=1e-6)
