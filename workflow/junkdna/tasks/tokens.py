"""The texts of a task as numbers of a tokenizer: made once for a checkpoint and task, read by every run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from junkdna.files.artifacts import METADATA_KEY, read_metadata, read_tensors, write_tensors

if TYPE_CHECKING:
    import pandas as pd
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerBase

# What a run needs of them, and nothing more: importing this module must not import transformers or datasets.
BATCH = 4096  # sequences that go to the tokenizer at once: bounds the memory that its answer takes


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The sequences of one split, one after the other, without padding.

    input_ids: int32 [total]. offsets: int64 [sequences + 1], where sequence i is
    input_ids[offsets[i]:offsets[i + 1]].
    segments: uint8 [total], which of the two texts a token is of, where the tokenizer tells; else None.
    example_id: int64 [examples]. label: int64 [examples], class or place of the right option; float32 for
    regression. options: int64 [examples + 1], for format `choice` only: sequences options[i]:options[i + 1]
    are the question of example i with each of its options; else None, and sequence i is example i.
    num_labels: width of the head (1 for regression, choice and lm, whose labels are 0). pad_id: what to pad a
    batch with.
    truncated: share of the sequences that were cut at max_length.
    """

    input_ids: Tensor
    offsets: Tensor
    segments: Tensor | None
    example_id: Tensor
    label: Tensor
    options: Tensor | None
    format: str
    num_labels: int
    pad_id: int
    truncated: float = 0.0


def write_tokens(path: str | Path, tokens: Tokens, about: Mapping[str, Any] | None = None) -> None:
    """Write tokens as safetensors; format, num_labels, pad_id and truncated go into its metadata, as does `about`."""
    tensors = {name: value for name, value in vars(tokens).items() if isinstance(value, Tensor)}
    facts = ("format", "num_labels", "pad_id", "truncated")
    write_tensors(path, tensors, {**(about or {}), **{name: str(getattr(tokens, name)) for name in facts}})


