"""Round to nearest: grids, codes, packing, against loops written here."""

import numpy as np
import pytest
import torch

from junkdna.compression.quantization import (
    QuantSpec,
    decode,
    dequantize,
    effective_bits,
    encode,
    fake_quantize,
    fit_grid,
    pack_codes,
    quantize_rtn,
    snap,
    unpack_codes,
)

CASES = [
    (bits, group, symmetric)
    for bits in (2, 3, 4, 5, 8)
    for group in (0, 32, 50)
    for symmetric in (True, False)
]


def matrix(rows: int = 6, columns: int = 96, seed: int = 0) -> torch.Tensor:
    weight = np.random.default_rng(seed).normal(size=(rows, columns)) * np.arange(1, rows + 1)[:, None]
    return torch.from_numpy(weight.astype(np.float32))


def nearest(values: np.ndarray, bits: int, symmetric: bool) -> np.ndarray:
    """Of all values of the grid the nearest, by trying each."""
    if symmetric:
        scale = float(np.float16(np.float32(np.abs(values).max()) / np.float32(2 ** (bits - 1) - 1)))
        grid = scale * np.arange(-(2 ** (bits - 1) - 1), 2 ** (bits - 1))
    else:
        low, high = min(values.min(), 0), max(values.max(), 0)
        scale = float(np.float16(np.float32(high - low) / np.float32(2**bits - 1)))
        grid = scale * (np.arange(2**bits) - np.round(-low / scale))
    return grid[np.abs(values[:, None] - grid).argmin(axis=1)]


@pytest.mark.parametrize(("bits", "group", "symmetric"), CASES)
def test_every_weight_goes_to_the_nearest_value_of_its_grid(bits, group, symmetric):
    weight = matrix()
    made = dequantize(
        quantize_rtn(weight, QuantSpec(method="rtn", bits=bits, group=group, symmetric=symmetric)), group
    )
    size = group or weight.shape[1]
    for row, new in zip(weight.double().numpy(), made.double().numpy(), strict=True):
        for start in range(0, weight.shape[1], size):
            part = slice(start, start + size)
            expected = nearest(row[part], bits, symmetric)
            distance, least = np.abs(new[part] - row[part]), np.abs(expected - row[part])
            np.testing.assert_allclose(distance, least, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("bits", "group", "symmetric"), CASES)
def test_codes_fit_their_bits_and_come_back_from_the_pack(bits, group, symmetric):
    spec = QuantSpec(method="rtn", bits=bits, group=group, symmetric=symmetric)
    quantized = quantize_rtn(matrix(), spec)
    assert int(quantized.codes.max()) < 2**bits
    packed = pack_codes(quantized.codes, bits)
    assert len(packed) == (quantized.codes.numel() * bits + 7) // 8
    assert torch.equal(unpack_codes(packed, bits, tuple(quantized.codes.shape)), quantized.codes)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_quantizing_twice_changes_nothing(bits, symmetric):
    weight = matrix()
    scale, zero = fit_grid(weight, bits, symmetric=symmetric)
    codes = encode(weight, scale, zero, bits, symmetric=symmetric)
    once = decode(codes, scale, zero)
    assert torch.equal(encode(once, scale, zero, bits, symmetric=symmetric), codes)
    assert torch.equal(decode(encode(once, scale, zero, bits, symmetric=symmetric), scale, zero), once)


def test_zero_stays_zero_and_an_empty_row_has_a_grid():
    weight = torch.tensor([[0.0, 0.5, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0], [-3.0, 0.0, -1.0, -2.0]])
    for symmetric in (True, False):
        made = dequantize(
            quantize_rtn(weight, QuantSpec(method="rtn", bits=3, group=0, symmetric=symmetric)), 0
        )
        assert (made[weight == 0] == 0).all() and made.isfinite().all()


def test_effective_bits_count_scales_and_zeros():
    assert effective_bits(256, QuantSpec(method="rtn", bits=4, group=64, symmetric=True)) == 4 + 16 / 64
    assert effective_bits(256, QuantSpec(method="rtn", bits=4, group=64, symmetric=False)) == 4 + 20 / 64
    assert effective_bits(100, QuantSpec(method="rtn", bits=3, group=64, symmetric=True)) == 3 + 2 * 16 / 100
    assert effective_bits(128, QuantSpec(method="gptq", bits=2, group=0, symmetric=False)) == 2 + 18 / 128


@pytest.mark.parametrize(("bits", "group", "symmetric"), CASES)
def test_weights_rounded_without_codes_are_those_of_the_codes(bits, group, symmetric):
    spec = QuantSpec(method="rtn", bits=bits, group=group, symmetric=symmetric)
    weight = matrix()
    quantized = quantize_rtn(weight, spec)
    made = fake_quantize(weight, spec)
    assert torch.equal(made, dequantize(quantized, group))
    # On grids that were fitted before, the nearest values are the same, and stay where they are.
    assert torch.equal(snap(weight, quantized, spec), made)
    assert torch.equal(snap(made, quantized, spec), made)


def test_a_weight_that_is_no_number_stays_none():
    spec = QuantSpec(method="rtn", bits=4, group=32, symmetric=True)
    weight = matrix()
    weight[2, 40] = float("nan")
    made = fake_quantize(weight, spec)
    assert made[2, 32:64].isnan().any() and made.isfinite().sum() >= made.numel() - 32
