"""What a recipe has made of the weights of a checkpoint, as its files hold it."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from junkdna.compression.quantization import Quantized


@dataclass(frozen=True, slots=True)
class Given:
    """What was measured of a model that someone else compressed.

    weights: of the body of the checkpoint that it stands beside, so many a recipe may touch. sparsity: share of these
    that the model has not, or has as 0. bits: what its body takes, by each of these weights.
    """

    weights: int
    sparsity: float
    bits: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Compressed:
    """The weights of a checkpoint under a recipe, by name; None for what the recipe has not, or leaves to the run.

    mask: which weights stay (True), in the shapes of the weights. moved: new values of the weights, where the method
    makes up for what it removes. quantized: codes, scales and zeros of each matrix [outputs, inputs]. given: of a model
    that stands in place of the checkpoint.
    """

    mask: Mapping[str, Tensor] | None = None
    moved: Mapping[str, Tensor] | None = None
    quantized: Mapping[str, Quantized] | None = None
    given: Given | None = None
