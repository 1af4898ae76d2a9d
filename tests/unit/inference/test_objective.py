"""Losses and scores against per-example arithmetic."""

import math

import numpy as np
import pytest
import torch

from junkdna.inference.batches import Batch
from junkdna.inference.objective import losses_of, prior_loss, scores_of


def make_batch(labels: list, positions: list[list[int]] | None = None) -> Batch:
    return Batch({}, torch.tensor(labels), None if positions is None else torch.tensor(positions))


def test_choice_is_a_softmax_over_the_options_of_each_example():
    logits = torch.tensor([[0.5], [-1.0], [2.0], [3.0], [0.25], [1.25]], requires_grad=True)
    batch = make_batch([1, 0, 1], [[0, 1, 2], [3, -1, -1], [4, 5, -1]])
    scores = scores_of(logits, batch, "choice")
    values = logits.detach().flatten().tolist()
    for row, options, label, loss in zip(
        scores.detach(),
        [values[0:3], values[3:4], values[4:6]],
        [1, 0, 1],
        losses_of(scores, batch.labels, "choice"),
        strict=True,
    ):
        expected = np.array(options) - math.log(sum(math.exp(value) for value in options))
        assert row[: len(options)].tolist() == pytest.approx(expected.tolist(), abs=1e-6)
        assert all(math.isinf(value) for value in row[len(options) :])
        assert loss.item() == pytest.approx(-expected[label], abs=1e-6)
    losses_of(scores, batch.labels, "choice").sum().backward()
    assert logits.grad.isfinite().all()
    assert logits.grad[3].item() == 0.0, "a single option leaves nothing to learn"
    assert logits.grad[:3].sum().item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("size", [1, 3])
def test_regression_is_squared_error_at_any_batch_size(size):
    logits = torch.arange(size)[:, None].float()
    batch = make_batch([2.5] * size)
    scores = scores_of(logits, batch, "regression")
    losses = losses_of(scores, batch.labels, "regression")
    assert scores.shape == (size, 1) and losses.tolist() == [(value - 2.5) ** 2 for value in range(size)]


def test_classification_scores_are_log_probabilities_in_fp32():
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    batch = make_batch([0, 1, 2, 1, 0])
    scores = scores_of(logits, batch, "classification")
    assert scores.dtype == torch.float32
    assert scores.exp().sum(-1).tolist() == pytest.approx([1.0] * 5)
    assert losses_of(scores, batch.labels, "pair").tolist() == [
        pytest.approx(-scores[row, label].item()) for row, label in enumerate(batch.labels)
    ]


def test_the_prior_is_the_best_constant_predictor():
    ones = torch.ones(4, dtype=torch.int64)
    assert prior_loss(torch.tensor([0, 0, 0, 2]), ones, "classification") == pytest.approx(
        -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    )
    assert prior_loss(torch.tensor([1.0, 2.0, 3.0, 6.0]), ones, "regression") == pytest.approx(3.5)
    assert prior_loss(torch.tensor([0, 0]), torch.tensor([2, 4]), "choice") == pytest.approx(
        (math.log(2) + math.log(4)) / 2
    )
