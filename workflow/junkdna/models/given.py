"""A model that someone else compressed, held against the checkpoint that it was made from."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from junkdna.compression.compressed import Given
from junkdna.models.footprint import pruned_bits
from junkdna.models.prunable import read_body
from junkdna.study.specs import WEIGHT_BITS


def measure_given(checkpoint: Path, folder: Path, bits: int = 0) -> dict[str, Any]:
    """Measure the body of the model in `folder`: the fields of `Given`.

    Zeros count as removed, and so do weights of the checkpoint that the model lacks (a layer that was dropped). Its
    size: what is not 0 in 16 bits and a bit of the mask for each, or all in 16 bits where that is less. bits: of a
    weight, where the model is quantized; that is taken as stated, for rounded numbers do not tell it.
    """
    whole = sum(entry.tensor.numel() for entry in read_body(checkpoint).values())
    body = [entry.tensor for entry in read_body(folder).values()]
    own = sum(weight.numel() for weight in body)
    kept = sum(int(torch.count_nonzero(weight)) for weight in body)
    each = bits or min(float(WEIGHT_BITS), pruned_bits(1 - kept / own))
    return asdict(Given(weights=whole, sparsity=max(0.0, 1 - kept / whole), bits=each * own / whole))
