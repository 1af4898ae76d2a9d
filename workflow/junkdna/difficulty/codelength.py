"""Prequential code length: bits per label when each block is coded by what was learnt from those before it.

Blier & Ollivier (NeurIPS 2018), The description length of deep learning models, section 2.4; as a measure of
a data set Perez, Kiela & Cho (ICML 2021), Rissanen data analysis. With nested training sets of
n_1 < ... < n_K examples, the first n_1 labels are coded uniformly over their classes and block k + 1
(n_{k+1} - n_k labels) by the model trained on the first n_k:

    L = n_1 log2(classes) + sum_{k=1}^{K-1} (n_{k+1} - n_k) * loss_k / ln 2,     bits per example = L / n_K.

What is approximated: the labels of a training block are not scored by the earlier model. `loss_k`, the mean
loss of the model trained on n_k examples over the validation examples, estimates it. That is unbiased where
training and validation examples come from one distribution, and gives the interval over seeds and examples.
The last model (all n_K examples) codes nothing. A run that failed to train is paid for like any other: its
code is what this procedure costs. Unit: bits per example. Harder = longer.
"""

import numpy as np

Array = np.ndarray


def codelength(sizes: Array, losses: Array, uniform: float) -> Array:
    """Bits per example [..., size].

    sizes: [K] training examples, strictly rising. losses: [K - 1 or K, ..., size] mean validation loss in nats
    of the model trained on each (that of the last is not used). uniform: log2 of the number of classes.
    ValueError unless the sizes rise.
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    if len(sizes) < 2 or (np.diff(sizes) <= 0).any() or sizes[0] <= 0:
        raise ValueError(f"sizes: found {sizes.tolist()}; legal: at least two, strictly rising")
    bits = np.asarray(losses, dtype=np.float64)[: len(sizes) - 1] / np.log(2.0)
    return (sizes[0] * uniform + np.tensordot(np.diff(sizes), bits, axes=1)) / sizes[-1]
