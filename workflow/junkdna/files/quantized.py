"""Files of quantized weights: codes as a stream of bits, scales and zeros as safetensors, and what they are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from junkdna.compression.quantization import (
    Quantized,
    QuantSpec,
    as_matrix,
    dequantize,
    mean_bits,
    pack_codes,
    unpack_codes,
)
from junkdna.files.artifacts import OnDemand, open_tensors, read_metadata, write_tensors


def write_quantized(
    path: str | Path,
    quantized: Mapping[str, Quantized],
    input_dims: Mapping[str, int],
    spec: QuantSpec,
    *,
    code: str,
    unseen: Sequence[str] = (),
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write quantized weights. input_dims: see `quantize_weights`. code: digest of the code that made them.

    about: what else the file says of how it was made.

    Tensors: `codes:<name>` (see `pack_codes`), `scales:<name>` float16 [rows, groups] and, for an asymmetric
    grid, `zeros:<name>`, packed as the codes are; `codebook` once, where codes are not evenly spaced.
    Metadata: `spec`, `shapes` (of the matrices, in the order of the model) and `input_dims` are JSON,
    `effective_bits` is a number; `unseen`, only where there are any, is a JSON list of the experts that no
    calibration token came to (see `junkdna.inference.calibration`).
    """
    tensors = {}
    for name, each in quantized.items():
        tensors[f"codes:{name}"] = pack_codes(each.codes, spec.bits)
        tensors[f"scales:{name}"] = each.scales.cpu()
        if each.codebook is not None:
            tensors["codebook"] = each.codebook.cpu()
        if not spec.symmetric:
            tensors[f"zeros:{name}"] = pack_codes(each.zeros, spec.bits)
    shapes = {name: tuple(each.codes.shape) for name, each in quantized.items()}
    metadata = {
        **(about or {}),
        "spec": json.dumps(asdict(spec)),
        "shapes": json.dumps(shapes),
        "input_dims": json.dumps({name: input_dims[name] for name in quantized}),
        "effective_bits": repr(mean_bits(shapes, spec)),
        "code": code,
    }
    if unseen:
        metadata["unseen"] = json.dumps(list(unseen))
    write_tensors(path, tensors, metadata)


def read_quantized(path: str | Path) -> dict[str, Quantized]:
    """Read what `write_quantized` wrote: codes, scales and zeros of each matrix [outputs, inputs]."""
    return dict(open_quantized(path))


def open_quantized(path: str | Path) -> Mapping[str, Quantized]:
    """As `read_quantized`, matrix by matrix as each is asked for: a code takes a byte once it is unpacked."""
    metadata, tensors = read_metadata(path), open_tensors(path)
    spec, codebook = QuantSpec(**json.loads(metadata["spec"])), tensors.get("codebook")
    middle = 2 ** (spec.bits - 1) if codebook is None else int(codebook.abs().argmin())
    shapes = json.loads(metadata["shapes"])

    def read(name: str) -> Quantized:
        scales = tensors[f"scales:{name}"]
        if spec.symmetric:
            zeros = torch.full_like(scales, middle, dtype=torch.uint8)
        else:
            zeros = unpack_codes(tensors[f"zeros:{name}"], spec.bits, tuple(scales.shape))
        codes = unpack_codes(tensors[f"codes:{name}"], spec.bits, tuple(shapes[name]))
        return Quantized(codes, scales, zeros, codebook)

    return OnDemand(shapes, read)


def read_dequantized(path: str | Path) -> dict[str, Tensor]:
    """Read the weights that the codes stand for, float32, each in the shape that the model gives it."""
    metadata = read_metadata(path)
    group, dims = json.loads(metadata["spec"])["group"], json.loads(metadata["input_dims"])
    return {
        name: as_matrix(dequantize(each, group), dims[name]).contiguous()
        for name, each in open_quantized(path).items()
    }


def read_unseen(path: str | Path) -> list[str]:
    """Read which weights of calibration statistics are of experts that saw no token."""
    with safe_open(path, "pt") as tensors:
        names = tensors.keys()
    return sorted(name.removeprefix("unseen:") for name in names if name.startswith("unseen:"))
