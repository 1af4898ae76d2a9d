"""Data maps: how sure a dense run was of its training labels, and how much that moved over the epochs.

Swayamdipta et al. (EMNLP 2020), Dataset cartography, section 2: of each training example, confidence is the
mean over epochs of p(gold label), variability its standard deviation (dividing by the number of epochs).
Here the task's value is the mean over its training examples. Unit: probability. Harder = lower confidence;
more variable = more of the examples are ambiguous to the model.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

Array = np.ndarray


def confidence_map(tables: Mapping[int, pd.DataFrame]) -> tuple[Array, Array, Array]:
    """Confidence [S, n] and variability [S, n] of every example under every seed, and the ids [n], sorted.

    tables: seed -> rows (example_id, epoch, confidence), in the order of the seeds. Variability is NaN with a
    single epoch. ValueError when the seeds trained on different examples, or an epoch lacks some.
    """
    maps: list[pd.DataFrame] = []
    for seed, table in tables.items():
        wide = table.pivot(index="example_id", columns="epoch", values="confidence").sort_index()
        if wide.isna().to_numpy().any():
            raise ValueError(f"confidences of seed {seed}: an epoch lacks examples that another has")
        if maps and not wide.index.equals(maps[0].index):
            raise ValueError(
                f"confidences of seed {seed}: other training examples than of seed {next(iter(tables))}"
            )
        maps.append(wide)
    stacked: Sequence[Array] = [wide.to_numpy(dtype=np.float64) for wide in maps]
    confidence = np.stack([values.mean(axis=1) for values in stacked])
    variability = np.stack(
        [values.std(axis=1) if values.shape[1] > 1 else np.full(len(values), np.nan) for values in stacked]
    )
    return confidence, variability, maps[0].index.to_numpy()
