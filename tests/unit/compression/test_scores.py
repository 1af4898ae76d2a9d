"""Scores: exact values, and random numbers that hang on nothing but seed, name and place."""

import numpy as np
import pytest
import torch

from junkdna.compression.scores import SCORES
from junkdna.study.recipes import CALIBRATED
from junkdna.study.specs import SCORES as LEGAL


def test_every_legal_score_exists():
    """Here, where it needs the weight alone; in `calibrated` where it needs more."""
    assert (*SCORES, *CALIBRATED, "shuffled") == LEGAL


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_magnitude_and_its_inverse_are_float32_of_the_stored_value(dtype):
    weight = torch.randn(7, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    score = SCORES["magnitude"](weight, name="a", seed=0)
    assert score.dtype == torch.float32
    assert torch.equal(score, weight.float().abs())
    assert torch.equal(SCORES["inverse-magnitude"](weight, name="a", seed=0), -score)


def test_scores_leave_the_weights_alone():
    weight = torch.tensor([[-1.0, 2.0]])
    for score in SCORES.values():
        score(weight, name="a", seed=0)
    assert weight.tolist() == [[-1.0, 2.0]]


def test_random_is_uniform_and_hangs_on_seed_and_name():
    weight = torch.zeros(200, 500)
    score = SCORES["random"](weight, name="a", seed=0)
    assert score.shape == weight.shape and score.dtype == torch.float32
    assert score.min() >= 0 and score.max() < 1
    shares = torch.histc(score, bins=10, min=0, max=1) / score.numel()
    assert (shares - 0.1).abs().max() < 0.005
    assert torch.equal(score, SCORES["random"](weight + 1, name="a", seed=0))
    for name, seed in [("b", 0), ("a", 1)]:
        other = SCORES["random"](weight, name=name, seed=seed)
        assert abs(np.corrcoef(score.flatten(), other.flatten())[0, 1]) < 0.02


def test_random_piece_equals_the_same_place_of_the_whole():
    whole = SCORES["random"](torch.zeros(101), name="a", seed=3)
    for start, end in [(0, 101), (0, 1), (1, 2), (8, 40), (13, 14), (13, 101), (100, 101)]:
        piece = SCORES["random"](torch.zeros(end - start), name="a", seed=3, start=start)
        assert torch.equal(piece, whole[start:end]), (start, end)


def test_random_is_the_stream_that_it_was():
    # Another stream would silently give every random mask of a study other weights.
    score = SCORES["random"](torch.zeros(3), name="encoder.layer.0.weight", seed=1)
    assert (score * 2**24).long().tolist() == [13208050, 6737962, 9508048]
