"""The sequences of calibration text: texts of a task drawn by a seed, cut or joined to full length."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from junkdna.tasks.tokens import Tokens, load_tokenizer

# Between joined texts, as the code of GPTQ puts it between the lines of WikiText.
SEPARATOR = "\n\n"


def calibration_text(tokens: Tokens, checkpoint: Path, text: Mapping[str, Any]) -> Tokens:
    """The sequences that `text`, the section `calibration` of the config, asks for.

    tokens: of the training split of its task. checkpoint: folder, whose tokenizer says what the separator is.
    """
    size = {key: text[key] for key in ("sequences", "max_length", "seed")}
    if not text["join"]:
        return choose_sequences(tokens, **size)
    tokenizer = load_tokenizer(checkpoint)
    separator = tokenizer(SEPARATOR, add_special_tokens=False).input_ids
    return join_sequences(tokens, **size, separator=separator, around=tokenizer("").input_ids)


def join_sequences(
    tokens: Tokens,
    *,
    sequences: int,
    max_length: int,
    seed: int,
    separator: Sequence[int],
    around: Collection[int] = (),
) -> Tokens:
    """Join the texts, in an order drawn by `seed`, and cut so many sequences of exactly `max_length` tokens.

    As many full ones as the texts fill, if that is fewer; one shorter sequence, if they do not fill one. separator:
    token ids between two texts. around: tokens that begin or end each text by itself; joined text has them nowhere.
    Labels and segments are dropped.
    """
    wanted = sequences * max_length
    gap, length = torch.tensor(separator, dtype=torch.int32), 0
    parts: list[Tensor] = []
    starts, ends = tokens.offsets[:-1].tolist(), tokens.offsets[1:].tolist()
    for index in np.random.default_rng(seed).permutation(len(starts)).tolist():
        ids = tokens.input_ids[starts[index] : ends[index]]
        inner = np.flatnonzero(~np.isin(ids.numpy(), list(around)))
        ids = ids[inner[0] : inner[-1] + 1] if len(inner) else ids[:0]
        added = [gap, ids] if parts else [ids]
        parts += added
        length += sum(map(len, added))
        if length >= wanted:
            break
    joined = torch.cat(parts)
    full = min(len(joined) // max_length, sequences)
    lengths = [max_length] * full or [len(joined)]
    return sequences_of(joined[: sum(lengths)], lengths, pad_id=tokens.pad_id)


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
