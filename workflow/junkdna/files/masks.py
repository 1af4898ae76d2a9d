"""Mask files: one bit a weight as safetensors, with all that says what they are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from junkdna.compression.masks import PackedMask, measure_sparsity, unpack
from junkdna.files.artifacts import OnDemand, open_tensors, read_metadata, write_tensors
from junkdna.study.specs import PruneSpec


def write_mask(
    path: str | Path,
    mask: PackedMask,
    spec: PruneSpec,
    *,
    code: str,
    unseen: Sequence[str] = (),
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write a mask; `code` is the digest of the code that made it, `about` what else it says of how it was made.

    Metadata: `spec`, `shapes`, `tensor_sparsity` and `threshold` are JSON, `sparsity` is a number, the share
    of weights removed; `shapes` has the tensors in the order of the model. New values of the weights, if the
    mask comes with any, are the tensors `weights:<name>`. `unseen`, only where there are any, is a JSON list of the
    experts that no calibration token came to (see `junkdna.inference.calibration`).
    """
    sparsity, tensor_sparsity = measure_sparsity(mask)
    metadata = {
        **(about or {}),
        "spec": json.dumps(asdict(spec)),
        "shapes": json.dumps(mask.shapes),
        "sparsity": repr(sparsity),
        "tensor_sparsity": json.dumps(tensor_sparsity),
        "threshold": json.dumps(mask.threshold),
        "code": code,
    }
    if unseen:
        metadata["unseen"] = json.dumps(list(unseen))
    moved = {f"weights:{name}": weight for name, weight in mask.weights.items()}
    write_tensors(path, mask.bits | moved, metadata)


def read_mask(path: str | Path) -> dict[str, Tensor]:
    """Read a mask as booleans of the weights' shapes, tensors in the order of the model."""
    return dict(open_mask(path)[0])


def open_mask(path: str | Path) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    """A mask, and the new values of the weights that come with it (none, if its method moves none).

    Both are read tensor by tensor as they are asked for: whole, they take more memory than the weights themselves.
    """
    mark = "weights:"
    tensors, shapes = open_tensors(path), json.loads(read_metadata(path)["shapes"])
    moved = [name.removeprefix(mark) for name in tensors if name.startswith(mark)]
    return (
        OnDemand(shapes, lambda name: unpack(tensors[name], tuple(shapes[name]))),
        OnDemand(moved, lambda name: tensors[f"{mark}{name}"]),
    )
