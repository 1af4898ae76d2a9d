"""Write a compressed or trained checkpoint as a folder that others load like any checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoTokenizer, PreTrainedModel

from junkdna.compression.compressed import Compressed
from junkdna.models.compressed import apply_recipe
from junkdna.models.decoder import load_causal
from junkdna.models.load import load_body, load_classifier, read_config
from junkdna.models.solution import misfits, solution_of


def export_model(
    checkpoint: Path, recipe: Mapping[str, Any], compressed: Compressed, folder: Path
) -> dict[str, float]:
    """Apply a recipe to a checkpoint folder, write the model and its tokenizer into `folder`, return its facts.

    A decoder is written with the layer that predicts, other models as a classifier whose new head has two classes. The
    dtype is that of the checkpoint, or float32 where the recipe makes new numbers, which 16 bits would round.
    ValueError for a mask or codes that do not fit the checkpoint.
    """
    config = read_config(checkpoint)
    dtype = config.dtype if isinstance(config.dtype, torch.dtype) else torch.float32
    if compressed.moved or compressed.quantized:
        dtype = torch.float32
    causal = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
    model = load_causal(checkpoint, dtype=dtype) if causal else load_body(checkpoint, dtype=dtype)
    applied = apply_recipe(model, recipe, compressed)
    _save(model, checkpoint, folder)
    return {"sparsity": applied.sparsity, "effective_bits": applied.bits}


def export_solution(
    checkpoint: Path,
    solution: Mapping[str, Tensor],
    folder: Path,
    *,
    form: str,
    width: int,
    labels: Sequence[str],
) -> None:
    """Write what a training made of a checkpoint folder into `folder`: a classifier with its head, and its tokenizer.

    solution: the trained weights (`solution_of`). form, width: format of the task and outputs of the head. labels:
    names of the classes, where there are some. In float32, as it was trained. ValueError for weights of another model.
    """
    model = load_classifier(checkpoint, width, seed=0, regression=form == "regression")
    shapes = [
        {name: tuple(each.shape) for name, each in held.items()} for held in (solution, solution_of(model))
    ]
    if names := misfits(*shapes):
        raise ValueError(f"trained weights: {len(names)} tensors do not fit {checkpoint}, first {names[0]!r}")
    model.load_state_dict(solution, strict=False)
    if len(labels) == width:
        model.config.id2label = dict(enumerate(labels))
        model.config.label2id = {label: place for place, label in enumerate(labels)}
    _save(model, checkpoint, folder)


def _save(model: PreTrainedModel, checkpoint: Path, folder: Path) -> None:
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
