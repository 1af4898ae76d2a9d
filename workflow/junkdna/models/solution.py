"""Which tensors of a trained model are its solution, and whether others are of the same shapes."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel


def solution_of(model: PreTrainedModel) -> dict[str, Tensor]:
    """The parameters and the stored floating buffers of `model` by name, the head included.

    A tensor that two layers share is there once. These are views: writing to them changes the model.
    """
    stored = model.state_dict().keys()
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach() for name, tensor in named if name in stored and tensor.is_floating_point()}


def misfits(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Names, sorted, whose shapes differ or that only one side has."""
    return sorted(name for name in {**found, **wanted} if found.get(name) != wanted.get(name))
