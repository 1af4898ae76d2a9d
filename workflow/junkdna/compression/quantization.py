"""Quantized weights: uniform grids, codes, and back (round to nearest, RTN).

Everything works on matrices [rows, columns] whose columns run along the inputs of the layer. A grid belongs
to a group of consecutive columns of one row; group size 0 means the whole row. With a scale s and a zero z,
code c stands for the weight s (c - z); where values are not evenly spaced, for s times the c-th of a codebook.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from junkdna.study.specs import QUANTIZERS, SCALE_BITS


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantSpec:
    """bits: 2 to 8. group: columns that share a grid, 0 for the whole row. symmetric: zero is the middle code.

    method: `rtn` (round to nearest), `gptq`, or `nf4` (see `junkdna.compression.nf4`; counts as symmetric, for it
    keeps no zero beside a scale).
    """

    method: str
    bits: int
    group: int
    symmetric: bool

    def __post_init__(self) -> None:
        assert self.method in QUANTIZERS and 2 <= self.bits <= 8 and self.group >= 0, self
        assert self.method != "nf4" or (self.bits == 4 and self.group and self.symmetric), self

    @classmethod
    def from_mapping(cls, recipe: Mapping[str, Any]) -> Self:
        """The spec in an expanded recipe of method `quantize`, whose key for the method is `quantizer`."""
        held = {"symmetric": True, **recipe}
        return cls(method=recipe["quantizer"], **{key: held[key] for key in ("bits", "group", "symmetric")})


@dataclass(frozen=True, slots=True)
class Quantized:
    """codes: uint8 [rows, columns]. scales: float16 [rows, groups]. zeros: uint8 [rows, groups], codes of 0.

    codebook: float32 [2^bits], the values of the codes before scaling; None where they are evenly spaced.
    """

    codes: Tensor
    scales: Tensor
    zeros: Tensor
    codebook: Tensor | None = None


def fit_grid(weight: Tensor, bits: int, *, symmetric: bool) -> tuple[Tensor, Tensor]:
    """Fit one grid to each row of `weight` [rows, columns]: scales float16 [rows], zeros uint8 [rows].

    Symmetric: s = max|w| / (2^(b-1) - 1), and the codes -(2^(b-1) - 1) ... 2^(b-1) - 1 are stored shifted by
    2^(b-1), so that the weight 0 is a code. Asymmetric: s = (max - min) / (2^b - 1) over the row and 0, so
    that 0 is a code here too. Scales are kept in half precision, as packed formats do; codes are made with the scale
    as it is kept. A row without a scale (all zeros, or less than half precision resolves) gets 1.
    """
    weight = weight.float()
    if symmetric:
        scale = weight.abs().amax(dim=1) / (2 ** (bits - 1) - 1)
    else:
        low, high = weight.amin(dim=1).clamp(max=0), weight.amax(dim=1).clamp(min=0)
        scale = (high - low) / (2**bits - 1)
    scale = scale.half()
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    if symmetric:
        return scale, torch.full_like(scale, 2 ** (bits - 1), dtype=torch.uint8)
    zero = (-low / scale.float()).round().clamp(0, 2**bits - 1)
    return scale, zero.to(torch.uint8)


def encode(weight: Tensor, scale: Tensor, zero: Tensor, bits: int, *, symmetric: bool) -> Tensor:
    """Round weights [rows, columns] to the codes of their rows' grids [rows], uint8."""
    return _rounded(weight.float(), scale.float()[:, None], zero.float()[:, None], bits, symmetric).to(
        torch.uint8
    )


def _rounded(weight: Tensor, scale: Tensor, zero: Tensor, bits: int, symmetric: bool) -> Tensor:
    lowest = 1 if symmetric else 0  # The symmetric grid has no partner for the code 0.
    return (weight / scale).round_().add_(zero).clamp_(lowest, 2**bits - 1)


