"""The figures of performance against level, of regimes side by side and of dense scores; data are inlined."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from junkdna.figures.panels import CUT, colour_and_shape, dense_panel, legend, performance_panel, regime_panel
from junkdna.figures.style import BAR, GREY, REGIME_LOOKS, SHAPES, difficulty_colours, theme
from junkdna.study.regimes import CURVED, REGIMES
from junkdna.tables.predictions import BLIND
from junkdna.tables.retention import is_dense

Curve = tuple[str, str, str]
CURVE = ["checkpoint", "family", "selection"]
FAILED = "\N{MULTIPLICATION SIGN} (set aside): a run that did not train, not in the mean."


def performance(
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    tasks: list[str],
    *,
    title: str,
    knob: str = "",
    values: Mapping[str, str] | None = None,
) -> alt.TopLevelMixin:
    """Draw performance against level in the regimes sparse and qat, a line a task, a panel a checkpoint and pattern.

    tasks: easy to hard, which is also the order of the colours. knob, values: in what they differ, and in which value
    of it each does; then the lines have its name and not the task's. Lines and bands are over the runs that trained;
    every run is a dot, every one that failed a cross. A task that the dense model does not learn has no line. A
    switch changes from retention to the raw score. ValueError when no run of these tasks is there.
    """
    tasks = [task for task in tasks if (cells["task"] == task).any()]
    chosen = cells[cells["task"].isin(tasks) & cells["regime"].isin([*CURVED, "dense"])]
    single = runs[runs["task"].isin(tasks) & runs["regime"].isin(CURVED)]
    curves = _curves(chosen)
    if not curves:
        raise ValueError(
            f"figures: no runs in the regimes {', '.join(CURVED)} on {', '.join(tasks) or 'these tasks'}"
        )
    # One level is no curve; it is shown only where there is nothing else.
    levels = chosen.groupby(CURVE)["level"].nunique()
    curves = [curve for curve in curves if levels[curve] > 1] or curves
    shapes = [SHAPES[index % len(SHAPES)] for index in range(len(tasks))]
    color, shape = colour_and_shape(
        "task",
        tasks,
        difficulty_colours(len(tasks)),
        shapes,
        legend(f"{knob}, easy to hard:" if values else "easy to hard:", values),
    )
    size = {"width": 700 if len(curves) == 1 else 385, "height": 300}
    panels = []
    for curve in curves:
        lines, dots = _of_curve(chosen, curve, beside="dense"), _of_curve(single, curve)
        panel = performance_panel(lines, dots, color=color, shape=shape, names=_bits(lines, curve))
        panels.append(panel.properties(title=_panel_title(_name(curve), offset=8), **size))
    panels[0] = panels[0].add_params(alt.selection_point(name="picked", fields=["task"], bind="legend"))
    switch = alt.binding_radio(
        options=["retention", "score"], labels=["retention", "raw score"], name="y axis: "
    )
    # Where nothing trains, nothing is said of trainings that failed, unless a run has.
    trains = (single["regime"] != "zero-shot").any() or not single["trained"].all()
    mean = "mean of the runs that trained" if trains else "mean of the runs"
    subtitle = [
        f"Line: {mean}. Band: {_interval(chosen)}{_cut(chosen)}. Dot: one run.",
        f"{FAILED} Dashed: chance." if trains else "Dashed: chance.",
        *_unlearnt(chosen),
    ]
    return (
        alt.concat(*panels, columns=2, spacing=30)
        .resolve_scale(color="shared", shape="shared", y="shared", x="shared")
        .add_params(alt.param(name="show", value="retention", bind=switch))
        .properties(title=alt.TitleParams(title, subtitle=subtitle), config=theme())
    )


def regimes(cells: pd.DataFrame, runs: pd.DataFrame, tasks: list[str], *, title: str) -> alt.TopLevelMixin:
    """Draw retention under every regime side by side: a column a task, a row a checkpoint and pattern.

    tasks: easy to hard. Points and bars are means and intervals over the runs that trained, crosses the
    others. ValueError when no regime other than sparse was run on these tasks.
    """
    of_tasks = (cells["task"].isin(tasks) & cells["regime"].isin(REGIME_LOOKS), runs["task"].isin(tasks))
    chosen, single = cells[of_tasks[0]], runs[of_tasks[1]]
    other = chosen[~chosen["regime"].isin(CURVED) & (chosen["family"] != "dense")]
    if other.empty:
        raise ValueError(f"figures: no regime but sparse was run on {', '.join(tasks) or 'these tasks'}")
    tasks = [task for task in tasks if (other["task"] == task).any()]
    names = [
        name
        for name in REGIME_LOOKS
        if name not in {*CURVED} - {"sparse"} and (chosen["regime"] == name).any()
    ]
    colours, shapes = zip(*(REGIME_LOOKS[name] for name in names), strict=True)
    color, shape = colour_and_shape("regime", names, list(colours), list(shapes), legend("regime:"))
    columns = min(5, len(tasks))
    size = {"width": max(130, min(260, (770 - 14 * columns) // columns)), "height": 220}
    rows = []
    for curve in _curves(other):
        panels = []
        for index, task in enumerate(tasks):
            means, runs_of = (
                rows[rows["task"] == task]
                for rows in (_of_curve(table, curve, beside="scratch") for table in (chosen, single))
            )
            first = index % columns == 0
            panel = regime_panel(means, runs_of, names, first=first, color=color, shape=shape)
            panels.append(panel.properties(title=alt.TitleParams(task, anchor="middle", fontSize=12), **size))
        row = alt.concat(*panels, columns=columns, spacing=14).resolve_scale(y="shared", x="shared")
        rows.append(row.properties(title=_panel_title(_name(curve), offset=6)))
    subtitle = [
        ". ".join(f"{name}: {REGIMES[name].phrase}" for name in names[:2]) + ".",
        ". ".join(f"{name}: {REGIMES[name].phrase}" for name in names[2:]) + "." * (len(names) > 2),
        f"Point and bar: mean of the runs that trained, {_interval(chosen)}{_cut(chosen)}.",
        f"{FAILED} Dashed: dense (100) and chance (0).",
    ]
    return (
        alt.vconcat(*rows, spacing=24)
        .resolve_scale(color="shared", shape="shared")
        .properties(
            title=alt.TitleParams(title, subtitle=[line for line in subtitle if line]), config=theme()
        )
    )


def dense_scores(cells: pd.DataFrame, tasks: list[str], *, title: str) -> alt.TopLevelMixin:
    """Draw the score of the dense model on every task with its chance level, a panel a checkpoint.

    tasks: in the order to draw. ValueError when none has a dense run.
    """
    dense = cells[is_dense(cells) & cells["task"].isin(tasks)]
    if dense.empty:
        raise ValueError(f"figures: no dense run on {', '.join(tasks) or 'these tasks'}")
    dense = dense.sort_values("task", key=lambda names: names.map(tasks.index), kind="stable")
    dense = dense.assign(name=dense["task"] + " (" + dense["metric"] + ")")
    order = list(dense["name"].unique())
    left = min(-0.02, 1.02 * float(dense[["score_low", "chance"]].min(axis=None)))
    keys = ["dense model", "chance"]
    color, shape = colour_and_shape(
        "what", keys, [REGIME_LOOKS["freeze"][0], GREY], ["circle", BAR], legend(None)
    )
    width = 640 if dense["checkpoint"].nunique() == 1 else 290
    panels = [
        dense_panel(rows, order, keys, left=left, color=color, shape=shape).properties(
            title=_panel_title(checkpoint, offset=8), width=width, height=alt.Step(30)
        )
        for checkpoint, rows in dense.groupby("checkpoint", sort=False)
    ]
    subtitle = f"Bar: {_interval(dense)}. Chance: the best predictor that does not look at the input"
    free = any(BLIND.get(metric) == "by_chance" for metric in dense["metric"])
    subtitle += "; of free questions the model, asked another one." if free else "."
    return alt.concat(*panels, columns=2, spacing=30).properties(
        title=alt.TitleParams(title, subtitle=subtitle), config=theme()
    )


def _interval(cells: pd.DataFrame) -> str:
    """What the intervals of these cells are over: seeds were resampled only where there are several."""
    several = (cells["resampled"] == "seeds and examples").any()
    return "95 % interval over " + ("seeds and examples" if several else "examples (a single seed)")


def _cut(cells: pd.DataFrame) -> str:
    """Say so where an interval of retention goes further than it is drawn."""
    low, high = CUT
    over = (cells["retention_trained_low"] < low / 100) | (cells["retention_trained_high"] > high / 100)
    return f", cut at {low} and {high} %".replace("-", "\N{MINUS SIGN}") * bool(over.any())


def _unlearnt(cells: pd.DataFrame) -> list[str]:
    """Name the tasks that have no retention to draw."""
    dense = cells[is_dense(cells) & ~cells["measurable"].astype(bool)]
    names = ", ".join(dict.fromkeys(dense["task"]))
    return [f"Not drawn, for dense it is not clearly above chance: {names}."] if names else []


def _panel_title(text: str, *, offset: int) -> alt.TitleParams:
    return alt.TitleParams(text, fontSize=13, fontWeight="normal", offset=offset)


def _curves(cells: pd.DataFrame) -> list[Curve]:
    """Every compressed (checkpoint, family, selection), in the order of the table."""
    compressed = cells.loc[cells["family"] != "dense", CURVE].drop_duplicates()
    return list(compressed.itertuples(index=False, name=None))


def _name(curve: Curve) -> str:
    checkpoint, family, selection = curve
    return f"{checkpoint}, {family}" if selection == "none" else f"{checkpoint}, {family} {selection}"


def _bits(cells: pd.DataFrame, curve: Curve) -> dict[float, str]:
    """What the levels of a quantized curve are called, such as w4; nothing for a pruned one."""
    own = cells[cells["family"] == curve[1]]
    if curve[2] != "none":
        return {}
    return {level: slug.rsplit("-", 1)[1] for level, slug in zip(own["level"], own["recipe"], strict=True)}


def _of_curve(table: pd.DataFrame, curve: Curve, *, beside: str = "") -> pd.DataFrame:
    """The rows of a curve in drawing order; `beside` adds those of a regime that stands at level 0 (dense, scratch)."""
    checkpoint, family, selection = curve
    own = (table["family"] == family) & (table["selection"] == selection)
    own |= (table["family"] == "dense") & (table["regime"] == beside)
    return table[(table["checkpoint"] == checkpoint) & own].sort_values("level", kind="stable")
