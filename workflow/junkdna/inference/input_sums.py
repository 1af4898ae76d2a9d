"""Sums over the inputs of matrices while a model sees one sequence after the other."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

# Rows of inputs that wait before they go into a Hessian: a product of many costs little more than one of a few.
ROWS = 1024


class Sums:
    """Running sums of the inputs of the matrices that are watched, by their names."""

    def __init__(self, *, norms_of: set[str], hessians_of: set[str]) -> None:
        self.wanted = {"norms": norms_of, "hessians": hessians_of}
        self.norms: dict[str, Tensor] = {}
        self.hessians: dict[str, Tensor] = {}
        self.waiting: dict[str, list[Tensor]] = {}
        self.latest: tuple[Tensor, int, Tensor] | None = None
        self.summed: tuple[list[Tensor], dict[str, Tensor]] = ([], {})
        self.length = self.padded = 0

    def start(self, length: int) -> None:
        """Say how many tokens the sequence to come has."""
        self.length = self.padded = length

    def add(self, name: str, inputs: Tensor) -> None:
        """Add the inputs [..., width] of one product."""
        # Queries, keys and values read the same tensor; it may be written to afterwards, so its rows are copied.
        latest = self.latest
        if latest is None or inputs is not latest[0] or inputs._version != latest[1]:
            latest = self.latest = (inputs, inputs._version, self._rows(inputs))
        rows = latest[2]
        if len(rows):
            waiting = self.waiting.setdefault(name, [])
            waiting.append(rows)
            if name not in self.wanted["hessians"] or sum(map(len, waiting)) >= ROWS:
                self._sum_up(name)

    def finish(self) -> None:
        """Sum up what still waits."""
        for name in list(self.waiting):
            self._sum_up(name)
        self.latest, self.summed = None, ([], {})

    def _rows(self, inputs: Tensor) -> Tensor:
        """All inputs as rows, float32, but for places that the model itself added to the end of the sequence."""
        if self.padded > self.length and self.padded in inputs.shape[:-1]:
            inputs = inputs.narrow(inputs.shape.index(self.padded), 0, self.length)
        return inputs.detach().float().reshape(-1, inputs.shape[-1]).clone()

    def _sum_up(self, name: str) -> None:
        blocks = self.waiting.pop(name)
        if [id(block) for block in blocks] != [id(block) for block in self.summed[0]]:
            self.summed = (blocks, {})
        made = self.summed[1]
        for kind, totals in (("norms", self.norms), ("hessians", self.hessians)):
            if name not in self.wanted[kind]:
                continue
            if kind not in made:
                rows = torch.cat(blocks)
                made[kind] = rows.square().sum(dim=0) if kind == "norms" else rows.T @ rows
            if name in totals:
                totals[name] += made[kind]
            else:
                totals[name] = made[kind].clone()


@contextmanager
def one_by_one(model: PreTrainedModel) -> Iterator[None]:
    """Have fused experts compute one after the other, as products that can be seen; and no cache filled for nothing."""
    texts = [(each, "use_cache", False) for each in (model.config, model.config.get_text_config())]
    experts = [layer.config for layer in model.modules() if hasattr(layer, "is_transposed")]
    wanted = [*texts, *((config, "_experts_implementation", "eager") for config in experts)]
    before = [(config, name, getattr(config, name, None)) for config, name, _ in wanted]
    for config, name, value in wanted:
        setattr(config, name, value)
    try:
        yield
    finally:
        for config, name, value in before:
            setattr(config, name, value)


@contextmanager
def padded_lengths(model: PreTrainedModel, sums: Sums) -> Iterator[None]:
    """Note how long the model itself makes a sequence: some fill it up to whole windows of attention."""

    def note(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        sums.padded = given[0].numel()

    handles = []
    with suppress(NotImplementedError, AttributeError):  # of a model without a table of tokens
        handles = [model.get_input_embeddings().register_forward_pre_hook(note)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
