"""Usable information: how many bits about the label a model takes from the input.

Ethayarajh, Choi & Swayamdipta (ICML 2022), Understanding dataset difficulty with V-usable information,
sections 2 and 3. With the conditional entropies H_V(Y) of a model that sees no input and H_V(Y|X) of one that
does, I_V = H_V(Y) - H_V(Y|X); of an example, PVI(x -> y) = -log2 p_null(y) + log2 p_model(y|x). I_V is the
mean PVI. Everything is in bits and on held-out examples.

Shapes: S dense runs, N null-input runs, n examples. Harder = less information.
"""

import numpy as np

from junkdna.tables.outcomes import constant_losses

Array = np.ndarray
NATS = np.log(2.0)


def pvi(loss: Array, null_loss: Array) -> Array:
    """Pointwise V-information [..., n] in bits, of losses in nats [..., n].

    Averages over runs go in as mean losses: the PVI of an example under several models is the mean of theirs.
    """
    return (np.asarray(null_loss) - np.asarray(loss)) / NATS


def prior_loss(target: Array, classes: Array, *, choice: bool) -> Array:
    """Loss [n] in nats of the best predictor without input, where no null-input run was made.

    -log of the label's frequency among these examples; for `choice`, whose options a model scores each by
    itself, the log of their number (`classes` [n]).
    """
    return constant_losses("choice" if choice else "classification", target, classes)


def label_entropy(target: Array, classes: Array, *, choice: bool) -> float:
    """H(Y) in bits of the labels of these examples; for `choice` the mean log2 of the number of options."""
    return float(np.mean(prior_loss(target, classes, choice=choice)) / NATS)
