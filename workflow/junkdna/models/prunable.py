"""Which weights of a model a recipe may touch."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open

from junkdna.models.load import find_weight_files, load_body, missing_from
from junkdna.models.matrices import PrunableWeight, find_matrices

if TYPE_CHECKING:
    # At run time transformers is imported where a model is built: it takes longer than making a mask.
    from transformers import PreTrainedModel

# Parts of a name by which the code of Yin et al. leaves a parameter alone, told apart by case.
SPARED = ("embed", "bias", "norm")
# Floating dtypes by their safetensors code.
FLOATS = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}


def prunable_weights(model: "PreTrainedModel", scope: str) -> dict[str, PrunableWeight]:
    """Find the weights that a recipe may touch, in the order of the model.

    scope `body`: the matrices of the base model, as far as the checkpoint carries them; see `junkdna.models.matrices`
    for what is one and what is left out. Named relative to the base model, so that a name does not hang on the head.
    ValueError for an architecture with more than TOLERANCE of its weights in parameters of no known kind.
    scope `paper`: every 2-D parameter without "embed", "bias" or "norm" in its name, the head included, as the
    code of Yin et al. (ICML 2024) does; names of parameters outside the base model start with "head:".
    """
    if scope == "paper":
        from transformers.pytorch_utils import Conv1D

        prefix = f"{model.base_model_prefix}."
        transposed = {id(layer.weight) for layer in model.modules() if isinstance(layer, Conv1D)}
        return {
            name.removeprefix(prefix) if name.startswith(prefix) else f"head:{name}": PrunableWeight(
                parameter, 0 if id(parameter) in transposed else 1
            )
            for name, parameter in model.named_parameters()
            if parameter.ndim == 2 and not any(part in name for part in SPARED)
        }
    assert scope == "body", scope
    return find_matrices(model, missing_from(model))


def read_body(checkpoint_dir: str | Path) -> dict[str, PrunableWeight]:
    """Read the prunable weights of scope `body`, as in `prunable_weights`, in the dtype of the files.

    Building the model maps the files into memory and copies nothing, so there is no cheaper way that
    knows the kinds of the layers; in another dtype than the files' it would copy, or round.
    """
    return prunable_weights(load_body(checkpoint_dir, stored_dtype(checkpoint_dir)), "body")


def stored_dtype(checkpoint_dir: str | Path) -> torch.dtype:
    """The floating dtype of the files of a checkpoint folder; float32 where they hold several."""
    stored = set()
    for path in find_weight_files(Path(checkpoint_dir)):
        with safe_open(path, "pt") as tensors:
            stored |= {tensors.get_slice(key).get_dtype() for key in tensors.keys()}  # noqa: SIM118
    dtypes = [dtype for code, dtype in FLOATS.items() if code in stored]
    return dtypes[0] if len(dtypes) == 1 else torch.float32
