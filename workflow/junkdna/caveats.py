"""The sentences that follow a verdict: what was left out, and what else could explain it.

`rows` are runs of one curve, with the columns that `claims` gives them. Each sentence begins with a space, or
is empty.
"""

import numpy as np
import pandas as pd


def order_found(tasks: list[str], area: np.ndarray) -> str:
    """Say in which order tasks kept their retention `area` [k, 1 + B], and how sure the asked order is."""
    order = " > ".join(tasks[index] for index in np.argsort(-area[:, 0], kind="stable"))
    share = np.mean((np.diff(area[:, 1:], axis=0) < 0).all(axis=0))
    return f" Kept most to least: {order}; the full order holds in {share:.0%} of the resamples."


def levels_caveat(rows: pd.DataFrame, levels: list[float]) -> str:
    """Name the levels that did not enter an effect."""
    dropped = sorted(set(rows["level"]) - set(levels))
    if not levels or not dropped:
        return ""
    return f" Not used, with too few usable runs: {', '.join(f'{level:g} %' for level in dropped)}."


def failures_caveat(rows: pd.DataFrame) -> str:
    """Say why runs are left out: their training failed, or there is no dense performance to retain."""
    failed = int((~rows["trained"]).sum())
    idle = int((rows["trained"] & ~rows["defined"]).sum())
    words = f" {failed} of {len(rows)} runs did not train." * (failed > 0)
    return words + f" {idle} of {len(rows)} have no dense run above chance." * (idle > 0)


def size_caveat(rows: pd.DataFrame) -> str:
    """Warn when tasks that are compared were not trained on the same amount of data."""
    sizes = rows.groupby("task")["train_examples"].max()
    if sizes.max() <= 1.1 * sizes.min():
        return ""
    return f" The tasks differ in training examples ({sizes.min():,.0f} to {sizes.max():,.0f}): a confounder."
