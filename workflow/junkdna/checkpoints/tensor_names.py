"""What the names of a checkpoint's tensors say: which are buffers, which experts are missing, which are of the body.

A tensor of a file that the model does not take is one of four things.

- A buffer (`is_buffer`): what the code of a model makes by itself, such as tables of rotary angles, causal masks and
  position numbers. Old files carry them; nothing is lost with them.
- Part of the head of the checkpoint's own task (an LM head, a classifier, the pooler before it): it stands outside the
  base model, or is called pooler, or decoder where the base model has none (Funnel's is of its LM alone). A model for
  another task has no use for it.
- A second name of a tied weight: it stands outside the base model too, or transformers ties it and takes it.
- A weight of the body: all else inside the base model. A model that lacks it is not the one that was trained, so the
  checkpoint is refused (`left_from_body`).

transformers itself says of some architectures what they leave out on purpose (the layers of DeepSeek-V3 that predict
more than one token, say): these never come here.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

# As the last part of a name, and of it the last two, as files of BERT, GPT-2, GPT-J, GPT-NeoX, Llama, BART have them.
_BUFFERS = {"inv_freq", "original_inv_freq", "position_ids", "token_type_ids", "masked_bias", "version"}
_BUFFERS |= {"cos_cached", "sin_cached", "causal_mask", "alibi", "scale_attn", "relative_position_index"}
_BUFFERS |= {"num_batches_tracked"}
_MASKS = {"attn.bias", "attention.bias", "crossattention.bias", "attn.embed_positions"}
_EXPERT = re.compile(r"^(.*\.experts\.(?:expert_)?)(\d+)(\..+)$")


def is_buffer(name: str) -> bool:
    """Whether a tensor of this name is made by the code of a model, and not trained."""
    parts = name.split(".")
    return parts[-1] in _BUFFERS or ".".join(parts[-2:]) in _MASKS


def missing_experts(names: Iterable[str]) -> list[str]:
    """Names of the tensors that some expert of a mixture lacks, told by those that the other experts have.

    Experts with tensors of their own are numbered: `<layer>.experts.<number>.<part>`. In each layer every number up to
    the highest of the file has every part.
    """
    parts: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for name in names:
        if match := _EXPERT.match(name):
            parts[match[1]][match[3]].add(int(match[2]))
    numbers = {number for layer in parts.values() for have in layer.values() for number in have}
    count = max(numbers, default=-1) + 1
    return [
        f"{layer}{number}{part}"
        for layer, suffixes in sorted(parts.items())
        for part, have in sorted(suffixes.items())
        for number in range(count)
        if number not in have
    ]


def left_from_body(names: Iterable[str], *, prefix: str, children: Collection[str]) -> list[str]:
    """Which of the tensors that a model did not take are weights of its body, in order of their names.

    prefix: what the base model is called in the model. children: the names of its own parts, by which its tensors are
    known in a file of the base model alone, whose names lack the prefix.
    """
    found = []
    for name in names:
        inside = name.removeprefix(f"{prefix}.")
        parts = inside.split(".")
        of_base = inside != name or parts[0] in children
        of_task = "pooler" in parts or (parts[0] == "decoder" and "decoder" not in children)
        if of_base and not of_task and not is_buffer(name):
            found.append(name)
    return sorted(found, key=_natural)


def _natural(name: str) -> list[int | str]:
    """Layer 2 comes before layer 10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
