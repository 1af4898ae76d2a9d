"""The likelihood of what may follow a context: the options of a question, or gold answers.

Fast: the tokens that all contexts begin with (instruction and shots) are computed once, and the targets of a question
lie side by side behind its context, each blind for the others. Plain: one sequence a target, nothing shared. Both give
the same where an architecture takes a mask of its own and a cache; a model is asked before it is trusted with it.

Shapes: B questions of a batch, W the width of its longest, P the shared tokens.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Cache, PreTrainedModel

from junkdna.inference.batches import group_by_width
from junkdna.inference.precision import autocast
from junkdna.inference.predict import MAX_TOKENS
from junkdna.tasks.encode_prompts import Encoded, shared_prefix

# Fewer shared tokens are not worth a cache of their own.
LEAST_SHARED = 8
# Logits that are turned into probabilities at once, of a vocabulary of 50,000.
ROWS = 1024
# Padded tokens that are computed at once: on a CPU, fewer than fit its memory, for more of one width are no faster, and
# of several widths the most is padding.
COMPUTED = {"cpu": 1024, "cuda": 65536}
# How many questions, and targets of each, the two ways are compared on, and by how many nats a target they may differ:
# with weights in float32, and in half precision, where they differ with every batching.
ASKED, TARGETS, NATS = 2, 2, {torch.float32: 2e-3}
HALF_NATS = 1.0


@dataclass(frozen=True, slots=True)
class _Row:
    """One sequence of a batch. segment: 0 for the context, k for target k. place: position of each token. scored: the
    tokens that are predicted, as (which target, from which place of the row, which token)."""

    number: int
    ids: np.ndarray
    segment: np.ndarray
    place: np.ndarray
    scored: np.ndarray


def target_sums(
    model: PreTrainedModel, asked: Sequence[Encoded], precision: str, *, fast: bool | None = None
) -> list[np.ndarray]:
    """Sum of the log-probabilities of the tokens of each target, nats, float64 [targets] a question.

    fast: whether to share; None asks the model whether it can. The batches hang on the questions alone, so that every
    recipe sees the same ones. NaN where the model gives one.
    """
    model.eval()
    if fast is None:
        fast = shares(model, asked, precision)
    sums = [np.zeros(len(each.targets)) for each in asked]
    shared = shared_prefix([each.context for each in asked]) if fast else 0
    shared = shared if shared >= LEAST_SHARED else 0
    rows = [row for i, each in enumerate(asked) for row in _rows_of(i, each, shared, fast)]
    with torch.inference_mode(), autocast(precision, model.device):
        prefix = compute_prefix(model, asked[0].context[:shared]) if shared else None
        widths = np.array([len(row.ids) for row in rows])
        kind = model.device.type
        for order in group_by_width(widths, MAX_TOKENS[kind], beside=shared, max_computed=COMPUTED[kind]):
            batch = [rows[i] for i in order]
            found = _score(model, batch, prefix, shared, fast)
            for row, values in zip(batch, found, strict=True):
                np.add.at(sums[row.number], row.scored[:, 0], values)
    return sums


@torch.inference_mode()
def shares(model: PreTrainedModel, asked: Sequence[Encoded], precision: str) -> bool:
    """Whether the fast way gives what the plain one does, on the questions that would show it most clearly."""
    few = _telling(asked)
    try:
        ours = target_sums(model, few, precision, fast=True)
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError):
        return False  # no mask of its own, or no cache: the plain way tells whether anything else is wrong
    plain = target_sums(model, few, precision, fast=False)
    allowed = NATS.get(model.dtype if precision == "fp32" else torch.bfloat16, HALF_NATS)
    return all(
        np.allclose(one, other, rtol=0, atol=allowed, equal_nan=True)
        for one, other in zip(ours, plain, strict=True)
    )


def _telling(asked: Sequence[Encoded]) -> list[Encoded]:
    """A few questions, cut to their longest targets, of which the shortest is longer than those of the others.

    An architecture that makes positions of the mask, or sees no mask, is right about targets of one token.
    """
    cut = [replace(each, targets=tuple(sorted(each.targets, key=len)[-TARGETS:])) for each in asked]
    return sorted(cut, key=lambda each: (len(each.targets), len(each.targets[0])))[-ASKED:]


def _rows_of(number: int, asked: Encoded, shared: int, fast: bool) -> Iterator[_Row]:
    """The sequences of a question: one that holds all its targets, or one a target."""
    context = np.array(asked.context[shared:], dtype=np.int64)
    groups = [range(len(asked.targets))] if fast else [[k] for k in range(len(asked.targets))]
    for group in groups:
        ids, segment = [context], [np.zeros(len(context), dtype=np.int64)]
        place, scored, start = [shared + np.arange(len(context))], [], len(context)
        for k in group:
            target = np.array(asked.targets[k], dtype=np.int64)
            # The last token of a target is predicted, and predicts nothing.
            inside = len(target) - 1
            where = np.concatenate([[len(context) - 1], start + np.arange(inside)])[: len(target)]
            scored.append(np.stack([np.full(len(target), k), where, target], axis=1))
            ids.append(target[:-1])
            segment.append(np.full(inside, k + 1))
            place.append(shared + len(context) + np.arange(inside))
            start += inside
        yield _Row(number, *(np.concatenate(each) for each in (ids, segment, place, scored)))


def compute_prefix(model: PreTrainedModel, ids: Sequence[int]) -> Cache:
    """The keys and values of tokens that many sequences begin with."""
    tokens = torch.tensor([ids], device=model.device)
    return model(input_ids=tokens, use_cache=True).past_key_values


def repeated(prefix: Cache, rows: int) -> Cache:
    """A copy of such keys and values for each row of a batch, to which the model may add."""
    cache = copy.deepcopy(prefix)
    cache.batch_repeat_interleave(rows)
    return cache


def _score(
    model: PreTrainedModel, batch: list[_Row], prefix: Cache | None, shared: int, fast: bool
) -> list[np.ndarray]:
    """Log-probabilities of the scored tokens of each row."""
    device, width = model.device, len(batch[0].ids)
    ids, place = (np.zeros((len(batch), width), dtype=np.int64) for _ in range(2))
    for i, row in enumerate(batch):
        ids[i, : len(row.ids)], place[i, : len(row.ids)] = row.ids, row.place
    given: dict[str, Any] = {"input_ids": torch.from_numpy(ids).to(device), "use_cache": False}
    if fast:
        given["position_ids"] = torch.from_numpy(place).to(device)
        given["attention_mask"] = _mask(batch, width, shared, model.dtype, device)
    else:
        present = np.arange(width) < np.array([[len(row.ids)] for row in batch])
        given["attention_mask"] = torch.from_numpy(present.astype(np.int64)).to(device)
    if prefix is not None:
        given |= {"past_key_values": repeated(prefix, len(batch)), "use_cache": True}
    which = np.concatenate([np.full(len(row.scored), i) for i, row in enumerate(batch)])
    where, token = np.concatenate([row.scored[:, 1:] for row in batch]).T
    # Targets of one question begin at the same place.
    places, of = np.unique(which * width + where, return_inverse=True)
    logits = _logits_at(model, given, torch.from_numpy(places).to(device))
    values = _log_probabilities(logits, of, token)
    return np.split(values, np.cumsum([len(row.scored) for row in batch])[:-1])


def _logits_at(model: PreTrainedModel, given: dict[str, Any], places: Tensor) -> Tensor:
    """Logits [N, V] at N places of a batch, counted through its rows; what is not asked for is not computed.

    The layer that makes them is given these places alone, whatever the architecture does before and after it.
    """
    cut: list[bool] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        cut.append(True)
        return (inputs[0].flatten(0, 1)[places][None], *inputs[1:])

    layer = model.get_output_embeddings()
    hook = layer.register_forward_pre_hook(keep) if layer is not None else None
    try:
        logits = model(**given).logits
    finally:
        if hook is not None:
            hook.remove()
    return logits[0] if cut else logits.flatten(0, 1)[places]


def _log_probabilities(logits: Tensor, of: np.ndarray, token: np.ndarray) -> np.ndarray:
    """Log-probability of each `token` by row `of` of logits [N, V], float64, a block of rows at a time."""
    total = torch.cat([block.float().logsumexp(dim=1) for block in logits.split(ROWS)])
    rows, tokens = (torch.from_numpy(each).to(logits.device) for each in (of, token))
    return (logits[rows, tokens].float() - total[rows]).double().cpu().numpy()


def _mask(batch: list[_Row], width: int, shared: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """What each token sees, as numbers to add [B, 1, W, P + W]: the shared tokens, its context, its own target so far.

    Padding sees itself, for a row that sees nothing has no softmax.
    """
    segment = np.full((len(batch), width), -1)
    for i, row in enumerate(batch):
        segment[i, : len(row.ids)] = row.segment
    same = segment[:, :, None] == segment[:, None, :]
    seen = (same | (segment[:, None, :] == 0)) & np.tri(width, dtype=bool)
    seen &= (segment >= 0)[:, :, None] | np.eye(width, dtype=bool)
    before = np.ones((len(batch), width, shared), dtype=bool)
    whole = torch.from_numpy(np.concatenate([before, seen], axis=2)[:, None]).to(device)
    return torch.zeros(whole.shape, dtype=dtype, device=device).masked_fill_(~whole, torch.finfo(dtype).min)
