"""Runs that start from the weights that SparseGPT moved."""

import pytest
import torch

from junkdna.compression.compressed import Compressed
from junkdna.compression.hessian import with_factors
from junkdna.compression.layerwise import build_layerwise_mask
from junkdna.files.compressed import read_compressed
from junkdna.files.masks import write_mask
from junkdna.inference.calibration import stream_statistics
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights
from junkdna.study.specs import PruneSpec
from junkdna.training.regimes import start_regime
from trainings import PRUNED, make_tokens, run, same_bits, save_checkpoint, watch

RECIPE = PRUNED | {"family": "sparsegpt", "score": "sparsegpt", "selection": "layer", "per_mille": 500}


@pytest.fixture
def pruned(tmp_path):
    """A checkpoint, its mask file of SparseGPT, and its weights as they were."""
    checkpoint = save_checkpoint(tmp_path / "model")
    model = load_classifier(checkpoint, 2, 0)
    statistics = dict(with_factors(stream_statistics(model, make_tokens(20, 3), hessians=True)))
    found = prunable_weights(model, "body")
    weights = {name: entry.tensor.detach().clone() for name, entry in found.items()}
    spec = PruneSpec.from_mapping(RECIPE)
    mask = build_layerwise_mask(weights, dict.fromkeys(weights, 1), spec, statistics)
    write_mask(tmp_path / "mask.safetensors", mask, spec, code="x")
    return checkpoint, tmp_path / "mask.safetensors", weights


def test_the_file_gives_both_back(pruned):
    _, path, weights = pruned
    start = read_compressed(path)
    assert set(start.mask) == set(start.moved) == set(weights)
    for name, moved in start.moved.items():
        assert (moved[~start.mask[name]] == 0).all() and not torch.equal(moved, weights[name])
    assert read_compressed([], []) == Compressed()


@pytest.mark.parametrize("regime", ["sparse", "freeze", "regrow"])
def test_where_each_regime_starts(regime, pruned):
    checkpoint, path, weights = pruned
    model = load_classifier(checkpoint, 2, 0)
    start = read_compressed(path)
    started = start_regime(model, RECIPE, regime, start, 0).weights
    for name, weight in started.items():
        expected = weights[name] if regime == "freeze" else start.moved[name]
        assert torch.equal(weight.detach(), expected)


def test_a_run_keeps_what_is_gone_at_zero(pruned, tmp_path):
    checkpoint, path, _ = pruned
    start, seen = read_compressed(path), []
    outcome = run(
        checkpoint, tmp_path, recipe=RECIPE, mask=start.mask, moved=start.moved, after_step=watch(seen)
    )
    assert outcome.facts["sparsity"] == pytest.approx(0.5, abs=1e-3)
    for _, weights in seen:
        assert all((weights[name][~kept] == 0).all() for name, kept in start.mask.items())
    again = run(checkpoint, tmp_path, recipe=RECIPE, mask=start.mask, moved=start.moved)
    assert same_bits(outcome, again)
    plain = run(checkpoint, tmp_path, recipe=RECIPE, mask=start.mask)
    assert not same_bits(outcome, plain)
