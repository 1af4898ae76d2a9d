"""Checkpoints as language models: load one that predicts each token from those before it."""

from pathlib import Path

import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM, PreTrainedModel

from junkdna.models.load import load_weights, missing_from, read_config, unfit

TAKES = "take a decoder such as gpt2 or llama"


def load_causal(checkpoint_dir: str | Path, *, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Load a checkpoint folder as a causal language model, its weights in `dtype`.

    The weights that a recipe may touch have the same names as in a classifier (`prunable.prunable_weights`): they
    are relative to the base model. The output layer is no part of that; where it is tied to the embedding, it is
    the embedding.

    Raises what `load_classifier` raises, and ValueError for a model whose predictions see the tokens to come (an
    encoder) and for a checkpoint without the layer that predicts.
    """
    checkpoint_dir = Path(checkpoint_dir)
    config = read_config(checkpoint_dir)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise unfit(checkpoint_dir, config, "causal language model", TAKES)
    model = load_weights(AutoModelForCausalLM, checkpoint_dir, config, 0, dtype)
    if missing := missing_from(model):
        lacking = ", ".join(sorted(missing)[:3])
        raise ValueError(
            f"checkpoint {checkpoint_dir}: it lacks {lacking}, so it cannot predict tokens; {TAKES}"
        )
    # By what it does: configurations do not tell encoders from decoders.
    with torch.inference_mode():
        first = model.eval()(input_ids=torch.tensor([[0, 0], [0, 1]])).logits[:, 0]
    if not torch.allclose(first[0], first[1], atol=1e-4):
        raise unfit(checkpoint_dir, config, "causal attention (it sees the tokens to come)", TAKES)
    return model
