"""GPTQ and SparseGPT against float64 references that follow the papers' equations column by column."""

import numpy as np
import pytest
import torch

from junkdna.compression.gptq import quantize_gptq
from junkdna.compression.hessian import split_factor, upper_inverse_factor, with_factors
from junkdna.compression.quantization import QuantSpec, dequantize, quantize_rtn
from junkdna.compression.sparsegpt import prune_sparsegpt

DAMPING = 0.01


def layer(rows: int, columns: int, inputs: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights and correlated inputs [columns, n], in float64 numbers that float32 holds."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(columns, columns)) / np.sqrt(columns) + np.eye(columns)
    x = mixing @ rng.normal(size=(columns, inputs)) * rng.gamma(2.0, size=(columns, 1))
    return torch.from_numpy(rng.normal(size=(rows, columns)).astype(np.float32)), torch.from_numpy(x)


def damped(hessian: np.ndarray) -> np.ndarray:
    hessian = hessian.copy()
    dead = np.diag(hessian) == 0
    hessian[dead, dead] = 1
    return hessian + DAMPING * np.diag(hessian).mean() * np.eye(len(hessian))


def optimal_update(weight: np.ndarray, hessian: np.ndarray, column: int, target: np.ndarray) -> None:
    """Fix a column at `target` and move the later ones as optimal brain surgery does (no Cholesky, no block).

    dw = - (w_j - target) / [H_F^-1]_jj * [H_F^-1]_j: with the inverse over the columns that are still free.
    """
    inverse = np.linalg.inv(hessian[column:, column:])
    error = (weight[:, column] - target) / inverse[0, 0]
    weight[:, column:] -= error[:, None] * inverse[0]


def rtn_grid(values: np.ndarray, bits: int, symmetric: bool) -> tuple[np.ndarray, np.ndarray]:
    if symmetric:
        scale = np.abs(values).max(axis=1) / (2 ** (bits - 1) - 1)
        zero = np.full(len(values), 2.0 ** (bits - 1))
        scale = scale.astype(np.float16).astype(float)
    else:
        low, high = np.minimum(values.min(axis=1), 0), np.maximum(values.max(axis=1), 0)
        scale = ((high - low) / (2**bits - 1)).astype(np.float16).astype(float)
        zero = np.clip(np.round(-low / scale), 0, 2**bits - 1)
    return scale, zero


def reference_gptq(weight: np.ndarray, hessian: np.ndarray, spec: QuantSpec) -> np.ndarray:
    weight, hessian = weight.copy(), damped(hessian)
    out, given = np.empty_like(weight), weight.copy()
    size = spec.group or weight.shape[1]
    for column in range(weight.shape[1]):
        if column % size == 0:
            # The grid of a group is that of the weights as they were, as far as others have moved by now.
            scale, zero = rtn_grid(given[:, column : column + size], spec.bits, spec.symmetric)
        low = 1 if spec.symmetric else 0
        codes = np.clip(np.round(weight[:, column] / scale) + zero, low, 2**spec.bits - 1)
        out[:, column] = (codes - zero) * scale
        optimal_update(weight, hessian, column, out[:, column])
    return out


def reference_sparsegpt(weight: np.ndarray, hessian: np.ndarray, *, share=0.0, keep=0, group=0, block=128):
    weight, hessian = weight.copy(), damped(hessian)
    rows, columns = weight.shape
    kept = np.ones_like(weight, dtype=bool)
    remaining = np.array([np.linalg.inv(hessian[j:, j:])[0, 0] for j in range(columns)])
    for column in range(columns):
        step = group or block
        if column % step == 0:
            end = min(column + step, columns)
            scores = weight[:, column:end] ** 2 / remaining[column:end]
            if group:
                removed = np.argsort(scores, axis=1)[:, : group - keep]
                np.put_along_axis(kept[:, column:end], removed, False, axis=1)
            else:
                order = np.argsort(scores, axis=None)[: round(share * scores.size)]
                block_mask = np.ones(scores.size, dtype=bool)
                block_mask[order] = False
                kept[:, column:end] = block_mask.reshape(scores.shape)
        target = np.where(kept[:, column], weight[:, column], 0.0)
        optimal_update(weight, hessian, column, target)
    return kept, weight * kept


def factor_of(x: torch.Tensor) -> torch.Tensor:
    return upper_inverse_factor((x @ x.T).float(), DAMPING)


def output_error(weight: torch.Tensor, new: torch.Tensor, x: torch.Tensor) -> float:
    return float(((new.double() - weight.double()) @ x).square().sum())


def test_the_factor_holds_the_inverse_of_every_remaining_block():
    _, x = layer(1, 12, 40)
    hessian = (x @ x.T).numpy()
    factor = upper_inverse_factor(torch.from_numpy(hessian), DAMPING)
    assert not split_factor(factor)[1].any()
    for j in range(12):
        inverse = np.linalg.inv(damped(hessian)[j:, j:])
        assert float(factor[j, j] ** 2) == pytest.approx(inverse[0, 0], rel=1e-4)
        np.testing.assert_allclose(
            factor[j, j:] / factor[j, j], inverse[0] / inverse[0, 0], rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize(
    ("group", "symmetric"), [(0, True), (0, False), (16, True), (16, False), (100, False)]
)
def test_gptq_follows_the_reference(bits, group, symmetric):
    weight, x = layer(24, 200, 400, seed=bits)
    spec = QuantSpec(method="gptq", bits=bits, group=group, symmetric=symmetric)
    made = dequantize(quantize_gptq(weight, factor_of(x), spec), group).double()
    expected = reference_gptq(weight.double().numpy(), (x @ x.T).numpy(), spec)
    # A value within rounding error of the middle of two codes may go either way, and then the rest of its row.
    same = np.isclose(made.numpy(), expected, rtol=1e-4, atol=1e-6)
    assert same.all(axis=1).mean() >= 0.75
    assert same.mean() >= 0.95


@pytest.mark.parametrize(("columns", "group"), [(200, 16), (300, 64), (300, 128), (200, 0)])
@pytest.mark.parametrize("symmetric", [False, True])
def test_grids_are_those_of_the_weights_as_they_were(columns, group, symmetric):
    weight, x = layer(24, columns, 600)
    spec = QuantSpec(method="gptq", bits=2, group=group, symmetric=symmetric)
    made, plain = quantize_gptq(weight, factor_of(x), spec), quantize_rtn(weight, spec)
    assert torch.equal(made.scales, plain.scales) and torch.equal(made.zeros, plain.zeros)
    assert not torch.equal(made.codes, plain.codes)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_unstructured_sparsegpt_follows_the_reference(share):
    weight, x = layer(16, 256, 600, seed=round(100 * share))
    num_removed = round(weight.numel() * share)
    kept, new = prune_sparsegpt(weight, factor_of(x), num_removed=num_removed)
    expected_kept, expected = reference_sparsegpt(weight.double().numpy(), (x @ x.T).numpy(), share=share)
    assert (kept.numpy() == expected_kept).mean() >= 0.999
    rows = (kept.numpy() == expected_kept).all(axis=1)
    assert rows.mean() >= 0.8
    np.testing.assert_allclose(new.numpy()[rows], expected[rows], rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize(("keep", "group"), [(2, 4), (4, 8), (1, 8), (3, 7)])
def test_structured_sparsegpt_follows_the_reference(keep, group):
    weight, x = layer(16, 28 * 8, 600, seed=group)
    kept, new = prune_sparsegpt(weight, factor_of(x), keep=keep, group=group)
    expected_kept, expected = reference_sparsegpt(
        weight.double().numpy(), (x @ x.T).numpy(), keep=keep, group=group
    )
    assert (kept.view(16, -1, group).sum(dim=2) == keep).all()
    rows = (kept.numpy() == expected_kept).all(axis=1)
    assert rows.mean() >= 0.8
    np.testing.assert_allclose(new.numpy()[rows], expected[rows], rtol=2e-3, atol=2e-4)


def test_sparsity_is_exact_over_blocks_of_any_width():
    weight, x = layer(7, 300, 500)
    kept, new = prune_sparsegpt(weight, factor_of(x), num_removed=701)
    assert int((~kept).sum()) == 701
    assert (new[~kept] == 0).all()


@pytest.mark.parametrize(("columns", "keep", "group"), [(30, 2, 4), (131, 2, 4), (259, 1, 8), (5, 3, 7)])
def test_a_shorter_last_group_keeps_its_share_rounded_up(columns, keep, group):
    weight, x = layer(9, columns, 4 * columns)
    kept, new = prune_sparsegpt(weight, factor_of(x), keep=keep, group=group)
    for start in range(0, columns, group):
        size = min(group, columns - start)
        assert (kept[:, start : start + group].sum(dim=1) == -(-size * keep // group)).all()
    assert (new[~kept] == 0).all() and new.isfinite().all()


def test_second_order_methods_disturb_the_output_less():
    weight, x = layer(64, 256, 1000)
    factor = factor_of(x)
    for bits in (3, 4, 6):
        spec = QuantSpec(method="rtn", bits=bits, group=64, symmetric=False)
        gptq = dequantize(quantize_gptq(weight, factor, spec), 64)
        assert output_error(weight, gptq, x) < output_error(
            weight, dequantize(quantize_rtn(weight, spec), 64), x
        )
    norms = x.square().sum(dim=1).sqrt().float()
    errors = []
    for scores in (weight.abs(), weight.abs() * norms):
        lowest = scores.argsort(dim=1)[:, :128]
        errors.append(output_error(weight, weight.scatter(1, lowest, 0.0), x))
    _, pruned = prune_sparsegpt(weight, factor, num_removed=64 * 128)
    assert output_error(weight, pruned, x) < errors[1] < errors[0]


def test_a_dead_input_is_pruned_and_few_inputs_are_told():
    weight, x = layer(8, 32, 200)
    x[5] = 0
    kept, new = prune_sparsegpt(weight, factor_of(x), keep=2, group=4)
    assert not kept[:, 5].any() and new.isfinite().all()
    asymmetric = QuantSpec(method="gptq", bits=4, group=0, symmetric=False)
    assert (dequantize(quantize_gptq(weight, factor_of(x), asymmetric), 0)[:, 5] == 0).all()
    few = layer(8, 32, 3)[1]
    with pytest.raises(ValueError, match="more calibration sequences"):
        upper_inverse_factor(-(few @ few.T))


def test_factors_take_the_place_of_hessians_as_they_come():
    _, x = layer(1, 12, 40)
    hessian = (x @ x.T).float()
    given = {"norms:a.weight": hessian.diagonal(), "hessians:a.weight": hessian}
    found = dict(with_factors(given.items()))
    assert list(found) == ["norms:a.weight", "factors:a.weight"]
    assert torch.equal(found["norms:a.weight"], hessian.diagonal())
    assert torch.equal(found["factors:a.weight"], upper_inverse_factor(hessian))
