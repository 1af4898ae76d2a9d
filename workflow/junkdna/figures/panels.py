"""One panel of a figure, and the encodings that panels share."""

import json
from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from junkdna.figures.style import CROSS, GREY, REGIME_LOOKS

# What `alt.layer` returns: of our layers, none of which has facets of its own, always the first.
Panel = alt.LayerChart | alt.FacetChart
# Crosses stand this far right of their level, or the mean would hide them.
ASIDE = 2.5
# Intervals of retention, in %, are drawn no further than this: of three seeds that differ they go far.
CUT = (-25, 150)
Y_TITLE = "show == 'score' ? 'raw score' : 'retention: % of the dense score above chance'"
# What a page carries for every point; the tables have many more columns.
RUN = ["checkpoint", "recipe", "task", "regime", "seed", "level", "score", "raw_retention", "trained"]
RUN += ["outcome"]
CELL = ["task", "regime", "level", "metric", "chance", "n_seeds", "n_trained"]
CELL += [f"{name}_trained{end}" for name in ("score", "retention") for end in ("", "_low", "_high")]


def performance_panel(
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    color: alt.Color,
    shape: alt.Shape,
    names: Mapping[float, str] | None = None,
) -> Panel:
    """Draw one curve a task over the level; the parameters `show` and `picked` belong to the whole figure.

    names: of the levels, where they are numbers of bits and no shares of weights removed.
    """
    lines = alt.Chart(_data(cells[CELL]))
    for end in ("", "_low", "_high"):
        retention = f"datum.retention_trained{end}"
        if end:
            retention = f"clamp({percent(retention)}, {CUT[0]}, {CUT[1]})"
            retention = f"(isValid({percent(f'datum.retention_trained{end}')}) ? {retention} : null)"
        else:
            retention = percent(retention)
        shown = f"show == 'score' ? datum.score_trained{end} : {retention}"
        lines = lines.transform_calculate(**{f"shown{end}": shown})
    dots = alt.Chart(_data(runs[RUN].assign(aside=runs["level"] + ASIDE)))
    shown = f"show == 'score' ? datum.score : {percent('datum.raw_retention')}"
    dots = dots.transform_calculate(shown=shown)
    floor = alt.Chart(_data(cells[["task", "chance"]].drop_duplicates("task")))
    floor = floor.transform_calculate(shown="show == 'score' ? datum.chance : 0")
    y = alt.Y("shown:Q", title=None, scale=alt.Scale(zero=False))
    grey_or_task = alt.when("show == 'score'").then(color).otherwise(alt.value(GREY))
    common: dict[str, Any] = {"x": level("level", names), "y": y, "color": color}
    layers = [
        floor.mark_rule(strokeDash=[4, 4]).encode(y=y, color=grey_or_task, opacity=_faded(0.8, 0.1)),
        lines.mark_area().encode(
            x=level("level", names),
            y="shown_low:Q",
            y2="shown_high:Q",
            color=color,
            opacity=_faded(0.17, 0.02),
        ),
        dots.mark_point(filled=True, size=16)
        .transform_filter("datum.trained")
        .encode(**common, opacity=_faded(0.55, 0.05), tooltip=_about_run()),
        lines.mark_line(strokeWidth=2).encode(**common, opacity=_faded(1, 0.1)),
        lines.mark_point(filled=True, size=55).encode(
            **common, shape=shape, opacity=_faded(1, 0.1), tooltip=_about_cell()
        ),
        # Axis titles cannot change with the switch; a text above the axis can.
        alt.Chart(pd.DataFrame({"none": [0]}))
        .mark_text(align="left", baseline="bottom", fontSize=11)
        .encode(x=alt.value(-30), y=alt.value(-8), text=alt.value(alt.ExprRef(Y_TITLE))),
    ]
    if not runs["trained"].all():
        crosses = _crosses(dots.transform_filter("!datum.trained"))
        common |= {"x": level("aside", names), "opacity": _faded(1, 0.1)}
        layers.append(crosses.encode(**common, tooltip=_about_run()))
    return alt.layer(*layers)


def regime_panel(
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    names: list[str],
    *,
    first: bool,
    color: alt.Color,
    shape: alt.Shape,
) -> Panel:
    """Draw one task under the regimes `names`; `first` carries the labels of the y axis.

    Regimes are set a little apart along the level, or their bars would hide each other.
    """
    spread = dict(zip(names, 1.6 * (np.arange(len(names)) - (len(names) - 1) / 2), strict=True))
    means = _data(cells[CELL])
    failed = _data(runs.loc[~runs["trained"], RUN])
    means["place"] = means["level"] + np.array([spread[name] for name in means["regime"]], dtype=float)
    failed["place"] = (
        failed["level"] + np.array([spread[name] for name in failed["regime"]], dtype=float) + ASIDE
    )
    for end in ("", "_low", "_high"):
        shown = 100 * means[f"retention_trained{end}"]
        means[f"shown{end}"] = shown.clip(*CUT) if end else shown
    failed["shown"] = 100 * failed["raw_retention"]
    axis = alt.Axis(labels=first, ticks=first, domain=first, title="retention, %" if first else None)
    y = alt.Y("shown:Q", axis=axis, scale=alt.Scale(zero=False))
    x = level("place")
    base = alt.Chart(means)
    ends = alt.Chart(pd.DataFrame({"shown": [0.0, 100.0]}))
    layers = [
        ends.mark_rule(strokeDash=[4, 4], color=GREY).encode(y=y),
        base.mark_line(strokeWidth=1.5, opacity=0.6).encode(x=x, y=y, color=color),
        base.mark_rule(strokeWidth=1.5).encode(
            x=x, y=alt.Y("shown_low:Q", axis=axis), y2="shown_high:Q", color=color
        ),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            x=x, y=y, color=color, shape=shape, tooltip=_about_cell()
        ),
    ]
    if len(failed):
        layers.append(_crosses(alt.Chart(failed)).encode(x=x, y=y, color=color, tooltip=_about_run()))
    return alt.layer(*layers)


