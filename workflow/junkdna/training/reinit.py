"""Weights drawn anew: what the two control regimes put in the place of pre-trained ones."""

from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import PreTrainedModel

# Added to the seed of a run. Above every legal seed, so that no other draw of any run has the same stream.
STREAM = 1 << 32


@torch.no_grad()
def draw_removed(weights: Mapping[str, Tensor], kept: Mapping[str, Tensor], seed: int) -> None:
    """Replace the weights that the masks `kept` remove by draws from N(0, s), in place.

    s is the standard deviation of the removed weights of the tensor: their size is kept, what they knew is
    lost. Drawn on the CPU, from `seed` alone and tensor after tensor, so the device does not matter.
    """
    generator = torch.Generator().manual_seed(STREAM + seed)
    for name, weight in weights.items():
        removed = ~kept[name]
        old = weight[removed].float()
        if not len(old):
            continue
        drawn = torch.randn(len(old), generator=generator) * old.std(correction=0).cpu()
        weight[removed] = drawn.to(weight)


def draw_body(model: PreTrainedModel, seed: int) -> None:
    """Draw the whole body of `model` anew as its architecture does before pre-training, in place.

    Embeddings, norms and biases too; the head stays as it is. The caller's random state stays as it is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(STREAM + seed)
        fresh = type(model)(model.config)
    model.base_model.load_state_dict(fresh.base_model.state_dict())
