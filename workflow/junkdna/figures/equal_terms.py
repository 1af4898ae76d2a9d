"""The figures that set pruning and quantization on equal terms, in Altair; data are inlined."""

import altair as alt
import pandas as pd

from junkdna.figures.panels import CUT, Panel, colour_and_shape
from junkdna.figures.style import GREY, INK, SHAPES, difficulty_colours, said, theme
from junkdna.study.specs import WEIGHT_BITS
from junkdna.tables.retention import is_dense

CURVE = ["checkpoint", "family", "selection", "regime"]
CELL = ["checkpoint", "recipe", "task", "regime"]
# Regimes that give the bytes back: every weight is there again, so they stand at 16 bits.
ENDS_DENSE = ("freeze", "regrow", "reinit", "scratch")
# Okabe & Ito's palette: of pruning the warm ones, of quantization the cool ones.
KINDS = {"prune": ("#d55e00", "#e69f00", "#cc79a7", "#a0522d"), "quantize": ("#0072b2", "#009e73", "#56b4e9")}
SAID = {"prune": "pruning", "quantize": "quantization"}


def equal_bytes_figure(
    cells: pd.DataFrame, runs: pd.DataFrame, tasks: list[str], *, title: str
) -> alt.TopLevelMixin:
    """Draw retention against the bits that a weight takes, a line a task, a panel a family, dense at 16.

    cells, runs: of a study, the bits are those of the runs. tasks: easy to hard, the order of the colours. Shown
    are the regimes whose weights end compressed. All panels share their axes, pruning comes first. A pruned family
    of a single level is left out where there are others.
    """
    bits = runs.groupby(CELL, sort=False)["effective_bits"].mean().rename("bits").reset_index()
    own = cells[cells["task"].isin(tasks) & cells["retention_trained"].notna()].merge(bits, on=CELL)
    dense = own[is_dense(own)]
    own = own[~own["regime"].isin(ENDS_DENSE) & (own["family"] != "dense")]
    own = _lines(own, CURVE)
    if own.empty:
        return said("No run is usable.", title=title)
    tasks = [task for task in tasks if (own["task"] == task).any()]
    legend = alt.Legend(title="easy to hard:", orient="top", symbolOpacity=1)
    shapes = [SHAPES[index % len(SHAPES)] for index in range(len(tasks))]
    color, shape = colour_and_shape("task", tasks, difficulty_colours(len(tasks)), shapes, legend)
    ends = (max(float(WEIGHT_BITS), own["bits"].max()), own["bits"].min())
    curves = sorted(own.groupby(CURVE, sort=False), key=lambda each: each[0][2] == "none")
    columns = 2 if len(curves) in (2, 4) else 3
    panels = []
    for key, rows in curves:
        beside = dense[(dense["checkpoint"] == key[0]) & dense["task"].isin(rows["task"])]
        panel = _bytes_panel(pd.concat([beside, rows]), ends, color=color, shape=shape)
        width = 385 if columns == 2 else 245
        panels.append(panel.properties(title=_panel_title(_name(*key)), width=width, height=260))
    subtitle = [
        "Line: mean of the runs that trained. Band: 95 % interval. The same place in two panels is the same bytes.",
        "Pruned: 16 bits a kept weight and 1 a weight for the mask. Quantized: codes, scales and zeros.",
        "If the lines fan out under pruning and stay together under quantization, only pruning separates the tasks.",
    ]
    return (
        alt.concat(*panels, columns=columns, spacing=26)
        .resolve_scale(color="shared", shape="shared", x="shared", y="shared")
        .properties(title=alt.TitleParams(title, subtitle=subtitle), config=theme())
    )


def equal_damage_figure(terms: pd.DataFrame, *, title: str) -> alt.TopLevelMixin:
    """Draw the separation of the tasks of an axis against the mean damage, a line a family, a panel a checkpoint.

    terms: the rows of one axis, from `equal_terms_table`. Controls are left out, and so is a pruned family of a single
    level where there are others. Every line begins at no damage.
    """
    own = _lines(terms[~terms["control"].astype(bool)], ["checkpoint", "family", "selection"])
    if own.empty:
        return said("No level is usable on two tasks.", title=title)
    own = own.assign(
        name=[_name("", *key) for key in zip(own["family"], own["selection"], own["regime"], strict=True)],
        kind=own["method"].map(SAID),
    )
    numbers = [f"{name}{end}" for name in ("damage", "separation") for end in ("", "_low", "_high")]
    own[numbers] = 100 * own[numbers]
    own = own[["checkpoint", "name", "kind", "method", "level", "effective_bits", "n_seeds", *numbers]]
    names = own.drop_duplicates("name").sort_values("method", kind="stable")
    colours = [
        KINDS[method][place % len(KINDS[method])]
        for method, rows in names.groupby("method", sort=False)
        for place in range(len(rows))
    ]
    listed = list(names["name"])
    legend = alt.Legend(title=None, orient="top", columns=3, symbolOpacity=1)
    shapes = [SHAPES[index % len(SHAPES)] for index in range(len(listed))]
    color, shape = colour_and_shape("name", listed, colours, shapes, legend)
    groups = list(own.groupby("checkpoint", sort=False))
    size = {"width": 620 if len(groups) == 1 else 370, "height": 330}
    panels = [
        _damage_panel(rows, color=color, shape=shape).properties(title=_panel_title(checkpoint), **size)
        for checkpoint, rows in groups
    ]
    subtitle = [
        "Each mark is a level, the bars its 95 % intervals over seeds and examples. Solid: pruning. Dashed: "
        "quantization.",
        "Where the solid line lies above the dashed one at the same damage, pruning separates the tasks more.",
        "What kills every task separates none: at a damage of 100 every line is at 0.",
    ]
    return (
        alt.concat(*panels, columns=2, spacing=30)
        .resolve_scale(color="shared", shape="shared", y="shared")
        .properties(title=alt.TitleParams(title, subtitle=subtitle), config=theme())
    )