def decode(codes: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """Turn codes [rows, columns] back to weights, float32."""
    return (codes.float() - zero.float()[:, None]) * scale.float()[:, None]


def quantize_rtn(weight: Tensor, spec: QuantSpec) -> Quantized:
    """Round every weight to the nearest value of its grid; the last group may be shorter."""
    rows, columns = weight.shape
    size = spec.group or columns
    codes = torch.empty(rows, columns, dtype=torch.uint8, device=weight.device)
    grids = []
    for start in range(0, columns, size):
        part = weight[:, start : start + size]
        scale, zero = fit_grid(part, spec.bits, symmetric=spec.symmetric)
        codes[:, start : start + size] = encode(part, scale, zero, spec.bits, symmetric=spec.symmetric)
        grids.append((scale, zero))
    scales, zeros = (torch.stack(values, dim=1) for values in zip(*grids, strict=True))
    return Quantized(codes, scales, zeros)


def dequantize(quantized: Quantized, group: int) -> Tensor:
    """Return the weights that the codes stand for, float32 [rows, columns]."""
    columns, codebook = quantized.codes.shape[1], quantized.codebook
    scales, zeros = quantized.scales.float()[..., None], quantized.zeros.float()[..., None]
    made = quantized.codes.float() if codebook is None else codebook[quantized.codes.int()]
    # In place, group by group: memory that is touched for the first time costs more than the arithmetic.
    size = group or columns
    whole = columns - columns % size
    for start, end, width in ((0, whole, size), (whole, columns, columns - whole)):
        if width and end > start:
            part, of = made[:, start:end].unflatten(1, (-1, width)), slice(start // size, -(-end // size))
            if codebook is None:
                part.sub_(zeros[:, of])
            part.mul_(scales[:, of])
    return made


def fake_quantize(weight: Tensor, spec: QuantSpec) -> Tensor:
    """Round every weight to the nearest value of its grid, float32: `dequantize` of `quantize_rtn`, bit for bit.

    It makes no codes, so a weight that is no number stays one, and its whole group becomes one.
    """
    rows, columns = weight.shape
    size = spec.group or columns
    whole = columns - columns % size
    made = torch.empty(rows, columns, device=weight.device)
    for part, width in ((slice(0, whole), size), (slice(whole, columns), columns - whole)):
        if width:
            groups = weight[:, part].float().reshape(-1, width)
            scale, zero = fit_grid(groups, spec.bits, symmetric=spec.symmetric)
            scale, zero = scale.float()[:, None], zero.float()[:, None]
            codes = _rounded(groups, scale, zero, spec.bits, spec.symmetric)
            made[:, part] = codes.sub_(zero).mul_(scale).view(rows, -1)
    return made


def snap(weight: Tensor, grids: Quantized, spec: QuantSpec) -> Tensor:
    """Round weights [rows, columns] to the nearest values of grids that were fitted before, float32."""
    scales, zeros = (per_column(each, weight.shape[1], spec.group) for each in (grids.scales, grids.zeros))
    return _rounded(weight.float(), scales, zeros, spec.bits, spec.symmetric).sub_(zeros).mul_(scales)


def per_column(values: Tensor, columns: int, group: int) -> Tensor:
    """What each column of a row has of the `values` [rows, groups] of its groups, float32 [rows, columns]."""
    return values.float()[:, torch.arange(columns, device=values.device) // (group or columns)]


def effective_bits(columns: int, spec: QuantSpec) -> float:
    """Bits that a weight of a row of `columns` takes, with its share of the scale and, if any, the zero."""
    groups = -(-columns // (spec.group or columns))
    return spec.bits + groups * (SCALE_BITS + (0 if spec.symmetric else spec.bits)) / columns


def mean_bits(shapes: Mapping[str, tuple[int, ...]], spec: QuantSpec) -> float:
    """Bits that a weight takes on average over matrices [outputs, inputs], scales and zeros included."""
    bits = sum(prod(shape) * effective_bits(shape[1], spec) for shape in shapes.values())
    return bits / sum(prod(shape) for shape in shapes.values())


def pack_codes(codes: Tensor, bits: int) -> Tensor:
    """Pack codes < 2^bits into a stream of bits, uint8 [(number of codes * bits + 7) // 8], lowest bit first."""
    flat = codes.cpu().numpy().ravel()
    planes = (flat[:, None] >> np.arange(bits, dtype=np.uint8)) & 1
    return torch.from_numpy(np.packbits(planes.ravel(), bitorder="little"))


def unpack_codes(packed: Tensor, bits: int, shape: tuple[int, ...]) -> Tensor:
    """Undo `pack_codes`: uint8 of this shape."""
    size, mask = int(np.prod(shape, dtype=np.int64)), 2**bits - 1
    if 8 % bits == 0:
        # A byte holds whole codes: look them up, all of a byte at once.
        table = (np.arange(256)[:, None] >> np.arange(0, 8, bits)) & mask
        codes = np.take(table.astype(np.uint8).view(f"u{8 // bits}").ravel(), packed.numpy()).view(np.uint8)
    else:
        # Eight codes fill `bits` bytes: as many bytes of a 64-bit word.
        words = np.zeros((-(-packed.numel() // bits), 8), np.uint8)
        padded = np.zeros(len(words) * bits, np.uint8)
        padded[: packed.numel()] = packed.numpy()
        words[:, :bits] = padded.reshape(-1, bits)
        codes = np.empty((len(words), 8), np.uint8)
        for place in range(8):
            codes[:, place] = (words.view("<u8")[:, 0] >> np.uint64(place * bits)) & np.uint64(mask)
    return torch.from_numpy(codes.ravel()[:size]).view(*shape)


def as_matrix(weight: Tensor, input_dim: int) -> Tensor:
    """A view of a weight as [outputs, inputs], or back."""
    return weight if input_dim == 1 else weight.t()
