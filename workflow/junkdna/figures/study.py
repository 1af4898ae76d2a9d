"""The figures of a study by name, in one call; what the tables do not hold is left out."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import altair as alt
import pandas as pd

from junkdna.figures.equal_terms import equal_bytes_figure, equal_damage_figure
from junkdna.figures.performance import dense_scores, performance, regimes
from junkdna.figures.perplexity import perplexity_figure
from junkdna.figures.style import REGIME_LOOKS
from junkdna.figures.training import budget_figure
from junkdna.study.regimes import CURVED

# Of the numbers on an axis, by what varies.
UNITS = {"train_percent": " %", "evidence": " tokens", "distance": " tokens"}


def study_figures(
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    axes: Mapping[str, Mapping[str, Any]],
    only: str | None = None,
    terms: pd.DataFrame | None = None,
) -> dict[str, alt.TopLevelMixin]:
    """Draw the figures of a study: `dense`, and for each axis `performance-<axis>` and `regimes-<axis>`.

    axes: slug -> {"tasks": easy to hard}; one of `vary: budget` has `budget-<axis>` instead. A figure for which
    there are no runs is left out. only: draw just this one; ValueError when the study has no such figure. terms:
    from `equal_terms_table`; with it, an axis that is pruned and quantized has `equal-bytes-<axis>` and
    `equal-damage-<axis>` too.
    """
    ordered = list(dict.fromkeys(task for axis in axes.values() for task in axis["tasks"]))
    ordered += [task for task in cells["task"].unique() if task not in ordered]
    makers = {"dense": partial(dense_scores, cells, ordered, title="Dense models against chance")}
    for name, axis in axes.items():
        tasks, own = axis["tasks"], cells[cells["task"].isin(axis["tasks"])]
        if axis.get("vary") == "budget":
            title = f"Does more training bring it back? {axis['task']}"
            makers[f"budget-{name}"] = partial(budget_figure, cells, tasks, axis["values"], title=title)
            continue
        if own["regime"].isin(CURVED).any():
            title = f"Performance against compression: {name}"
            of_axis = {"title": title, "knob": axis.get("knob", ""), "values": _values(axis)}
            makers[f"performance-{name}"] = partial(performance, cells, runs, tasks, **of_axis)
        if own["regime"].isin(set(REGIME_LOOKS) - {*CURVED, "scratch"}).any():
            makers[f"regimes-{name}"] = partial(
                regimes, cells, runs, tasks, title=f"Regimes side by side: {name}"
            )
        if terms is not None and (own.loc[own["family"] != "dense", "selection"] == "none").nunique() == 2:
            title = f"Retention at equal bytes: {name}"
            makers[f"equal-bytes-{name}"] = partial(equal_bytes_figure, cells, runs, tasks, title=title)
            title = f"Separation of the tasks at equal damage: {name}"
            chosen = terms[terms["axis"] == name]
            makers[f"equal-damage-{name}"] = partial(equal_damage_figure, chosen, title=title)
    for task in cells.loc[cells["metric"] == "log-likelihood", "task"].unique():
        title = f"Perplexity against compression: {task}"
        makers[f"perplexity-{task}"] = partial(perplexity_figure, cells, runs, task, title=title)
    if only is not None and only not in makers:
        raise ValueError(f"figures: {only!r}; this study has {', '.join(makers)}")
    return {name: make() for name, make in makers.items() if only in (None, name)}


def _values(axis: Mapping[str, Any]) -> dict[str, str]:
    """What is varied of each task of an axis, as it is read; nothing where the tasks are just listed."""
    unit = UNITS.get(axis.get("vary", ""), "")
    values = [value if isinstance(value, str) else f"{value}{unit}" for value in axis.get("values", ())]
    return dict(zip(axis["tasks"], values, strict=False))
