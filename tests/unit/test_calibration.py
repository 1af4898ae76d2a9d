"""Calibration statistics against sums over one sequence at a time, without batches, padding or masks."""

import weakref

import numpy as np
import pytest
import torch

from architectures import ARCHITECTURES, LENGTHS, make_tokens, save_checkpoint
from junkdna.calibration import choose_sequences, collect_statistics, stream_statistics
from junkdna.models import load_classifier, prunable_weights
from junkdna.tokens import Tokens


def by_hand(model, tokens: Tokens) -> dict[str, np.ndarray]:
    """Sums of x x^T in float64 of each layer, from what its forward was called with."""
    sums: dict[str, np.ndarray] = {}
    starts, ends = tokens.offsets[:-1].tolist(), tokens.offsets[1:].tolist()
    names = list(prunable_weights(model, "body"))
    layers = {model.base_model.get_submodule(name.removesuffix(".weight")): name for name in names}
    for start, end in zip(starts, ends, strict=True):
        seen: list = []

        def look(layer, given, out, seen=seen):
            seen.append((layer, given[0]))

        handles = [layer.register_forward_hook(look) for layer in layers]
        with torch.no_grad():
            model.eval()(input_ids=tokens.input_ids[start:end][None].long())
        for handle in handles:
            handle.remove()
        for layer, given in seen:
            if given.shape[-2] == end - start:
                x = given.reshape(end - start, -1).numpy().astype(np.float64)
                sums[layers[layer]] = sums.get(layers[layer], 0) + x.T @ x
    return sums


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_statistics_are_those_of_the_sequences_alone(architecture, tmp_path, monkeypatch):
    save_checkpoint(tmp_path, architecture, tied=False)
    model = load_classifier(tmp_path, num_labels=2, seed=0)
    tokens = make_tokens(pad=1 if architecture == "roberta" else 0)
    if architecture == "roberta":  # its pad token must not occur in a text
        tokens.input_ids[tokens.input_ids == 1] = 2
    # Two or three sequences a batch, so that there is padding.
    monkeypatch.setattr("junkdna.calibration.MAX_TOKENS", 30)
    found = prunable_weights(model, "body")
    expected = by_hand(model, tokens)
    # A budget of one Hessian of the wider layers: several passes.
    statistics = collect_statistics(model, tokens, hessians=True, budget=4 * 40 * 40)
    # DeBERTa's projections of relative positions see no token.
    assert set(found) - set(expected) == {name for name in found if "pos_" in name}
    assert set(statistics) == {f"{kind}:{name}" for name in expected for kind in ("norms", "hessians")}
    for name, hessian in expected.items():
        width = found[name].tensor.shape[found[name].input_dim]
        scale = np.abs(hessian).max()
        assert statistics[f"hessians:{name}"].shape == (width, width)
        np.testing.assert_allclose(statistics[f"hessians:{name}"].numpy() / scale, hessian / scale, atol=1e-5)
        np.testing.assert_allclose(statistics[f"norms:{name}"].numpy(), np.diag(hessian), rtol=1e-4)
    norms = collect_statistics(model, tokens, hessians=False)
    assert set(norms) == {f"norms:{name}" for name in expected}
    for name in expected:
        torch.testing.assert_close(norms[f"norms:{name}"], statistics[f"norms:{name}"], rtol=1e-6, atol=0)


def test_no_more_than_the_budget_is_held(tmp_path):
    """Each total is let go as it is taken: at most one pass's Hessians are alive at a time."""
    save_checkpoint(tmp_path, "bert", tied=False)
    model = load_classifier(tmp_path, num_labels=2, seed=0)
    alive, most = [], 0
    for name, total in stream_statistics(model, make_tokens(pad=0), hessians=True, budget=1):
        if name.startswith("hessians:"):
            alive.append(weakref.ref(total))
        del total
        most = max(most, sum(each() is not None for each in alive))
    assert len(alive) == len(prunable_weights(model, "body")) and most <= 1


def test_padding_would_show(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, "bert", tied=False)
    model = load_classifier(tmp_path, num_labels=2, seed=0)
    alone = collect_statistics(model, make_tokens(pad=0), hessians=False)
    monkeypatch.setattr("junkdna.calibration.MAX_TOKENS", 1)
    one_by_one = collect_statistics(model, make_tokens(pad=0), hessians=False)
    monkeypatch.undo()
    seen = []
    original = torch.nn.functional.linear
    monkeypatch.setattr(
        torch.nn.functional, "linear", lambda x, *rest: (seen.append(x.shape), original(x, *rest))[1]
    )
    collect_statistics(model, make_tokens(pad=0), hessians=False)
    assert seen[0][:2] == (len(LENGTHS), max(LENGTHS)), "all in one padded batch"
    for name, total in alone.items():
        torch.testing.assert_close(total, one_by_one[name], rtol=1e-4, atol=1e-6)


def test_sequences_are_drawn_by_the_seed_and_cut():
    tokens = make_tokens(pad=0)
    few = choose_sequences(tokens, sequences=3, max_length=6, seed=1)
    again = choose_sequences(tokens, sequences=3, max_length=6, seed=1)
    assert torch.equal(few.input_ids, again.input_ids)
    assert (
        len(
            {
                tuple(choose_sequences(tokens, sequences=3, max_length=6, seed=s).example_id.tolist())
                for s in range(8)
            }
        )
        > 1
    )
    for index, place in enumerate(few.example_id.tolist()):
        start = int(tokens.offsets[place])
        length = min(LENGTHS[place], 6)
        got = few.input_ids[few.offsets[index] : few.offsets[index + 1]]
        assert torch.equal(got, tokens.input_ids[start : start + length])
    everything = choose_sequences(tokens, sequences=100, max_length=100, seed=1)
    assert torch.equal(everything.input_ids, tokens.input_ids)
