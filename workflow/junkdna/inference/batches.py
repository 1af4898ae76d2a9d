"""Batches from flat tokens: which examples go together, in what order, and their padded tensors.

Shapes: S sequences and E examples of a batch, W its width (longest sequence), O its largest option count.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from junkdna.tasks.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Data:
    """A tokenised split where the model is, with what the host must know to plan batches.

    tokens: the split, on the device. lengths: tokens of each sequence. first: where the sequences of each
    example start, and the end (only examples of `choice` have several sequences). left: pad before the text.
    """

    tokens: Tokens
    lengths: np.ndarray
    first: np.ndarray
    left: bool = False

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def counts(self) -> np.ndarray:
        """Sequences of each example."""
        return np.diff(self.first)

    @property
    def widths(self) -> np.ndarray:
        """Length of the longest sequence of each example."""
        return np.maximum.reduceat(self.lengths, self.first[:-1])


@dataclass(frozen=True, slots=True)
class Batch:
    """One forward pass: the model's inputs [S, W], the examples' labels [E], the width of a choice.

    positions: [E, O] row of each option among the S sequences, -1 where an example has fewer than O; None
    but for `choice`.
    """

    inputs: dict[str, Tensor]
    labels: Tensor
    positions: Tensor | None


def load_data(tokens: Tokens, device: torch.device, *, left: bool = False) -> Data:
    """Move a split to `device`; a split without examples is a ValueError.

    For a classifier see `junkdna.inference.padding.load_for`, which agrees on the padding with the model.
    """
    lengths = np.diff(tokens.offsets.numpy())
    first = np.arange(len(lengths) + 1) if tokens.options is None else tokens.options.numpy()
    if len(first) < 2:
        raise ValueError("the split holds no example; at least one is needed")
    moved: dict[str, Any] = {
        field.name: value.to(device)
        for field in fields(tokens)
        if isinstance(value := getattr(tokens, field.name), Tensor)
    }
    return Data(replace(tokens, **moved), lengths, first, left)


def order_epoch(
    widths: np.ndarray, *, batch_size: int, bucket: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Return the examples of each batch of one epoch, batches in order.

    The examples are shuffled, sorted by width inside windows of `bucket` batches, cut into batches, and the
    batches of a window shuffled: little padding, and still another composition in each epoch. Nothing but
    the arguments enters, so every recipe and regime of a seed sees the same batches in the same order.
    """
    draw = np.random.default_rng([seed, epoch])
    shuffled = draw.permutation(len(widths))
    batches = []
    for window in np.split(shuffled, range(batch_size * bucket, len(widths), batch_size * bucket)):
        window = window[np.argsort(widths[window], kind="stable")]
        sizes = np.full(-(-len(window) // batch_size), batch_size)
        # The incomplete batch of the last window is not always the one of the longest examples.
        sizes[draw.integers(len(sizes))] -= sizes.sum() - len(window)
        cut = np.split(window, np.cumsum(sizes)[:-1])
        batches += [cut[index] for index in draw.permutation(len(cut))]
    return batches


def order_evaluation(data: Data, *, max_tokens: int) -> list[np.ndarray]:
    """Return batches, widest examples first, of at most `max_tokens` padded tokens (or of one example)."""
    return group_by_width(data.widths, max_tokens, counts=data.counts)


def group_by_width(
    widths: np.ndarray,
    max_tokens: int,
    *,
    counts: np.ndarray | None = None,
    beside: int = 0,
    max_computed: int | None = None,
) -> list[np.ndarray]:
    """Group examples of such widths, the widest first, into batches of at most `max_tokens` padded tokens (or of one).

    counts: sequences of each example, one if not said. beside: tokens that each sequence takes beside its width.
    max_computed: at most so many without those beside, if said.
    """
    counts = np.ones(len(widths), dtype=np.int64) if counts is None else counts
    batches: list[np.ndarray] = []
    batch: list[int] = []
    sequences = 0
    for example in np.argsort(-widths, kind="stable"):
        rows, width = sequences + counts[example], widths[batch[0]] if batch else 0
        too_many = max_computed is not None and rows * width > max_computed
        if batch and (too_many or rows * (width + beside) > max_tokens):
            batches.append(np.array(batch))
            batch, sequences = [], 0
        batch.append(example)
        sequences += counts[example]
    return [*batches, np.array(batch)]


def pad_batches(data: Data, order: list[np.ndarray]) -> Iterator[Batch]:
    """Yield the padded batches of `order`; the indices travel to the device once, not once a batch."""
    tokens, counts = data.tokens, data.counts
    device = tokens.input_ids.device
    sequences = [_sequences_of(data, examples) for examples in order]
    all_examples = torch.from_numpy(np.concatenate(order)).to(device)
    all_sequences = torch.from_numpy(np.concatenate(sequences)).to(device)
    example_start = sequence_start = 0
    for examples, rows in zip(order, sequences, strict=True):
        labels = tokens.label[all_examples[example_start : example_start + len(examples)]]
        index = all_sequences[sequence_start : sequence_start + len(rows)]
        lengths = data.lengths[rows]
        positions = None
        if tokens.options is not None:
            positions = _option_positions(counts[examples]).to(device)
        inputs = pad_sequences(tokens, index, lengths.min(), lengths.max(), left=data.left)
        yield Batch(inputs, labels, positions)
        example_start += len(examples)
        sequence_start += len(rows)


def _sequences_of(data: Data, examples: np.ndarray) -> np.ndarray:
    """Return the sequences of `examples`, those of one example together and in their order."""
    counts = data.counts[examples]
    before = np.cumsum(counts) - counts
    return np.repeat(data.first[examples] - before, counts) + np.arange(counts.sum())


def _option_positions(counts: np.ndarray) -> Tensor:
    """Return [E, O] numbers of consecutive sequences, row by row; -1 fills rows with fewer options."""
    column = np.arange(counts.max())
    positions = (np.cumsum(counts) - counts)[:, None] + column
    return torch.from_numpy(np.where(column < counts[:, None], positions, -1))


def pad_sequences(
    tokens: Tokens, index: Tensor, shortest: int, width: int, *, left: bool = False
) -> dict[str, Tensor]:
    """Gather the sequences `index` [S] into inputs [S, W], padded after the text or, `left`, before it.

    Without any padding there is no attention mask: the models take None for all ones, and attention is
    faster without.
    """
    start, end = tokens.offsets[index, None], tokens.offsets[index + 1, None]
    place = torch.arange(width, device=index.device)
    source = end - width + place if left else start + place
    if shortest == width:
        inputs = {"input_ids": tokens.input_ids[source].long()}
        if tokens.segments is not None:
            inputs["token_type_ids"] = tokens.segments[source].long()
        return inputs
    present = source >= start if left else source < end
    source = torch.where(present, source, start)
    inputs = {
        "input_ids": torch.where(present, tokens.input_ids[source].long(), tokens.pad_id),
        "attention_mask": present.long(),
    }
    if tokens.segments is not None:
        inputs["token_type_ids"] = torch.where(present, tokens.segments[source].long(), 0)
    return inputs