def read_tokens(path: str | Path) -> Tokens:
    """Read what `write_tokens` wrote."""
    facts = read_metadata(path)
    optional = {"segments": None, "options": None}
    return Tokens(
        **(optional | read_tensors(path)),
        format=facts["format"],
        num_labels=int(facts["num_labels"]),
        pad_id=int(facts["pad_id"]),
        truncated=float(facts["truncated"]),
    )


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """Load the tokenizer of a checkpoint folder, without network and without code from the folder.

    Raises ValueError where there is none, or only one that is written in Python.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, ImportError, KeyError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{folder}: transformers finds no tokenizer that it can load: {reason}") from None
    if len(tokenizer) <= len(tokenizer.all_special_tokens):  # transformers makes an empty one from the config
        raise ValueError(
            f"{folder}: there is no vocabulary (tokenizer.json, vocab.txt, ...) for the tokenizer"
        )
    if not tokenizer.is_fast:
        raise ValueError(
            f"{folder}: {type(tokenizer).__name__} has no fast form (tokenizer.json), which is needed here"
        )
    return tokenizer


def tokenize(
    table: "pd.DataFrame",
    tokenizer: "PreTrainedTokenizerBase",
    *,
    format: str,
    max_length: int,
    num_labels: int | None = None,
) -> Tokens:
    """Tokenize the normalised examples of a task (see `junkdna.tasks.fetch.fetch_task`).

    max_length: tokens, special ones included; of a pair the longer text is cut first. num_labels: width of
    the head; if None, what the table's metadata says. A tokenizer that puts nothing between two texts (those
    of decoders) gets them on two lines. A text of no token at all becomes one end-of-text token.

    Raises ValueError where max_length is more than the model takes, or the tokenizer has nothing to pad with.
    """
    special, limit = tokenizer.num_special_tokens_to_add(pair=True), tokenizer.model_max_length
    if not special < max_length <= limit:
        raise ValueError(
            f"max_length: found {max_length}; legal: more than {special} (the special tokens), up to the "
            f"{limit} that the checkpoint takes"
        )
    if num_labels is None:
        num_labels = table.attrs[METADATA_KEY]["num_labels"]
    pad_id = next((i for i in (tokenizer.pad_token_id, tokenizer.eos_token_id) if i is not None), None)
    if pad_id is None:
        raise ValueError("the tokenizer has neither a padding nor an end-of-text token, so batches cannot be")
    counts = None
    first, second = table["text"].tolist(), None
    if format == "choice":
        counts = table["options"].map(len).to_numpy()
        first = [text for text, count in zip(first, counts, strict=True) for _ in range(count)]
        second = [option for row in table["options"] for option in row]
    elif "text_pair" in table.columns and not table["text_pair"].isna().all():
        second = table["text_pair"].tolist()
    if second is not None and not _separates(tokenizer):
        second = ["\n" + text for text in second]
    ids, segments, lengths, cut = [], [], [], 0
    empty = next(i for i in (tokenizer.eos_token_id, tokenizer.bos_token_id, pad_id) if i is not None)
    for encoding in _encode(tokenizer, first, second, max_length):
        ids.append(np.array(encoding.ids or [empty], dtype=np.int32))
        segments.append(np.array(encoding.type_ids or [0], dtype=np.uint8))
        lengths.append(len(ids[-1]))
        cut += bool(encoding.overflowing)
    tells = "token_type_ids" in tokenizer.model_input_names
    labels = table["label"].to_numpy(dtype=np.float32 if format == "regression" else np.int64)
    return Tokens(
        input_ids=torch.from_numpy(np.concatenate(ids)),
        offsets=torch.from_numpy(np.cumsum([0, *lengths], dtype=np.int64)),
        segments=torch.from_numpy(np.concatenate(segments)) if tells else None,
        example_id=torch.from_numpy(table["example_id"].to_numpy(dtype=np.int64).copy()),
        label=torch.from_numpy(labels.copy()),
        options=None if counts is None else torch.from_numpy(np.cumsum([0, *counts], dtype=np.int64)),
        format=format,
        num_labels=num_labels,
        pad_id=pad_id,
        truncated=cut / len(lengths),
    )


def describe_lengths(tokens: Tokens, max_length: int) -> dict[str, float | int]:
    """How long the sequences of a split are: how many, the mean in tokens, and the share that was cut."""
    count = len(tokens.offsets) - 1
    mean = len(tokens.input_ids) / count
    return {"sequences": count, "mean": mean, "truncated": tokens.truncated, "max_length": max_length}


def without_text(tokens: Tokens, tokenizer: "PreTrainedTokenizerBase") -> Tokens:
    """Return the same examples and labels with every text empty, as tokenizing empty texts would give them.

    What a model learns from these is what can be told without the input (the null input of V-usable
    information, Ethayarajh et al. 2022). All options of a `choice` look the same then. ValueError for
    regression, whose examples may have one or two texts, and for lm, which is nothing but text.
    """
    import pandas as pd

    if tokens.format in ("regression", "lm"):
        raise ValueError(
            f"format: found {tokens.format}; legal for a null input: classification, pair, choice"
        )
    table = pd.DataFrame(
        {"example_id": [0], "label": [0], "text": [""], "text_pair": [""], "options": [[""]]}
    )
    unused = {"classification": "text_pair", "pair": "options", "choice": "text_pair"}[tokens.format]
    # A decoder parts two empty texts by a line break, which some tokenizers write in several tokens.
    room = min(tokenizer.num_special_tokens_to_add(pair=True) + 16, tokenizer.model_max_length)
    blank = tokenize(
        table.drop(columns=unused),
        tokenizer,
        format=tokens.format,
        max_length=room,
        num_labels=tokens.num_labels,
    )
    count, length = len(tokens.offsets) - 1, len(blank.input_ids)
    return replace(
        tokens,
        input_ids=blank.input_ids.repeat(count),
        offsets=torch.arange(count + 1) * length,
        segments=None if blank.segments is None else blank.segments.repeat(count),
        truncated=0.0,
    )


def _encode(
    tokenizer: "PreTrainedTokenizerBase", first: list[str], second: list[str] | None, max_length: int
) -> "Iterator[Encoding]":
    for start in range(0, len(first), BATCH):
        part = slice(start, start + BATCH)
        yield from tokenizer(
            first[part],
            None if second is None else second[part],
            truncation="longest_first",
            max_length=max_length,
            padding=False,
            return_attention_mask=False,
            verbose=False,
        ).encodings


def _separates(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the tokenizer itself puts a special token between the two texts of a pair."""
    texts = tokenizer("a", "b").encodings[0].sequence_ids
    return None in texts[texts.index(0) : texts.index(1)]
