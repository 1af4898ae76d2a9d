"""What the inputs of each prunable matrix look like on calibration text: the statistics that scores ask for.

The model runs as a whole and its products are watched (`junkdna.inference.watch_inputs`), so no layer loop is written
anew here and any architecture goes. It sees one sequence at a time: nothing is padded, so every row of every input
counts, whatever its shape.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

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

Inputs = dict[str, Tensor]

# Bytes of Hessians that are summed up at a time, on the device of the model.
BUDGET = 4 << 30


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
    inputs = sequence_inputs(model, tokens)

    def run(found: Mapping[str, PrunableWeight], sums: Sums) -> None:
        show_sequences(model, inputs, lambda _, given: model(**given), found, sums)

    yield from sum_inputs(prunable_weights(model, "body"), run, hessians=hessians, budget=budget)


def sum_inputs(
    found: Mapping[str, PrunableWeight],
    run: Callable[[Mapping[str, PrunableWeight], Sums], None],
    *,
    hessians: bool,
    budget: int = BUDGET,
) -> Iterator[tuple[str, Tensor]]:
    """What `stream_statistics` yields, of the matrices `found`; run: shows the sequences and watches these matrices."""
    widths = {name: weight.tensor.shape[weight.input_dim] for name, weight in found.items()}
    groups = _groups(widths, budget) if hessians else [[]]
    norms: dict[str, Tensor] = {}
    unseen: list[str] = []
    for index, names in enumerate(groups):
        sums = Sums(norms_of=set() if index else set(found), hessians_of=set(names))
        run({name: found[name] for name in (names if index else found)}, sums)
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


def sequence_inputs(model: PreTrainedModel, tokens: Tokens) -> list[Inputs]:
    """The inputs of the model, a sequence each, on its device; ValueError for tokens beyond its tables."""
    check_tokens(model, tokens)
    data = load_data(tokens, model.device)
    return [batch.inputs for batch in pad_batches(data, [np.array([index]) for index in range(len(data))])]


@torch.no_grad()
def show_sequences(
    model: PreTrainedModel,
    inputs: list[Inputs],
    forward: Callable[[int, Inputs], Any],
    found: Mapping[str, PrunableWeight],
    sums: Sums,
) -> None:
    """Call `forward` with the number of each sequence and the sequence, with all products of the matrices watched."""
    training = model.training
    model.eval()
    with one_by_one(model), padded_lengths(model, sums), Watch(found, sums.add):
        for number, given in enumerate(inputs):
            sums.start(given["input_ids"].shape[1])
            forward(number, given)
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
