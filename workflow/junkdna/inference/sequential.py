"""Calibration block by block: each block of a model sees what the compressed blocks before it make of the text.

So do the published codes of Wanda, SparseGPT and GPTQ. What goes into a block then hangs on the recipe and its level,
so nothing is shared between levels; the one pass through the dense model (`junkdna.inference.calibration`) serves all.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from junkdna.compression.hessian import with_factors
from junkdna.compression.layerwise import build_layerwise_mask
from junkdna.compression.masks import PackedMask, unpack
from junkdna.compression.quantization import Quantized, QuantSpec, as_matrix, dequantize
from junkdna.compression.quantize import quantize_weights
from junkdna.inference.calibration import Inputs, sequence_inputs, show_sequences, sum_inputs
from junkdna.inference.input_sums import Sums
from junkdna.models.matrices import PrunableWeight, body_of
from junkdna.models.prunable import prunable_weights
from junkdna.study.specs import PruneSpec
from junkdna.tasks.tokens import Tokens

Found = dict[str, PrunableWeight]
Block = tuple[nn.Module, Found]


def mask_blocks(
    model: PreTrainedModel, tokens: Tokens, spec: PruneSpec, dtype: torch.dtype
) -> tuple[PackedMask, list[str]]:
    """Mask the matrices of `model` block by block, in place; returns the mask and the experts that saw no token.

    spec: with a score that looks at inputs, and nothing that compares weights of several blocks. dtype: of the files of
    the checkpoint, in which new weights are rounded and stored. ValueError as of `walk_blocks`.
    """
    bits: dict[str, Tensor] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    moved: dict[str, Tensor] = {}
    unseen: list[str] = []
    for found, statistics in walk_blocks(model, tokens, hessians=spec.score == "sparsegpt"):
        weights = {name: weight.tensor.detach().to("cpu", dtype) for name, weight in found.items()}
        dims = {name: weight.input_dim for name, weight in found.items()}
        mask = build_layerwise_mask(weights, dims, spec, statistics)
        for name, weight in found.items():
            kept = unpack(mask.bits[name], mask.shapes[name])
            weight.tensor.detach().copy_(mask.weights.get(name, weights[name]) * kept)
        bits, shapes, moved = bits | mask.bits, shapes | mask.shapes, moved | mask.weights
        unseen += _unseen(statistics)
    return PackedMask(bits=bits, shapes=shapes, threshold=None, weights=moved), unseen


def quantize_blocks(
    model: PreTrainedModel, tokens: Tokens, spec: QuantSpec
) -> tuple[dict[str, Quantized], list[str]]:
    """Quantize the matrices of `model` block by block, in place, by GPTQ; else as `mask_blocks`."""
    made: dict[str, Quantized] = {}
    unseen: list[str] = []
    for found, statistics in walk_blocks(model, tokens, hessians=True):
        dims = {name: weight.input_dim for name, weight in found.items()}
        weights = {name: weight.tensor.detach().cpu() for name, weight in found.items()}
        part = quantize_weights(weights, dims, spec, statistics)
        for name, weight in found.items():
            weight.tensor.detach().copy_(as_matrix(dequantize(part[name], spec.group), dims[name]))
        made |= part
        unseen += _unseen(statistics)
    return made, unseen


def walk_blocks(
    model: PreTrainedModel, tokens: Tokens, *, hessians: bool
) -> Iterator[tuple[Found, dict[str, Tensor]]]:
    """Yield the matrices of each block and the statistics of their inputs, in the order of the model.

    Who takes them gives the matrices their new values before the next block is asked for: then this one runs once more,
    and what it makes of the sequences is kept for the next. So each block runs twice, whatever the number of blocks,
    and one output a sequence is held. The statistics of all matrices of a block are of one pass through it.

    Statistics: as of `junkdna.inference.calibration.stream_statistics`, on the CPU, and with `hessians`
    `factors:<name>` in place of `hessians:<name>`. ValueError where the blocks cannot be told (`find_blocks`).
    """
    blocks, inputs = find_blocks(model), sequence_inputs(model, tokens)
    layers = [layer for layer, _ in blocks]
    made: list[Any] = [None] * len(inputs)
    for place, (_, found) in enumerate(blocks):
        if found:
            run = partial(show_sequences, model, inputs, partial(_run_block, model, layers, place, made))
            with torch.no_grad():
                of_block = with_factors(sum_inputs(found, run, hessians=hessians))
                statistics = {name: value.cpu() for name, value in of_block}
            yield found, statistics
        if place + 1 < len(blocks):
            nothing = Sums(norms_of=set(), hessians_of=set())
            show_sequences(model, inputs, partial(_pass_block, model, layers, place, made), {}, nothing)


def find_blocks(model: PreTrainedModel) -> list[Block]:
    """The blocks of a model, in order, and the prunable matrices of each by name.

    They are the one list of modules that holds all these matrices. ValueError for a model without one (an encoder
    beside a decoder, matrices before or after the blocks), and where two blocks share a weight.
    """
    found, (_, base) = prunable_weights(model, "body"), body_of(model)
    for path, layers in base.named_modules():
        if isinstance(layers, nn.ModuleList) and all(name.startswith(f"{path}.") for name in found):
            break
    else:
        raise ValueError(
            f"calibration.sequential: found true; legal: false with {type(model).__name__}, whose matrices do not lie "
            "in one list of blocks"
        )
    parts = [
        {name: weight for name, weight in found.items() if name.startswith(f"{path}.{number}.")}
        for number in range(len(layers))
    ]
    held = [{id(parameter) for parameter in layer.parameters()} for layer in layers]
    if sum(map(len, held)) > len(set().union(*held)):
        raise ValueError(
            f"calibration.sequential: found true; legal: false with {type(model).__name__}, whose blocks share weights"
        )
    return list(zip(layers, parts, strict=True))


def _pass_block(
    model: PreTrainedModel, layers: list[nn.Module], place: int, made: list[Any], number: int, given: Inputs
) -> None:
    """As `_run_block`; its output takes the place of that of the block before."""
    made[number] = _run_block(model, layers, place, made, number, given)


def _run_block(
    model: PreTrainedModel, layers: list[nn.Module], place: int, made: list[Any], number: int, given: Inputs
) -> Any:
    """What block `place` makes of a sequence; made: what the block before has made of each.

    The model itself calls its blocks, so each has its masks and positions from there; but of the others none runs: they
    hand on what there is.
    """
    out, real = made[number], layers[place].forward

    def run(*args: Any, **kwargs: Any) -> Any:
        nonlocal out
        out = real(*args, **kwargs)
        return out

    def hand_on(*args: Any, **kwargs: Any) -> Any:
        # A copy, as a block may write on what it is given.
        return out.clone() if isinstance(out, Tensor) else tuple(_copied(part) for part in out)

    try:
        for layer in layers:
            layer.forward = run if layer is layers[place] else hand_on
        body_of(model)[1](**given)
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)
    return out


def _copied(part: Any) -> Any:
    return part.clone() if isinstance(part, Tensor) else part


def _unseen(statistics: Mapping[str, Tensor]) -> list[str]:
    return [name.removeprefix("unseen:") for name in statistics if name.startswith("unseen:")]
