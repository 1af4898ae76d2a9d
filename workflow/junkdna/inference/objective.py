"""From logits to losses and scores, for every task format.

Shapes: S sequences, E examples, K classes, O largest option count of a batch.
"""

import torch
from torch import Tensor
from torch.nn import functional

from junkdna.inference.batches import Batch


def scores_of(logits: Tensor, batch: Batch, format: str) -> Tensor:
    """Return fp32 scores of the examples: log-probabilities [E, K] or [E, O], or predicted values [E, 1].

    logits: [S, K], with K = 1 for `regression` and `choice`. An option that an example lacks scores -inf.
    """
    logits = logits.float()
    if format == "regression":
        return logits
    if format == "choice":
        assert batch.positions is not None
        options = logits.squeeze(-1)[batch.positions.clamp(min=0)]
        logits = options.masked_fill(batch.positions < 0, float("-inf"))
    return functional.log_softmax(logits, dim=-1)


def losses_of(scores: Tensor, labels: Tensor, format: str) -> Tensor:
    """Return the loss of each example [E]: squared error, or -log of the label's probability (nats)."""
    if format == "regression":
        return functional.mse_loss(scores.squeeze(-1), labels.float(), reduction="none")
    return functional.nll_loss(scores, labels, reduction="none")


def prior_loss(labels: Tensor, counts: Tensor, format: str) -> float:
    """Return the mean loss of the best predictor that ignores its input, on the labels it is fitted to.

    Entropy of the label frequencies in nats; the variance for `regression`; for `choice`, whose options are
    scored each by itself so that their place cannot matter, the mean logarithm of the `counts` of options.
    """
    if format == "regression":
        return labels.double().var(correction=0).item()
    if format == "choice":
        return counts.double().log().mean().item()
    frequencies = torch.bincount(labels).double() / len(labels)
    return torch.special.entr(frequencies).sum().item()
