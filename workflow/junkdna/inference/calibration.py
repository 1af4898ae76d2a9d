"""What the inputs of each prunable matrix look like on calibration text: the statistics that scores ask for.

The model runs as a whole and its products are watched (`junkdna.inference.watch_inputs`), so no layer loop is written
anew here and any architecture goes. It sees one sequence at a time: nothing is padded, so every row of every input
counts, whatever its shape.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from junkdna.inference.batches import load_data, pad_batches
from junkdna.inference.input_sums import Sums, one_by_one, padded_lengths
from junkdna.inference.token_limits import check_tokens
from junkdna.inference.watch_inputs import Watch
from junkdna.models.matrices import PrunableWeight, owner_of
from junkdna.models.prunable import prunable_weights
from junkdna.tasks.tokens import Tokens

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
        for kind in ("norms", "hessians", "factors", "unseen")
        for name in prunable_weights(model, "body")
    ]


def stream_statistics(
    model: PreTrainedModel, tokens: Tokens, *, hessians: bool, budget: int = BUDGET
) -> Iterator[tuple[str, Tensor]]:
    """Sum up the squares of each matrix's inputs x over all tokens, in float32.

    Yields, for each weight of scope `body`, `norms:<name>`, the sum of x^2 [inputs], and where asked
    `hessians:<name>`, the sum of x x^T [inputs, inputs]; all on the model's device. One pass over the sequences
    serves all matrices whose Hessians together fit `budget` bytes there; else there are as many passes as it takes,
    so that no more than that is ever held, whatever the size of the model.

    Of a stack some matrices may see nothing: experts to which no token went. Such a one gets the mean of the norms of
    those of its stack that did (its Hessian has them on the diagonal), and it is said: in `unseen:<name>` [1] = 1,
    which masks and codes made from it hand on, and on stderr. ValueError for any other matrix that gave nothing.
    """
    found = prunable_weights(model, "body")
    widths = {name: weight.tensor.shape[weight.input_dim] for name, weight in found.items()}
    check_tokens(model, tokens)
    groups = _groups(widths, budget) if hessians else [[]]
    norms: dict[str, Tensor] = {}
    unseen: list[str] = []
    for index, names in enumerate(groups):
        sums = Sums(norms_of=set() if index else set(found), hessians_of=set(names))
        _run(model, tokens, {name: found[name] for name in (names if index else found)}, sums)
        if not index:
            norms = {name.removeprefix("norms:"): total for name, total in sums.norms.items()}
            unseen = _fill_unseen(found, norms)
            yield from ((f"norms:{name}", norms[name]) for name in found)
            yield from ((f"unseen:{name}", torch.ones(1)) for name in unseen)
        for name in names:
            made = norms[name].diag() if name in unseen else sums.hessians.pop(name)
            yield f"hessians:{name}", made
            del made
    if unseen:
        shown = ", ".join(unseen[:3]) + (f" and {len(unseen) - 3} more" if len(unseen) > 3 else "")
        print(
            f"calibration: no token came to {len(unseen)} of {len(found)} matrices ({shown}): experts that the text "
            "does not need; they take the mean input norms of the other experts of their layer",
            file=sys.stderr,
        )


def _fill_unseen(found: Mapping[str, PrunableWeight], norms: dict[str, Tensor]) -> list[str]:
    """Give the matrices of a stack that saw nothing the mean norms of those that did, in place; return their names."""
    lacking = [name for name in found if name not in norms or not norms[name].any()]
    stacks: dict[str, list[str]] = {}
    for name, weight in found.items():
        stacks.setdefault(owner_of(name, weight), []).append(name)
    lost = [name for name in found if name not in norms and len(stacks[owner_of(name, found[name])]) == 1]
    seen = {owner: [norms[name] for name in names if name not in lacking] for owner, names in stacks.items()}
    lost += [name for owner, names in stacks.items() if len(names) > 1 and not seen[owner] for name in names]
    if lost:
        raise ValueError(
            f"calibration: {len(lost)} of {len(found)} matrices of the body saw no input ({', '.join(lost[:3])}"
            f"{', ...' if len(lost) > 3 else ''}), so methods that look at inputs cannot judge them; text does not "
            "pass them in this architecture, or they are used in a way that "
            "junkdna/inference/watch_inputs.py does not know"
        )
    unseen = [name for name in lacking if len(stacks[owner_of(name, found[name])]) > 1]
    for name in unseen:
        norms[name] = torch.stack(seen[owner_of(name, found[name])]).mean(dim=0)
    return unseen


@torch.no_grad()
def _run(model: PreTrainedModel, tokens: Tokens, found: Mapping[str, PrunableWeight], sums: Sums) -> None:
    """Show the model each sequence, with every product watched."""
    data = load_data(tokens, model.device)
    training = model.training
    model.eval()
    with one_by_one(model), padded_lengths(model, sums), Watch(found, sums.add):
        for batch in pad_batches(data, [np.array([index]) for index in range(len(data))]):
            sums.start(batch.inputs["input_ids"].shape[1])
            model(**batch.inputs)
    sums.finish()
    model.train(training)


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
