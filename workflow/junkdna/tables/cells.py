"""The table of cells: all seeds of one (checkpoint, recipe, task, regime) together.

Runs that failed (see `outcomes`) are counted, and never averaged with those that trained.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from junkdna.statistics.bootstrap import Replicates, interval, mean_over_seeds, seed_weights
from junkdna.statistics.proportions import wilson
from junkdna.tables.outcomes import OUTCOMES
from junkdna.tables.predictions import Draws
from junkdna.tables.retention import paired, ratio_of_means
from junkdna.tables.runs import CORRELATIONS

Array = np.ndarray
CELL = ["checkpoint", "recipe", "task", "regime"]
SAME = ["checkpoint", "recipe", "family", "level", "selection", "task", "regime", "metric", "chance"]
SAME += ["measurable"]


def cells_table(runs: pd.DataFrame, draws: Draws, replicates: Replicates) -> pd.DataFrame:
    """Average score, drop and retention over seeds, one row a cell, in the order of `runs`.

    runs: from `runs_table`, with `dense_row`; draws: from `score_draws`. Columns: `cells_columns.CELLS`.
    """
    weights = seed_weights(replicates)
    described = runs[SAME].to_dict("records")
    twin, reference = runs["dense_row"].to_numpy(), paired(runs)
    taught = (twin >= 0) & runs["trained"].to_numpy(dtype=bool)[twin]
    rows = []
    for at in runs.groupby(CELL, sort=False).indices.values():
        cell = described[at[0]] | _counts(runs.iloc[at])
        own = runs.iloc[at]
        # Chance hangs on the task, but a run that diverged has no number there.
        cell["chance"] = own["chance"].bfill().iloc[0]
        found = _means(own, at, draws, reference[at], taught[at], weights)
        score = found["score"]
        correlated = own["metric"].iloc[0] in CORRELATIONS
        if score is not None and correlated and (own["outcome"] == "constant").all():
            found["score"] = np.where(np.arange(replicates.size) == 0, score[0], np.nan)
        for name, values in found.items():
            value = low = high = np.nan
            if values is not None:
                value, low, high = (float(each) for each in (values[0], *interval(values, replicates)))
            cell |= {name: value, f"{name}_low": low, f"{name}_high": high}
        rows.append(cell)
    return pd.DataFrame(rows)


def _counts(own: pd.DataFrame) -> dict[str, Any]:
    """How many runs of a cell became what."""
    number, trained = len(own), int(own["trained"].sum())
    became = own["outcome"].tolist()
    low, high = wilson(number - trained, number)
    return {
        "n_seeds": number,
        "n_trained": trained,
        "n_usable": int(own["usable"].sum()),
        **{f"n_{name}": became.count(name) for name in OUTCOMES[1:]},
        "fail_rate": 1 - trained / number,
        "fail_rate_low": low,
        "fail_rate_high": high,
        "resampled": "seeds and examples" if number > 1 else "examples",
    }


def _means(
    own: pd.DataFrame,
    at: Array,
    draws: Draws,
    reference: Array,
    taught: Array,
    weights: Mapping[int, Array],
) -> dict[str, Array | None]:
    """Each mean of a cell along the replicates [R]; None where no run is in it.

    reference, taught: whether a run has a reference (see `paired`), whether its twin trained [n].
    """
    seeds, twin = own["seed"].to_numpy(), own["dense_row"].to_numpy()
    trained, usable = own["trained"].to_numpy(dtype=bool), own["usable"].to_numpy(dtype=bool)
    scored = np.isfinite(draws.score[at, 0])
    drop = draws.score[twin] - draws.score[at]
    kept = np.where(trained[:, None], draws.excess[at], 0.0)
    whole = draws.excess[twin]

    def mean(values: Array, chosen: Array) -> Array | None:
        return mean_over_seeds(values[chosen], list(seeds[chosen]), weights) if chosen.any() else None

    def retention(chosen: Array) -> Array | None:
        if not chosen.any():
            return None
        return ratio_of_means(kept[chosen], whole[chosen], list(seeds[chosen]), weights)

    return {
        "score": mean(draws.score[at], scored),
        "score_trained": mean(draws.score[at], trained),
        "drop_trained": mean(drop, trained & taught),
        "retention_trained": retention(usable),
        "retention_with_failed": retention(reference),
    }
