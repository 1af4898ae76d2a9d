"""What the inputs of each prunable layer look like on calibration text: the statistics that scores ask for.

Hooks on the whole model see every layer's inputs as they are in a forward pass, so no layer loop is written
anew here and any architecture goes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from junkdna.models import prunable_weights
from junkdna.tokens import Tokens
from junkdna.training.batches import load_data, order_evaluation, pad_batches
from junkdna.training.fitting import check_tokens

# Padded tokens of a forward pass.
MAX_TOKENS = 4096
# Bytes of Hessians that are summed up at a time, on the device of the model.
BUDGET = 4 << 30


def choose_sequences(tokens: Tokens, *, sequences: int, max_length: int, seed: int) -> Tokens:
    """Draw so many of the sequences (all if there are fewer), each cut after `max_length` tokens.

    Every sequence becomes an example by itself, also an option of a `choice`; labels are all 0.
    """
    total = len(tokens.offsets) - 1
    chosen = np.sort(np.random.default_rng(seed).permutation(total)[:sequences])
    starts = tokens.offsets[chosen].tolist()
    ends = tokens.offsets[chosen + 1].tolist()
    ends = [min(end, start + max_length) for start, end in zip(starts, ends, strict=True)]
    where = torch.cat([torch.arange(start, end) for start, end in zip(starts, ends, strict=True)])
    lengths = [end - start for start, end in zip(starts, ends, strict=True)]
    segments = None if tokens.segments is None else tokens.segments[where]
    return sequences_of(
        tokens.input_ids[where],
        lengths,
        pad_id=tokens.pad_id,
        segments=segments,
        example_id=torch.from_numpy(chosen),
    )


def sequences_of(
    input_ids: Tensor,
    lengths: Sequence[int],
    *,
    pad_id: int,
    segments: Tensor | None = None,
    example_id: Tensor | None = None,
) -> Tokens:
    """Text that is only looked at: `input_ids` int32 [tokens] cut into sequences of these lengths, labels all 0.

    example_id: [sequences]; their numbers where it is not given.
    """
    count = len(lengths)
    return Tokens(
        input_ids=input_ids,
        offsets=torch.tensor(np.cumsum([0, *lengths])),
        segments=segments,
        example_id=torch.arange(count) if example_id is None else example_id,
        label=torch.zeros(count, dtype=torch.int64),
        options=None,
        format="classification",
        num_labels=2,
        pad_id=pad_id,
    )


def collect_statistics(
    model: PreTrainedModel, tokens: Tokens, *, hessians: bool, budget: int = BUDGET
) -> dict[str, Tensor]:
    """Return what `stream_statistics` yields; for models whose Hessians fit main memory all at once."""
    found = stream_statistics(model, tokens, hessians=hessians, budget=budget)
    return {name: total.cpu() for name, total in found}


def statistics_names(model: PreTrainedModel) -> list[str]:
    """All names that `stream_statistics` may yield, and `with_factors` after it."""
    return [
        f"{kind}:{name}"
        for kind in ("norms", "hessians", "factors")
        for name in prunable_weights(model, "body")
    ]


def stream_statistics(
    model: PreTrainedModel, tokens: Tokens, *, hessians: bool, budget: int = BUDGET
) -> Iterator[tuple[str, Tensor]]:
    """Sum up the squares of each layer's inputs x over all tokens that are no padding, in float32.

    Yields, for each weight of scope `body`, `norms:<name>`, the sum of x^2 [inputs], and where asked
    `hessians:<name>`, the sum of x x^T [inputs, inputs]; all on the model's device. One pass over the sequences
    serves all layers whose Hessians together fit `budget` bytes there; else there are as many passes as it takes,
    so that no more than that is ever held, whatever the size of the model. A layer that never sees a token
    (DeBERTa's projections of relative positions, where they have weights of their own) has no entry.
    The decoder of T5 reads the text itself: of its positions, too, those beyond the text are padding.
    """
    found = prunable_weights(model, "body")
    layers = {name: model.base_model.get_submodule(name.removesuffix(".weight")) for name in found}
    widths = {name: weight.tensor.shape[weight.input_dim] for name, weight in found.items()}
    check_tokens(model, tokens)
    data = load_data(tokens, model.device)
    order = order_evaluation(data, max_tokens=MAX_TOKENS)
    training = model.training
    model.eval()
    for names in _groups(widths, budget) if hessians else [list(found)]:
        sums = _Sums(hessians=hessians)
        with torch.no_grad(), _watched({name: layers[name] for name in names}, sums):
            for batch in pad_batches(data, order):
                inputs = batch.inputs
                mask = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"]))
                sums.start_batch(mask.bool())
                model(**inputs)
        for name in list(sums.totals):
            yield name, sums.totals.pop(name)
    model.train(training)


class _Sums:
    """Running sums of the layers that are watched, by the names of `collect_statistics`."""

    def __init__(self, *, hessians: bool) -> None:
        self.hessians = hessians
        self.totals: dict[str, Tensor] = {}
        self.present = torch.empty(0)
        self.latest: tuple[Tensor | None, dict[str, Tensor]] = (None, {})

    def start_batch(self, present: Tensor) -> None:
        """Say which positions [batch, tokens] of the batch to come are no padding."""
        self.present, self.latest = present, (None, {})

    def add(self, name: str, inputs: Tensor) -> None:
        """Add the inputs of one call: [batch, tokens, width], or [batch * tokens, width] as in OPT.

        Those of another shape are not of tokens.
        """
        flat = inputs.shape[:-1] == (self.present.numel(),)
        if not flat and inputs.shape[:-1] != self.present.shape:
            return
        # Queries, keys and values read the same tensor.
        if inputs is not self.latest[0]:
            self.latest = (
                inputs,
                self._sums_of(inputs[self.present.flatten() if flat else self.present].float()),
            )
        for kind, value in self.latest[1].items():
            key = f"{kind}:{name}"
            if key in self.totals:
                self.totals[key] += value
            else:
                self.totals[key] = value.clone()

    def _sums_of(self, rows: Tensor) -> dict[str, Tensor]:
        sums = {"norms": rows.square().sum(dim=0)}
        return sums | {"hessians": rows.T @ rows} if self.hessians else sums


@contextmanager
def _watched(layers: Mapping[str, torch.nn.Module], sums: _Sums) -> Iterator[None]:
    """Have every call of the layers add its inputs to `sums`."""

    def hook(name: str):
        return lambda module, arguments: sums.add(name, arguments[0])

    handles = [layer.register_forward_pre_hook(hook(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _groups(widths: Mapping[str, int], budget: int) -> list[list[str]]:
    """Cut the layers into runs whose float32 Hessians fit `budget` bytes (one layer always does)."""
    groups: list[list[str]] = []
    room = 0
    for name, width in widths.items():
        size = 4 * width * width
        if not groups or size > room:
            groups.append([])
            room = budget
        groups[-1].append(name)
        room -= size
    return groups
