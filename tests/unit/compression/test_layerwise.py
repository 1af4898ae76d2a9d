"""Masks that look at layers as matrices, against loops in float64 written here from the papers' equations."""

import numpy as np
import pytest
import torch

from architectures import ARCHITECTURES, make_tokens, save_checkpoint
from junkdna.compression.allocation import block_of, erk_allocation, global_counts, owl_allocation
from junkdna.compression.hessian import upper_inverse_factor, with_factors
from junkdna.compression.layerwise import allocate, build_layerwise_mask, shuffle_mask
from junkdna.compression.masks import removed_by, unpack
from junkdna.compression.quantization import QuantSpec
from junkdna.compression.quantize import quantize_weights
from junkdna.compression.scores import SCORES
from junkdna.compression.sparsegpt import prune_sparsegpt
from junkdna.inference.calibration import collect_statistics, stream_statistics
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights, read_body
from junkdna.study.specs import PruneSpec

SHAPES = {"plain": (12, 20), "turned": (20, 12), "odd": (7, 13)}
INPUT_DIMS = {"plain": 1, "turned": 0, "odd": 1}


def spec(score, selection="row", per_mille=0, keep=0, group=0, seed=3, **more) -> PruneSpec:
    return PruneSpec(
        score=score,
        selection=selection,
        scope="body",
        per_mille=per_mille,
        keep=keep,
        group=group,
        seed=seed,
        **more,
    )


def some_layers() -> tuple[dict, dict, dict]:
    """Weights as stored, inputs [inputs, tokens] in float64, and their statistics."""
    draw = np.random.default_rng(0)
    weights, inputs, statistics = {}, {}, {}
    for name, shape in SHAPES.items():
        weights[name] = torch.from_numpy(draw.normal(size=shape).astype(np.float32))
        width = shape[INPUT_DIMS[name]]
        inputs[name] = draw.normal(size=(width, 90)) * draw.gamma(1.0, size=(width, 1))
        statistics[f"norms:{name}"] = torch.from_numpy((inputs[name] ** 2).sum(axis=1)).float()
        hessian = torch.from_numpy(inputs[name] @ inputs[name].T).float()
        statistics[f"factors:{name}"] = upper_inverse_factor(hessian)
    return weights, inputs, statistics


def reference_score(score: str, w: np.ndarray, x: np.ndarray) -> np.ndarray:
    out = np.empty_like(w)
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            norm = np.sqrt(sum(value**2 for value in x[j]))
            if score == "wanda":
                out[i, j] = abs(w[i, j]) * norm
            else:
                column, row = abs(w[:, j]).sum(), abs(w[i, :]).sum()
                out[i, j] = (abs(w[i, j]) / column + abs(w[i, j]) / row) * norm**0.5
    return out


