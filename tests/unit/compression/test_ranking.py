"""Keys and histograms against plain numpy."""

import numpy as np
import pytest
import torch

from junkdna.compression import ranking
from junkdna.compression.ranking import BINS, build_ranking, find_cut, key_to_score, order_keys


def extremes() -> np.ndarray:
    """Finite float32 numbers of every kind, ascending, each once."""
    generator = np.random.default_rng(0)
    values = generator.integers(0, 1 << 32, 20000, dtype=np.uint64).astype(np.uint32).view(np.float32)
    ends = np.array([0, 1e-45, -1e-45, 1.17e-38, 3.4e38, -3.4e38, 1, -1], np.float32)
    values = np.concatenate([values[np.isfinite(values)], ends])
    return np.unique(values + np.float32(0))


def test_keys_keep_the_order_of_the_scores():
    values = extremes()
    keys = order_keys(values)
    assert keys.dtype == np.int32
    assert (np.diff(keys.astype(np.int64)) > 0).all()
    assert order_keys(np.float32([-0.0, 0.0, -1.0]))[:2].tolist() == [0, 0]
    assert order_keys(np.float32([])).size == 0


def test_key_leads_back_to_the_score():
    values = extremes()[::97]
    assert [key_to_score(int(key)) for key in order_keys(values)] == values.tolist()


@pytest.mark.parametrize("score", ["magnitude", "inverse-magnitude", "random"])
@pytest.mark.parametrize("piece", [64, 1 << 17])
def test_counts_match_a_count_of_the_upper_halves(score, piece, monkeypatch):
    monkeypatch.setattr(ranking, "PIECE", piece)
    generator = torch.Generator().manual_seed(0)
    weights = {
        "a": torch.randn(37, 11, generator=generator),
        "b": torch.randn(5, 3, generator=generator).bfloat16(),
        "c": torch.zeros(4, 9),
    }
    found = build_ranking(weights, score, seed=7)
    bins = found.pop(BINS)
    assert (bins.diff() > 0).all() and torch.stack(list(found.values())).any(dim=0).all()
    assert list(found) == list(weights)
    for name, weight in weights.items():
        values = ranking.SCORES[score](weight, name=name, seed=7).flatten().numpy()
        expected = np.unique(order_keys(values) >> 16, return_counts=True)
        kept = found[name] > 0
        assert bins[kept].tolist() == expected[0].tolist()
        assert found[name][kept].tolist() == expected[1].tolist()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("score", ["magnitude", "inverse-magnitude"])
def test_a_weight_that_is_no_number_is_an_error(value, score):
    weights = {"fine": torch.ones(4, 4), "broken": torch.tensor([[1.0, value]])}
    with pytest.raises(ValueError, match="'broken': 1 weights are NaN or infinite"):
        build_ranking(weights, score, seed=0)


def test_the_largest_finite_number_is_no_error():
    largest = torch.finfo(torch.float32).max
    for score in ("magnitude", "inverse-magnitude"):
        assert build_ranking({"a": torch.tensor([[largest, -largest, 0.0]])}, score, seed=0)["a"].sum() == 3


def test_find_cut_names_the_bin_of_the_last_to_go():
    counts = np.array([3, 1, 4])
    assert [find_cut(counts, n) for n in (1, 3, 4, 5, 8)] == [(0, 0), (0, 0), (1, 3), (2, 4), (2, 4)]
