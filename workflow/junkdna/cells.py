"""The table of cells: all seeds of one (checkpoint, recipe, task, regime) together.

Runs whose training collapsed or diverged are counted, and never averaged into the `_trained` columns.
"""

import numpy as np
import pandas as pd

from junkdna.bootstrap import Replicates, interval, mean_over_seeds, seed_weights
from junkdna.tables import retention_draws

CELL = ["checkpoint", "recipe", "task", "regime"]
SAME = ["checkpoint", "recipe", "family", "level", "selection", "task", "regime", "metric", "chance"]


def cells_table(runs: pd.DataFrame, draws: np.ndarray, replicates: Replicates) -> pd.DataFrame:
    """Average score, retention and drop over seeds, one row a cell, in the order of `runs`.

    runs: from `runs_table`; draws: its scores [runs, R] along the replicates. Each mean has a 95 % interval over
    examples and seeds, paired with the dense runs; `resampled` says `examples` where a cell has a single seed.
    Columns ending in `_trained` hold the same over the runs that trained (NaN when none did); `collapse_rate`
    is the share of the others.
    """
    weights = seed_weights(replicates)
    twin = runs["dense_row"].to_numpy()
    measures = {
        "score": draws,
        "retention": retention_draws(runs, draws),
        "drop": np.where((twin >= 0)[:, None], draws[twin] - draws, np.nan),
    }
    described = runs[SAME].to_dict("records")
    trained, seeds = runs["trained"].to_numpy(), runs["seed"].to_numpy()
    rows = []
    for at in runs.groupby(CELL, sort=False).indices.values():
        averaged = _averages(
            {name: values[at] for name, values in measures.items()},
            trained[at],
            seeds[at],
            weights,
            replicates,
        )
        rows.append(described[at[0]] | averaged)
    return pd.DataFrame(rows)


def _averages(
    measures: dict[str, np.ndarray],
    trained: np.ndarray,
    seeds: np.ndarray,
    weights: dict[int, np.ndarray],
    replicates: Replicates,
) -> dict:
    """Counts, means and intervals of one cell: measures [S, R], trained and seeds [S]."""
    cell = {
        "n_seeds": len(seeds),
        "n_trained": int(trained.sum()),
        "collapse_rate": float(1 - trained.mean()),
        "resampled": "seeds and examples" if len(seeds) > 1 else "examples",
    }
    for suffix, chosen in (("", np.ones(len(seeds), dtype=bool)), ("_trained", trained)):
        for name, values in measures.items():
            low = high = mean = np.nan
            if chosen.any():
                drawn = mean_over_seeds(values[chosen], list(seeds[chosen]), weights)
                mean = drawn[0]
                low, high = interval(drawn, replicates)
            for part, value in (("", mean), ("_low", low), ("_high", high)):
                cell[f"{name}{suffix}{part}"] = float(value)
    return cell
