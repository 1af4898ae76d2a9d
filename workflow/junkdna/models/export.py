"""Write a checkpoint with a recipe applied as a folder that others load like any checkpoint."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoTokenizer

from junkdna.compression.compressed import Compressed
from junkdna.models.compressed import apply_recipe
from junkdna.models.decoder import load_causal
from junkdna.models.load import load_body, read_config

ABOUT = "junkdna.json"


def export_model(
    checkpoint: Path,
    recipe: Mapping[str, Any],
    compressed: Compressed,
    folder: Path,
    about: Mapping[str, Any],
) -> None:
    """Apply a recipe to a checkpoint folder and write the model and its tokenizer to `folder`, whole or not at all.

    A decoder is written with the layer that predicts, other models as a classifier whose new head has two classes. The
    dtype is that of the checkpoint. about: goes to `junkdna.json` beside the weights. ValueError for a mask or codes
    that do not fit the checkpoint.
    """
    config = read_config(checkpoint)
    dtype = config.dtype if isinstance(config.dtype, torch.dtype) else torch.float32
    causal = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
    model = load_causal(checkpoint, dtype=dtype) if causal else load_body(checkpoint, dtype=dtype)
    applied = apply_recipe(model, recipe, compressed)
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(part)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(part)
    facts = {**about, "sparsity": applied.sparsity, "effective_bits": applied.bits}
    (part / ABOUT).write_text(json.dumps(facts, indent=2, default=dict) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