def dense_panel(
    cells: pd.DataFrame, order: list[str], keys: list[str], *, left: float, color: alt.Color, shape: alt.Shape
) -> Panel:
    """Draw the dense scores of one checkpoint: the score under the first key, chance under the second.

    cells: with a column `name` for the rows, drawn in `order`. left: where the axis starts.
    """
    x: dict[str, Any] = {
        "scale": alt.Scale(domain=[left, 1], nice=False),
        "axis": alt.Axis(format=".1f", tickCount=10, labelFlush=False),
        "title": "score",
    }
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=240, ticks=False, grid=True))
    rows = cells[
        ["name", "task", "metric", "score", "score_low", "score_high", "chance", "n_seeds", "n_trained"]
    ]
    tooltip: list[str | alt.Tooltip] = [
        "task:N",
        "metric:N",
        *_numbers("score", "score_low", "score_high", "chance"),
        *_counts(),
    ]
    base = alt.Chart(_data(rows)).encode(y=y, tooltip=tooltip)
    layers = [
        base.mark_rule(strokeWidth=3, color=REGIME_LOOKS["freeze"][0]).encode(
            x=alt.X("score_low:Q", **x), x2="score_high:Q"
        )
    ]
    # A small dot, or it would hide a narrow interval.
    for key, column, size in zip(keys, ("score", "chance"), (50, 140), strict=True):
        marks = base.transform_calculate(what=f"'{key}'").mark_point(filled=True, size=size, opacity=1)
        layers.append(marks.encode(x=alt.X(f"{column}:Q", **x), color=color, shape=shape))
    return alt.layer(*layers)


def _crosses(chart: alt.Chart) -> alt.Chart:
    return chart.mark_point(shape=CROSS, size=60, strokeWidth=2, opacity=1)


def level(column: str, names: Mapping[float, str] | None = None) -> alt.X:
    """The axis of levels, always from 0 to 100 so that panels compare.

    names: of levels that quantize; they stand at the share of the bytes that they save.
    """
    scale = alt.Scale(domain=[0, 100], nice=False)
    if not names:
        axis = alt.Axis(values=[0, 20, 40, 60, 80, 100], labelFlush=False)
        return alt.X(f"{column}:Q", title="weights removed, %", scale=scale, axis=axis)
    # Named after the value as drawn, for a number in an expression is compared bit for bit.
    shown = {f"{place:.2f}": name for place, name in {0.0: "dense", **names}.items()}
    label = f"({json.dumps(shown)})[format(datum.value, '.2f')]"
    axis = alt.Axis(values=[0.0, *names], labelExpr=label, labelFlush=False, labelOverlap="parity")
    title = "bits of a weight, at the % of bytes saved against 16"
    return alt.X(f"{column}:Q", title=title, scale=scale, axis=axis)


def legend(title: str | None, labels: Mapping[str, str] | None = None) -> alt.Legend:
    """A legend in a row above the panels; labels: name -> what is written for it."""
    written = f"({json.dumps(labels)})[datum.label] || datum.label"
    return alt.Legend(
        labelExpr=written if labels else alt.Undefined,
        title=title,
        titleLimit=420,
        symbolOpacity=1,
        orient="top",
        direction="horizontal",
        titleOrient="left",
        columns=6,
        offset=12,
    )


def colour_and_shape(
    field: str, names: list[str], colours: list[str], shapes: list[str], legend: alt.Legend
) -> tuple[alt.Color, alt.Shape]:
    """Colour and shape of the same field: one legend, and no difference rests on colour alone."""
    color = alt.Color(f"{field}:N", scale=alt.Scale(domain=names, range=colours), legend=legend)
    shape = alt.Shape(f"{field}:N", scale=alt.Scale(domain=names, range=shapes), legend=legend)
    return color, shape


def percent(value: str) -> str:
    """An expression that is 100 times another, and null where that is: in Vega's arithmetic null is 0."""
    return f"(isValid({value}) ? 100 * {value} : null)"


def _data(table: pd.DataFrame) -> pd.DataFrame:
    return table.round(dict.fromkeys(table.select_dtypes("float"), 5)).reset_index(drop=True)


def _faded(full: float, faint: float) -> Mapping[str, Any]:
    """Opacity that falls for the tasks that are not picked in the legend."""
    return alt.condition(alt.selection_point(name="picked"), alt.value(full), alt.value(faint))


def _about_cell() -> list[str | alt.Tooltip]:
    ends = [f"{name}_trained{end}" for name in ("retention", "score") for end in ("", "_low", "_high")]
    return ["task:N", "regime:N", "level:Q", "metric:N", *_numbers(*ends, "chance"), *_counts()]


def _about_run() -> list[str | alt.Tooltip]:
    keys = ["task:N", "recipe:N", "regime:N", "seed:Q"]
    return [*keys, *_numbers("raw_retention", "score"), "outcome:N"]


def _numbers(*names: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip(
            f"{name}:Q",
            format=".3f",
            title=name.replace("_trained", "").replace("raw_", "").replace("_", " "),
        )
        for name in names
    ]


def _counts() -> list[alt.Tooltip]:
    return [alt.Tooltip("n_trained:Q", title="runs that trained"), alt.Tooltip("n_seeds:Q", title="of seeds")]
