"""Looking at the training examples after each epoch: what is seen, and that it changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import junkdna.training.loop as loop
from junkdna.inference.batches import load_data, pad_batches
from trainings import DENSE, PRUNED, SPEC, make_tokens, run, run_of, same_bits, save_checkpoint, watch

TIMES = ["examples_per_second"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("recipe", "regime"), [(DENSE, "dense"), (PRUNED, "gradual")])
def test_looking_changes_no_bit(checkpoint, tmp_path, precision, recipe, regime):
    spec = replace(SPEC, precision=precision)
    blind, seeing = [], []
    first = run(checkpoint, tmp_path, recipe=recipe, regime=regime, spec=spec, after_step=watch(blind))
    second = run(
        checkpoint, tmp_path, recipe=recipe, regime=regime, spec=spec, after_step=watch(seeing), traced=True
    )
    assert same_bits(first, second)
    assert first.history.drop(columns=TIMES).equals(second.history.drop(columns=TIMES))
    for (_, before), (_, after) in zip(blind, seeing, strict=True):
        assert all(torch.equal(before[name], after[name]) for name in before)
    assert first.confidences is None and len(second.confidences) == 60


@pytest.mark.parametrize("format", ["classification", "choice"])
def test_confidences_are_those_of_each_example_alone_after_each_epoch(checkpoint, tmp_path, format):
    train = make_tokens(30, 1, format)
    data = load_data(train, torch.device("cpu"))
    expected = {}

    def after_step(step, model):
        if step not in (4, 8):  # 8 batches of 4 examples, two to a step: 4 steps an epoch
            return
        model.eval()
        for index, batch in enumerate(pad_batches(data, [np.array([i]) for i in range(30)])):
            with torch.no_grad():
                p = model(**batch.inputs).logits.double().flatten().softmax(0)
            gold = int(train.label[index])
            expected[step // 4, int(train.example_id[index])] = (p[gold].item(), int(p.argmax()) == gold)
        model.train()

    outcome = run(
        checkpoint,
        tmp_path,
        recipe=DENSE,
        regime="dense",
        traced=True,
        train=train,
        validation=make_tokens(5, 2, format),
        after_step=after_step,
    )
    table = outcome.confidences
    assert table.columns.tolist() == ["example_id", "epoch", "confidence", "correct"]
    assert table.correct.dtype == bool and len(table) == len(expected) == 60
    for row in table.itertuples():
        confidence, correct = expected[row.epoch, row.example_id]
        assert row.confidence == pytest.approx(confidence, abs=1e-5) and row.correct == correct


def test_a_training_cut_off_within_an_epoch_is_looked_at_where_it_ends(checkpoint, tmp_path):
    spec = replace(SPEC, max_steps=6)
    outcome = run(checkpoint, tmp_path, recipe=DENSE, regime="dense", spec=spec, traced=True)
    assert outcome.confidences.epoch.unique().tolist() == [1, 2]


def test_a_diverged_training_leaves_no_confidences_that_are_no_numbers(checkpoint, tmp_path):
    spec = replace(SPEC, epochs=40, learning_rate=1e30, clip=0.0)
    outcome = run(checkpoint, tmp_path, recipe=DENSE, regime="dense", spec=spec, traced=True)
    assert outcome.facts["diverged"] and np.isfinite(outcome.confidences.confidence).all()


def test_the_time_of_looking_is_no_time_of_training(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "look", lambda *arguments: 1000.0)
    made = run_of(checkpoint, recipe=DENSE, regime="dense")
    facts = loop.finetune(made, state=tmp_path / "state.safetensors", fingerprint="x", traced=True).facts
    assert -2000 < facts["train_seconds"] < -1900, "two looks"
