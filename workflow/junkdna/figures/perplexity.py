"""The figure of running text: perplexity under every method, against what it removes or the bits it leaves."""

import altair as alt
import numpy as np
import pandas as pd

from junkdna.figures.panels import Panel, colour_and_shape
from junkdna.figures.style import GREY, SHAPES, SOFT, theme
from junkdna.tables.runs import PATTERN

# Okabe & Ito's palette without black and yellow, and two darker ones: ten families are told apart by shape too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#6b6b6b", "#7b3294", "#8c510a")
# Perplexities are drawn up to so many times that of the unigram model.
ABOVE = 1.5
WIDTH = 330


def perplexity_figure(cells: pd.DataFrame, runs: pd.DataFrame, task: str, *, title: str) -> alt.TopLevelMixin:
    """Draw perplexity (exp of minus the log-likelihood) of a task, logarithmic: a column a checkpoint.

    Above: pruning, over the share of the weights removed, a line a family, N:M patterns as hollow marks. Below:
    quantization, over the bits that a weight takes, scales and zeros included. Bands are 95 % intervals over texts.
    A perplexity above 1.5 times that of the unigram model is not drawn. ValueError without runs of this task.
    """
    own = cells[cells["task"] == task]
    if own.empty:
        raise ValueError(f"figures: no runs of {task}")
    bits = runs[runs["task"] == task].groupby(["checkpoint", "recipe"])["effective_bits"].first()
    own = own.assign(
        bits=bits.reindex(pd.MultiIndex.from_frame(own[["checkpoint", "recipe"]])).to_numpy(),
        perplexity=np.exp(-own["score"]),
        low=np.exp(-own["score_high"]),
        high=np.exp(-own["score_low"]),
        unigram=np.exp(-own["chance"]),
    )
    dense = own["family"].eq("dense")
    quantized = (own["selection"] == "none") & ~dense
    rows = []
    for chosen, kind in ((own[~dense & ~quantized], "level"), (own[quantized], "bits")):
        if len(chosen):
            rows.append(_row(chosen, own[dense], kind))
    subtitle = [
        "Perplexity of the compressed weights as they are; lower is better. Band: 95 % interval over texts.",
        f"Hollow: N:M. Dotted: dense. Dashed: unigram model; nothing is drawn above {ABOVE:g} times its perplexity.",
    ]
    return (
        alt.vconcat(*rows, spacing=28)
        .resolve_scale(color="independent", shape="independent")
        .properties(title=alt.TitleParams(title, subtitle=subtitle), config=theme())
    )


def _row(chosen: pd.DataFrame, dense: pd.DataFrame, kind: str) -> alt.HConcatChart:
    """One kind of compression: a panel a checkpoint, with a legend of its own."""
    chosen = chosen.assign(method=chosen["family"].str.removesuffix("-nm"))
    # A curve stops at its last point inside; higher values are in the table.
    chosen = chosen[chosen["perplexity"] <= ABOVE * chosen["unigram"]]
    names = list(dict.fromkeys(chosen["method"]))
    legend = alt.Legend(title="method:", orient="right", symbolOpacity=1)
    colours = [COLOURS[index % len(COLOURS)] for index in range(len(names))]
    shapes = [SHAPES[index % len(SHAPES)] for index in range(len(names))]
    color, shape = colour_and_shape("method", names, colours, shapes, legend)
    panels = []
    for number, checkpoint in enumerate(dict.fromkeys(chosen["checkpoint"])):
        rows = chosen[chosen["checkpoint"] == checkpoint]
        twin = dense[dense["checkpoint"] == checkpoint]
        panels.append(_panel(rows, twin, kind, color, shape, first=number == 0).properties(title=checkpoint))
    return alt.hconcat(*panels, spacing=22).resolve_scale(color="shared", shape="shared")


def _panel(
    rows: pd.DataFrame, dense: pd.DataFrame, kind: str, color: alt.Color, shape: alt.Shape, *, first: bool
) -> Panel:
    whole, unigram = float(dense["perplexity"].iloc[0]), float(dense["unigram"].iloc[0])
    top = 1.15 * max(rows["perplexity"].max(), whole)
    columns = ["recipe", "method", "selection", "level", "bits", "perplexity", "low", "high"]
    data = rows[columns].assign(high=rows["high"].clip(upper=top))
    scale = alt.Scale(type="log", domain=[0.85 * whole, top], nice=False)
    y = alt.Y("perplexity:Q", scale=scale, title="perplexity" if first else None, axis=alt.Axis(format="~g"))
    if kind == "level":
        most = 10 * -(-data["level"].max() // 10)
        axis = alt.Axis(values=list(range(0, int(most) + 1, 10)))
        x = alt.X("level:Q", title="weights removed, %", scale=alt.Scale(domain=[0, most]), axis=axis)
    else:
        scale_x = alt.Scale(
            reverse=True, domain=[int(data["bits"].min()), -int(-data["bits"].max() // 1)], nice=False
        )
        axis = alt.Axis(tickMinStep=1)
        x = alt.X("bits:Q", title="bits a weight, scales included", scale=scale_x, axis=axis)
    tooltip = ["recipe", *(alt.Tooltip(name, format=".3f") for name in ("perplexity", "low", "high", "bits"))]
    patterned = data["selection"].str.startswith(PATTERN)
    lines = alt.Chart(data[~patterned].sort_values(["method", kind]))
    lone = alt.Chart(data[patterned])
    marks = pd.DataFrame({"perplexity": [whole, unigram], "dash": ["dense", "unigram"]})
    levels = alt.Chart(marks[marks["perplexity"] <= top])
    dash = alt.StrokeDash(
        "dash:N", scale=alt.Scale(domain=["dense", "unigram"], range=[[1, 3], [5, 4]]), legend=None
    )
    return alt.layer(
        levels.mark_rule(color=GREY).encode(y=y, strokeDash=dash),
        levels.mark_text(align="right", dx=-3, dy=9, fontSize=10, color=SOFT).encode(
            y=y, x=alt.value(WIDTH), text="dash:N"
        ),
        lines.mark_area(opacity=0.08).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q", color=color),
        lines.mark_line(strokeWidth=1.6).encode(x=x, y=y, color=color),
        lines.mark_point(filled=True, size=40, opacity=1).encode(
            x=x, y=y, color=color, shape=shape, tooltip=tooltip
        ),
        lone.mark_point(filled=False, size=90, strokeWidth=2, opacity=1).encode(
            x=x, y=y, color=color, shape=shape, tooltip=tooltip
        ),
    ).properties(width=WIDTH, height=300)
