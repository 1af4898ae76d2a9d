"""Low-rank adapters on a frozen NF4 body: what the regime `qlora` does to a model before training.

Dettmers, Pagnoni, Holtzman and Zettlemoyer, QLoRA, NeurIPS 2023, equation 5, without double quantization: a layer
computes x W + (alpha / r) x A B, where W is what the codes stand for and never moves. Adapters start from B = 0, so
the first predictions are those of the quantized model. They and the head train.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from junkdna.compression.quantization import Quantized, QuantSpec, as_matrix, dequantize
from junkdna.inference.precision import choose_precision
from junkdna.models.load import missing_from
from junkdna.models.matrices import PrunableWeight, body_of
from junkdna.models.prunable import prunable_weights
from junkdna.models.quantized import check_fit
from junkdna.study.specs import TrainSpec

# How the frozen weights are held: as NF4 by bitsandbytes, or as the numbers that the codes stand for.
BASES = ("packed", "simulated")
NEEDED = "regime qlora needs a GPU and bitsandbytes (pip install bitsandbytes peft)"


@dataclass(frozen=True, slots=True)
class Adapters:
    """What a run with adapters is made of.

    spec: of the frozen weights. shapes: of their matrices [outputs, inputs] by name. parameters: numbers of the
    adapters, without the head.
    """

    spec: QuantSpec
    shapes: dict[str, tuple[int, ...]]
    parameters: int


def start_adapters(
    model: PreTrainedModel,
    recipe: Mapping[str, Any],
    regime: str,
    quantized: Mapping[str, Quantized] | None,
    spec: TrainSpec,
    seed: int,
    device: torch.device,
) -> Adapters | None:
    """Freeze the body of a freshly loaded `model` in NF4 and put adapters beside it; None in other regimes.

    The model is still in main memory, so that its weights reach `device` packed. quantized: see
    `junkdna.files.quantized`. ValueError without a GPU or the packages, and for weights that do not fit the model.
    """
    if regime != "qlora" or recipe.get("quantizer") != "nf4":
        return None
    base = choose_base(device)
    assert quantized is not None, "nf4 needs quantized weights"
    half = choose_precision(spec.precision, device) == "bf16"
    return attach_adapters(
        model,
        quantized,
        QuantSpec.from_mapping(recipe),
        spec,
        seed=seed,
        base=base,
        compute=torch.bfloat16 if half else torch.float32,
    )


def choose_base(device: torch.device) -> str:
    """Return how weights are held on `device`, `packed`; ValueError where they cannot be."""
    if device.type != "cuda":
        raise ValueError(f"{NEEDED}; found device {device}")
    for package in ("bitsandbytes", "peft"):
        if find_spec(package) is None:
            raise ValueError(f"{NEEDED}; found device {device}, but no package {package}")
    return "packed"


def attach_adapters(
    model: PreTrainedModel,
    quantized: Mapping[str, Quantized],
    quant: QuantSpec,
    spec: TrainSpec,
    *,
    seed: int,
    base: str,
    compute: torch.dtype = torch.float32,
) -> Adapters:
    """Replace the prunable weights by the quantized ones, freeze the body, and add adapters, in place.

    base: one of BASES. compute: dtype of the products with packed weights. seed: of the first adapters. What is
    outside the body (see `prunable_weights`: the head, a pooler, what the checkpoint lacks) stays trainable.
    """
    from peft import LoraConfig, inject_adapter_in_model

    assert base in BASES, base
    found = prunable_weights(model, "body")
    _check_layers(model, found)
    matrices = {name: as_matrix(each.tensor, each.input_dim) for name, each in found.items()}
    check_fit(quantized, matrices)
    head = _head(model)
    for name, weight in found.items():
        _freeze(model, name, weight, quantized[name], quant.group, base, compute)
    config = LoraConfig(
        r=spec.lora_rank,
        lora_alpha=spec.lora_alpha,  # type: ignore[arg-type]  # peft divides it by r, so it need not be whole
        lora_dropout=spec.lora_dropout,
        target_modules=[f"{body_of(model)[0]}.{name.removesuffix('.weight')}" for name in found],
        fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in model.modules()),
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        # So peft knows packed layers by their kind.
        model.is_loaded_in_4bit = base == "packed"  # type: ignore[assignment]  # a mark, neither tensor nor module
        inject_adapter_in_model(config, model)
    trained = [each for each in model.parameters() if each.requires_grad]
    for parameter in head:
        parameter.requires_grad_(True)
    shapes = {name: tuple(matrix.shape) for name, matrix in matrices.items()}
    return Adapters(quant, shapes, sum(each.numel() for each in trained))


def _check_layers(model: PreTrainedModel, found: Mapping[str, PrunableWeight]) -> None:
    """Refuse a body with matrices that are not the weights of layers: nothing can stand beside those."""
    layers = {
        f"{path}.weight"
        for path, layer in body_of(model)[1].named_modules()
        if isinstance(layer, nn.Linear | Conv1D)
    }
    if others := [name for name, weight in found.items() if name not in layers or weight.shape is not None]:
        raise ValueError(
            f"regime: 'qlora' puts adapters beside linear layers, and {len(others)} of the {len(found)} matrices of "
            f"{type(model).__name__} are none, first {others[0]!r} (fused experts, attention by head or convolutions); "
            "legal here are the other regimes"
        )


def _head(model: PreTrainedModel) -> list[Tensor]:
    """The parameters that belong to the task: outside the base model, of its pooler, or not in the checkpoint."""
    prefix = f"{body_of(model)[0]}."
    missing = missing_from(model)
    return [
        parameter
        for name, parameter in model.named_parameters()
        if not name.startswith(prefix) or name.startswith(f"{prefix}pooler.") or name in missing
    ]


def _freeze(
    model: PreTrainedModel,
    name: str,
    weight: PrunableWeight,
    quantized: Quantized,
    group: int,
    base: str,
    compute: torch.dtype,
) -> None:
    """Set one weight to what its codes stand for, or put a packed layer in the place of its layer."""
    path = name.removesuffix(".weight")
    if base == "simulated" or quantized.codes.shape[1] % group:
        # The blocks of a packed layer run on from row to row, ours end with each: such a layer stays unpacked.
        weight.tensor.data.copy_(as_matrix(dequantize(quantized, group), weight.input_dim))
        return
    body = body_of(model)[1]
    body.set_submodule(path, _pack(body.get_submodule(path), quantized, group, compute))


def _pack(layer: nn.Module, quantized: Quantized, group: int, compute: torch.dtype) -> nn.Module:
    """A layer of bitsandbytes with exactly these codes and scales, and the bias of `layer`."""
    import bitsandbytes
    from bitsandbytes.functional import QuantState

    rows, columns = quantized.codes.shape
    high, low = quantized.codes.reshape(-1, 2).unbind(dim=1)
    state = QuantState(
        absmax=quantized.scales.float().flatten(),
        shape=torch.Size((rows, columns)),
        code=quantized.codebook,
        blocksize=group,
        quant_type="nf4",
        dtype=compute,
    )
    packed = bitsandbytes.nn.Linear4bit(
        columns, rows, bias=False, compute_dtype=compute, quant_type="nf4", device="meta"
    )
    packed.weight = bitsandbytes.nn.Params4bit(
        (high << 4 | low)[:, None].contiguous(),
        quant_state=state,
        blocksize=group,
        compress_statistics=False,
        quant_type="nf4",
        module=packed,
        bnb_quantized=True,
    )
    packed.quant_state, packed.bias = state, layer.bias
    return packed