def reference_mask(scores: np.ndarray, what: PruneSpec) -> np.ndarray:
    kept = np.ones_like(scores, dtype=bool)
    rows, columns = scores.shape
    if what.selection == "layer":
        kept.flat[np.argsort(scores, axis=None)[: int(scores.size * what.per_mille / 1000 + 0.5)]] = False
    elif what.selection == "row":
        total = int(scores.size * what.per_mille / 1000 + 0.5)
        ends = [total * row // rows for row in range(rows + 1)]
        for row in range(rows):
            kept[row, np.argsort(scores[row])[: ends[row + 1] - ends[row]]] = False
    else:
        for row in range(rows):
            for start in range(0, columns, what.group):
                part = scores[row, start : start + what.group]
                gone = len(part) * (what.group - what.keep) // what.group
                kept[row, start + np.argsort(part)[:gone]] = False
    return kept


def matrix_of(name: str, stored):
    return stored.T if INPUT_DIMS[name] == 0 else stored


@pytest.mark.parametrize("score", ["wanda", "ria"])
@pytest.mark.parametrize(
    "selection",
    [("row", 500, 0, 0), ("row", 333, 0, 0), ("layer", 700, 0, 0), ("nm", 0, 2, 4), ("nm", 0, 1, 3)],
)
def test_wanda_and_ria_equal_the_float64_reference(score, selection):
    weights, inputs, statistics = some_layers()
    what = spec(score, *selection)
    packed = build_layerwise_mask(weights, INPUT_DIMS, what, statistics)
    for name, weight in weights.items():
        scores = reference_score(score, matrix_of(name, weight.numpy().astype(float)), inputs[name])
        kept = unpack(packed.bits[name], packed.shapes[name]).numpy()
        assert packed.shapes[name] == tuple(weight.shape)
        np.testing.assert_array_equal(matrix_of(name, kept), reference_mask(scores, what))
    assert packed.weights == {}


@pytest.mark.parametrize("score", ["wanda", "ria"])
@pytest.mark.parametrize("per_mille", [1, 333, 500, 999])
def test_scores_of_inputs_are_compared_over_all_layers(score, per_mille):
    weights, inputs, statistics = some_layers()
    packed = build_layerwise_mask(weights, INPUT_DIMS, spec(score, "global", per_mille), statistics)
    scores = {n: reference_score(score, matrix_of(n, w.numpy().astype(float)), inputs[n])
              for n, w in weights.items()}  # fmt: skip
    every = np.sort(np.concatenate([each.ravel() for each in scores.values()]))
    cut = every[(len(every) * per_mille + 500) // 1000] if per_mille else 0
    for name in weights:
        kept = unpack(packed.bits[name], packed.shapes[name]).numpy()
        np.testing.assert_array_equal(matrix_of(name, kept), scores[name] >= cut)


def test_of_equal_scores_over_all_layers_the_first_go():
    scores = {"a": torch.tensor([[1.0, 2.0, 2.0]]), "b": torch.tensor([[2.0, 0.0], [2.0, 3.0]])}
    assert [tuple(global_counts(scores, k).values()) for k in (143, 286, 428, 571, 714, 857)] == [
        (0, 1), (1, 1), (2, 1), (3, 1), (3, 2), (3, 3)
    ]  # fmt: skip


@pytest.mark.parametrize("score", SCORES)
def test_rows_go_with_every_score_that_needs_no_text(score):
    weights, _, _ = some_layers()
    what = spec(score, "row", 400)
    packed = build_layerwise_mask(weights, INPUT_DIMS, what, {})
    for name, weight in weights.items():
        scores = SCORES[score](weight, name=name, seed=3).double().numpy()
        kept = unpack(packed.bits[name], packed.shapes[name]).numpy()
        np.testing.assert_array_equal(matrix_of(name, kept), reference_mask(matrix_of(name, scores), what))


@pytest.mark.parametrize("selection", [("layer", 600, 0, 0), ("nm", 0, 2, 4)])
def test_sparsegpt_is_laid_out_as_the_weights_are(selection):
    weights, _, statistics = some_layers()
    what = spec("sparsegpt", *selection)
    packed = build_layerwise_mask(weights, INPUT_DIMS, what, statistics)
    for name, weight in weights.items():
        kept, moved = prune_sparsegpt(
            matrix_of(name, weight),
            statistics[f"factors:{name}"],
            num_removed=round(weight.numel() * what.per_mille / 1000),
            keep=what.keep,
            group=what.group,
        )
        assert torch.equal(unpack(packed.bits[name], packed.shapes[name]), matrix_of(name, kept))
        assert torch.equal(packed.weights[name], matrix_of(name, moved))
        assert packed.weights[name].shape == weight.shape
        assert (packed.weights[name][~unpack(packed.bits[name], packed.shapes[name])] == 0).all()


@pytest.mark.parametrize(
    ("score", "selection", "kind"),
    [("wanda", "row", "norms"), ("ria", "global", "norms"), ("sparsegpt", "layer", "factors")],
)
def test_statistics_that_lack_a_layer_are_told(score, selection, kind):
    weights, _, statistics = some_layers()
    with pytest.raises(ValueError, match=f"{score} needs the {kind} of every weight, .* lack those of 3"):
        build_layerwise_mask(weights, INPUT_DIMS, spec(score, selection, 500), {})
    # One layer without is no layer that goes by its magnitudes.
    del statistics[f"{kind}:odd"]
    with pytest.raises(ValueError, match=r"lack those of 1 \(odd\)"):
        build_layerwise_mask(weights, INPUT_DIMS, spec(score, selection, 500), statistics)


def test_weights_that_are_no_numbers_have_no_order():
    weights, _, statistics = some_layers()
    weights["odd"][2, 3] = torch.nan
    with pytest.raises(ValueError, match="tensor 'odd'"):
        build_layerwise_mask(weights, INPUT_DIMS, spec("wanda", "row", 500), statistics)


def test_shuffled_rows_keep_as_many_weights_at_other_places():
    weights, _, statistics = some_layers()
    original = build_layerwise_mask(weights, INPUT_DIMS, spec("wanda", "layer", 500), statistics)
    mask = {name: unpack(bits, original.shapes[name]) for name, bits in original.bits.items()}
    first, again, other = (shuffle_mask(mask, INPUT_DIMS, seed) for seed in (1, 1, 2))
    for name, kept in mask.items():
        shuffled = unpack(first.bits[name], first.shapes[name])
        assert torch.equal(first.bits[name], again.bits[name])
        assert not torch.equal(first.bits[name], other.bits[name]) and not torch.equal(shuffled, kept)
        assert torch.equal(matrix_of(name, shuffled).sum(dim=1), matrix_of(name, kept).sum(dim=1))
    places = torch.stack([
        matrix_of("plain", unpack(shuffle_mask(mask, INPUT_DIMS, seed).bits["plain"], SHAPES["plain"]))
        for seed in range(300)
    ])  # fmt: skip
    share = places.float().mean(dim=0) - matrix_of("plain", mask["plain"]).float().mean(dim=1, keepdim=True)
    assert share.abs().max() < 5 * 0.5 / 300**0.5, "every place of a row is as likely"


def test_erk_keeps_shares_in_proportion_and_never_more_than_all():
    shapes = {"wide": (100, 400), "square": (200, 200), "small": (4, 5)}
    removed = erk_allocation(shapes, 900)
    sizes = {name: a * b for name, (a, b) in shapes.items()}
    assert removed["small"] == 0 and sum(removed.values()) == (sum(sizes.values()) * 900 + 500) // 1000
    density = {name: 1 - removed[name] / sizes[name] for name in sizes}
    expected = (500 / 40000) / (400 / 40000)
    assert density["wide"] / density["square"] == pytest.approx(expected, rel=1e-3)


def test_owl_spares_the_blocks_with_outliers():
    draw = np.random.default_rng(1)
    scores = {}
    for block in range(4):
        for part in ("query", "key"):
            values = np.abs(draw.normal(size=(40, 50)))
            values.flat[: 20 * block] = 50.0
            scores[f"layer.{block}.{part}"] = torch.from_numpy(values).float()
    removed = owl_allocation(scores, 700)
    ratios = []
    for block in range(4):
        both = np.concatenate([scores[f"layer.{block}.{part}"].numpy().ravel() for part in ("query", "key")])
        ratios.append((both > 5 * both.mean()).mean())
    scaled = (np.array(ratios) - min(ratios)) / (max(ratios) - min(ratios)) * 0.16
    expected = 0.7 - (scaled - scaled.mean())
    for name, gone in removed.items():
        assert gone / 2000 == pytest.approx(expected[int(name.split(".")[1])], abs=1e-3)
    assert sum(removed.values()) == 11200
    tight = owl_allocation(scores, 20)
    assert sum(tight.values()) == 320 and all(0 <= gone <= 2000 for gone in tight.values())
    assert block_of("decoder.block.3.layer.1.q.weight") == "decoder.block.3" and block_of("a.b") == "a.b"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_method_takes_every_architecture(architecture, tmp_path):
    save_checkpoint(tmp_path, architecture, tied=False)
    model = load_classifier(tmp_path, num_labels=2, seed=0)
    statistics = dict(with_factors(stream_statistics(model, make_tokens(pad=0), hessians=True)))
    found = prunable_weights(model, "body")
    weights = {name: weight.tensor.detach() for name, weight in found.items()}
    dims = {name: weight.input_dim for name, weight in found.items()}
    size = sum(weight.numel() for weight in weights.values())
    for score in ("wanda", "ria", "sparsegpt"):
        what = spec(score, "layer" if score == "sparsegpt" else "row", 500)
        packed = build_layerwise_mask(weights, dims, what, statistics)
        mask = {name: unpack(packed.bits[name], packed.shapes[name]) for name in weights}
        assert sum(removed_by(mask).values()) == size // 2
    for allocation in ("owl", "erk"):
        for score, selection in (("wanda", "row"), ("sparsegpt", "layer")):
            what = spec(score, selection, 500, allocation=allocation)
            counts = allocate(weights, dims, what, statistics)
            packed = build_layerwise_mask(weights, dims, what, statistics, counts)
            mask = {name: unpack(packed.bits[name], packed.shapes[name]) for name in weights}
            assert removed_by(mask) == counts and sum(counts.values()) == size // 2


def test_masks_and_codes_come_from_the_statistics_without_the_model(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, "bert", tied=False)
    model = load_classifier(tmp_path, 2, 0)
    statistics = dict(with_factors(stream_statistics(model, make_tokens(pad=0), hessians=True)))

    def refuse(*_, **__):
        raise AssertionError("the model ran")

    monkeypatch.setattr(torch.nn.Linear, "forward", refuse)
    with pytest.raises(AssertionError, match="the model ran"):
        collect_statistics(load_classifier(tmp_path, 2, 0), make_tokens(pad=0), hessians=False)
    body = read_body(tmp_path)
    weights = {name: weight.tensor for name, weight in body.items()}
    dims = {name: weight.input_dim for name, weight in body.items()}
    for score, selection in (("wanda", "row"), ("ria", "global"), ("sparsegpt", "layer")):
        for per_mille in (300, 600):
            packed = build_layerwise_mask(weights, dims, spec(score, selection, per_mille), statistics)
            assert packed.bits.keys() == weights.keys()
    what = QuantSpec(method="gptq", bits=3, group=0, symmetric=True)
    assert quantize_weights(weights, dims, what, statistics).keys() == weights.keys()
