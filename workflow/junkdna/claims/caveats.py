"""The sentences that follow a verdict: what was left out, and what else could explain it.

Each begins with a space, or is empty.
"""

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from junkdna.statistics.bootstrap import Replicates, resamples
from junkdna.tables.families import Cell


def points(value: float) -> str:
    """A retention (1 = dense) in points, one decimal, with a proper minus sign."""
    return f"{100 * value:z.1f}".replace("-", "\N{MINUS SIGN}")


def order_found(tasks: Sequence[str], area: np.ndarray, replicates: Replicates) -> str:
    """Say in which order tasks kept their retention `area` [k, R], and how sure the asked order is."""
    order = " > ".join(tasks[index] for index in np.argsort(-area[:, 0], kind="stable"))
    share = np.mean((np.diff(resamples(area, replicates), axis=0) < 0).all(axis=0))
    return f" Kept most to least: {order}; the full order holds in {share:.0%} of the resamples."


def levels_caveat(cells: Sequence[Cell], levels: Sequence[float]) -> str:
    """Name the levels that did not enter an effect."""
    dropped = sorted({cell.level for cell in cells} - set(levels))
    if not levels or not dropped:
        return ""
    return f" Not used, with too few usable runs: {', '.join(f'{level:g} %' for level in dropped)}."


def failures_caveat(cells: Sequence[Cell], used: Sequence[Cell]) -> str:
    """Say why runs are left out: their training failed, or there is no dense performance to retain.

    cells: all that could have entered an effect, used: those that did. Where half of the runs or more of a used
    cell failed, those that are left may be lucky ones.
    """
    runs = sum(len(cell.seeds) for cell in cells)
    failed = sum(int((~cell.trained).sum()) for cell in cells)
    idle = sum(int((cell.trained & ~cell.defined).sum()) for cell in cells)
    words = f" {failed} of {runs} runs did not train." * (failed > 0)
    lucky = sum(2 * int((~cell.trained).sum()) >= len(cell.seeds) and cell.n_usable > 0 for cell in used)
    if lucky:
        words += f" In {lucky} of {len(used)} cells half of the runs or more failed; the others may be the lucky ones."
    return words + f" {idle} of {runs} have no dense run that trained and is above chance." * (idle > 0)


def size_caveat(cells: Sequence[Cell]) -> str:
    """Warn when tasks that are compared were not trained on the same amount of data."""
    sizes = [cell.train_examples for cell in cells]
    if not unlike_sizes(sizes):
        return ""
    return f" The tasks differ in training examples ({min(sizes):,.0f} to {max(sizes):,.0f}): a confounder."


def metric_caveat(metrics: Iterable[str]) -> str:
    """Say so when tasks that are compared are not scored by the same metric; metrics: one a task."""
    kinds = list(dict.fromkeys(metric.removeprefix("expected-") for metric in metrics))
    if len(kinds) < 2:
        return ""
    words = (
        f" The tasks are scored by {', '.join(kinds[:-1])} and {kinds[-1]}; compared is what share each keeps"
    )
    return words + " of its own dense score above its own chance."


def unlike_sizes(sizes: Collection[float]) -> bool:
    """Whether the largest of these sizes is more than a tenth above the smallest."""
    return max(sizes) > 1.1 * min(sizes)
