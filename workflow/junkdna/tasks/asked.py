"""The questions of one split as a model is asked them: encoded once for a checkpoint, a task and a draw of shots.

Every recipe of a seed reads the same file, so runs are paired question by question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from junkdna.files.artifacts import read_metadata, read_tensors, write_tensors
from junkdna.tasks.encode_prompts import Encoded
from junkdna.tasks.prompts import Question

# What questions may lack, a field of `Asked`, and how that is told of some of them.
SHORTCOMINGS = {
    "lost_shots": "were too long for all their shots",
    "cut_evidence": "were too long for all their evidence",
    "no_evidence": "come without evidence, for none of theirs holds an answer",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The questions of a split, one after the other.

    contexts: int32 flat, what stands before; context_ends: int64 [C + 1]. targets: int32 flat, what may follow, the
    delimiter included; target_ends: int64 [T + 1]. of: int64 [T], the context of each target. null: int32 flat and
    null_ends [T + 1], the same targets after the null prompt, whose tokens are null_context. characters: int64 [T], of
    each target without the delimiter. ends: int64 [Q + 1], targets of question q are ends[q]:ends[q + 1].
    example_id, right (place of the right option, 0 without options), lost_shots, cut_evidence (1 where a part of the
    evidence had to go too), no_evidence (1 where some was asked for and none holds an answer): int64 [Q].
    """

    contexts: Tensor
    context_ends: Tensor
    targets: Tensor
    target_ends: Tensor
    of: Tensor
    null: Tensor
    null_ends: Tensor
    null_context: Tensor
    characters: Tensor
    ends: Tensor
    example_id: Tensor
    right: Tensor
    lost_shots: Tensor
    cut_evidence: Tensor
    no_evidence: Tensor

    def __len__(self) -> int:
        return len(self.example_id)

    def another(self) -> np.ndarray:
        """For each question the place of another one, of each once: int64 [Q].

        The next by `example_id`, of the last the first: it hangs on which questions there are, not on their order. A
        single question has but itself.
        """
        order = np.argsort(self.example_id.numpy(), kind="stable")
        other = np.empty(len(order), dtype=np.int64)
        other[order] = np.roll(order, -1)
        return other

    def encoded(self) -> list[Encoded]:
        """Each context with its own targets, in the order of the contexts."""
        context_of = self.of.tolist()
        targets: list[list[tuple[int, ...]]] = [[] for _ in range(len(self.context_ends) - 1)]
        for k, each in enumerate(_pieces(self.targets, self.target_ends)):
            targets[context_of[k]].append(each)
        contexts = _pieces(self.contexts, self.context_ends)
        return [Encoded(context, tuple(own)) for context, own in zip(contexts, targets, strict=True)]

    def without_question(self) -> list[Encoded]:
        """The same targets after the null prompt, as one question each."""
        context = tuple(self.null_context.tolist())
        return [Encoded(context, (target,)) for target in _pieces(self.null, self.null_ends)]


class Flat:
    """Collects questions into flat lists."""

    def __init__(self) -> None:
        self.contexts: list[tuple[int, ...]] = []
        self.targets: list[tuple[int, ...]] = []
        self.null: list[tuple[int, ...]] = []
        self.of: list[int] = []
        self.characters: list[int] = []
        self.ends = [0]
        self.facts: list[tuple[int, ...]] = []
        self.null_context: tuple[int, ...] = ()

    def add(
        self,
        encoded: Sequence[Encoded],
        null: Sequence[tuple[tuple[int, ...], tuple[int, ...]]],
        question: Question,
        example_id: int,
        flags: tuple[bool, bool],
    ) -> None:
        """Take up one question: its contexts with their targets, and each target after the null prompt."""
        for each in encoded:
            self.contexts.append(each.context)
            self.targets += each.targets
            self.of += [len(self.contexts) - 1] * len(each.targets)
        contexts = {context for context, _ in null}
        assert len(contexts) <= 1 and (not self.null_context or {self.null_context} == contexts), (
            "the null prompt is the same for every question"
        )
        self.null_context = null[0][0]
        self.null += [target for _, target in null]
        self.characters += [len(text) for text in question.targets]
        self.ends.append(len(self.targets))
        lost = max(each.lost_shots for each in encoded)
        self.facts.append((example_id, question.right, lost, *map(int, flags)))

    def asked(self) -> Asked:
        """All questions that were taken up."""
        facts = torch.tensor(self.facts, dtype=torch.int64).T.contiguous()
        return Asked(
            contexts=_joined(self.contexts),
            context_ends=_ends(self.contexts),
            targets=_joined(self.targets),
            target_ends=_ends(self.targets),
            of=torch.tensor(self.of),
            null=_joined(self.null),
            null_ends=_ends(self.null),
            null_context=torch.tensor(self.null_context, dtype=torch.int32),
            characters=torch.tensor(self.characters),
            ends=torch.tensor(self.ends),
            example_id=facts[0].contiguous(),
            right=facts[1].contiguous(),
            lost_shots=facts[2].contiguous(),
            cut_evidence=facts[3].contiguous(),
            no_evidence=facts[4].contiguous(),
        )


def _joined(pieces: Sequence[Sequence[int]]) -> Tensor:
    return torch.tensor([token for piece in pieces for token in piece], dtype=torch.int32)


def _ends(pieces: Sequence[Sequence[int]]) -> Tensor:
    return torch.from_numpy(
        np.concatenate([[0], np.cumsum([len(piece) for piece in pieces], dtype=np.int64)])
    )


def _pieces(flat: Tensor, ends: Tensor) -> list[tuple[int, ...]]:
    tokens, borders = flat.tolist(), ends.tolist()
    return [tuple(tokens[start:end]) for start, end in zip(borders, borders[1:], strict=False)]


def write_asked(path: str | Path, asked: Asked, about: Mapping[str, Any] | None = None) -> None:
    """Write the questions as safetensors, sealed; `about` goes into the metadata."""
    write_tensors(path, {name: value.contiguous() for name, value in vars(asked).items()}, about)


def read_asked(path: str | Path) -> Asked:
    """Read what `write_asked` wrote."""
    read_metadata(path)
    return Asked(**read_tensors(path))