def _bytes_panel(
    cells: pd.DataFrame, ends: tuple[float, float], *, color: alt.Color, shape: alt.Shape
) -> Panel:
    """One family. ends: the most and the fewest bits of the figure."""
    rows = cells[["task", "recipe", "bits", "n_trained", "n_seeds"]].copy()
    for end in ("", "_low", "_high"):
        shown = 100 * cells[f"retention_trained{end}"]
        rows[f"retention{end}"] = shown.clip(*CUT) if end else shown
    base = alt.Chart(rows.reset_index(drop=True))
    values = [bits for bits in (32, 16, 8, 4, 2, 1) if ends[1] / 1.1 <= bits <= ends[0]]
    x = alt.X(
        "bits:Q",
        title="bits a weight, fewer to the right",
        scale=alt.Scale(type="log", base=2, domain=[ends[0] * 1.04, ends[1] / 1.08], nice=False),
        axis=alt.Axis(values=values, format="d"),
    )
    y = alt.Y("retention:Q", title="retention, %", scale=alt.Scale(zero=False))
    tooltip = ["task", "recipe", alt.Tooltip("bits", format=".3g"), "n_trained", "n_seeds"]
    tooltip += [alt.Tooltip(f"retention{end}", format=".1f") for end in ("", "_low", "_high")]
    floor = alt.Chart(pd.DataFrame({"retention": [0.0, 100.0]}))
    return alt.layer(
        floor.mark_rule(strokeDash=[4, 4], color=GREY).encode(y=y),
        base.mark_area(opacity=0.15).encode(
            x=x, y=alt.Y("retention_low:Q"), y2="retention_high:Q", color=color
        ),
        base.mark_line(strokeWidth=2).encode(x=x, y=y, color=color),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            x=x, y=y, color=color, shape=shape, tooltip=tooltip
        ),
    )


def _damage_panel(rows: pd.DataFrame, *, color: alt.Color, shape: alt.Shape) -> Panel:
    """One checkpoint."""
    starts = rows.drop_duplicates("name").assign(level=0.0, damage=0.0, separation=0.0)
    lines = pd.concat([starts, rows])[["name", "kind", "level", "damage", "separation"]]
    x = alt.X(
        "damage:Q",
        title="mean damage: points of retention lost, over the tasks",
        axis=alt.Axis(tickCount=10),
    )
    y = alt.Y("separation:Q", title="separation: points lost more with each step of the axis")
    base = alt.Chart(rows)
    tooltip = ["name", "level", alt.Tooltip("effective_bits", format=".3g", title="bits"), "n_seeds"]
    tooltip += [
        alt.Tooltip(f"{name}{end}", format=".1f")
        for name in ("damage", "separation")
        for end in ("", "_low", "_high")
    ]
    dash = alt.StrokeDash(
        "kind:N", scale=alt.Scale(domain=list(SAID.values()), range=[[1, 0], [6, 4]]), legend=None
    )
    return alt.layer(
        alt.Chart(pd.DataFrame({"separation": [0.0]})).mark_rule(color=INK, opacity=0.4).encode(y=y),
        base.mark_rule(opacity=0.35).encode(
            x=x, y=alt.Y("separation_low:Q"), y2="separation_high:Q", color=color
        ),
        base.mark_rule(opacity=0.35).encode(x=alt.X("damage_low:Q"), x2="damage_high:Q", y=y, color=color),
        alt.Chart(lines)
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=color, strokeDash=dash, order="level:Q"),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            x=x, y=y, color=color, shape=shape, tooltip=tooltip
        ),
    )


def _lines(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The rows of what is drawn: of pruning, families of several levels (all, where none has); quantized ones all.

    NF4 has but one level, and a study rarely has more than a few quantized families.
    """
    quantized = rows["selection"] == "none"
    chosen = rows[quantized | (rows.groupby(keys)["level"].transform("nunique") > 1)]
    return rows if quantized.all() != (chosen["selection"] == "none").all() else chosen


def _name(checkpoint: str, family: str, selection: str, regime: str) -> str:
    """Of a curve; the regime is named where it is not that of the family's kind."""
    words = [checkpoint, family] if checkpoint else [family]
    name = ", ".join(words) + f" {selection}" * (selection != "none")
    return name + f", {regime}" * (regime not in ("sparse", "qat"))


def _panel_title(text: str) -> alt.TitleParams:
    return alt.TitleParams(text, fontSize=13, fontWeight="normal", offset=8)
