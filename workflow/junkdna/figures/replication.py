"""A study drawn over a figure of the paper: ours filled and with a band, theirs hollow."""

import altair as alt
import pandas as pd

from junkdna.figures.panels import Panel, legend, level, percent
from junkdna.figures.style import CROSS, GREY, REGIME_LOOKS, SHAPES, difficulty_colours, theme

Y_TITLE = "show == 'retention' ? 'retention: % of the dense score above chance' : '% of the dense score'"
OURS = ["series", "task", "recipe", "regime", "level", "metric", "n_seeds", "fail_rate", "score"]
OURS += [f"{name}{end}" for name in ("percent", "retention") for end in ("", "_low", "_high")]
OURS += ["paper_percent", "paper_retention"]
THEIRS = ["series", "task", "regime", "level", "percent", "retention", "collapsed", "comparable", "reason"]


def overlay(table: pd.DataFrame, values: pd.DataFrame, figure: str) -> alt.TopLevelMixin:
    """Draw one figure of the paper with the study over it, a panel each of the paper's panels and checkpoint.

    table: from `replication_table`; values: from `read_values`. Of the paper all levels are drawn, of those
    series that the study has; points that must not be compared are grey crosses. A switch goes from percent of
    dense to chance-corrected retention. ValueError when no run of the study stands in this figure.
    """
    own = table[table["figure"] == figure]
    if own.empty:
        held = ", ".join(table["figure"].unique())
        raise ValueError(f"figures: no run of the study stands in {figure!r}; some do in {held or 'none'}")
    theirs = values[values["figure"] == figure]
    keys = own[["panel", "series"]].drop_duplicates()
    theirs = theirs.merge(keys, on=["panel", "series"])
    # In the order of the whole figure: its first panel may hold but some of them.
    series = values.loc[values["figure"] == figure, "series"].unique()
    color, shape = _keys([name for name in series if name in set(keys["series"])])
    y = alt.Y("shown:Q", title=None, scale=_scale(own, theirs))
    parts = own[["checkpoint", "panel"]].drop_duplicates().itertuples(index=False, name=None)
    panels = []
    for checkpoint, panel in parts:
        ours = own[(own["checkpoint"] == checkpoint) & (own["panel"] == panel)]
        chart = _panel(ours, theirs[theirs["panel"] == panel], y=y, color=color, shape=shape)
        title = alt.TitleParams(f"{panel}; {checkpoint}", fontSize=13, fontWeight="normal", offset=6)
        panels.append(chart.properties(title=title, width=325, height=240))
    switch = alt.binding_radio(
        options=["percent", "retention"], labels=["% of dense", "retention"], name="y axis: "
    )
    subtitle = [
        _models(own),
        "Filled: this study, mean of all runs, collapsed ones too; 95 % band over seeds and examples, cut at the edge.",
        "Hollow, dashed: the paper; small: both its runs collapsed. Grey cross: must not be compared.",
    ]
    return (
        alt.concat(*panels, columns=2, spacing=30)
        .resolve_scale(color="shared", shape="shared", y="shared", x="shared")
        .add_params(alt.param(name="show", value="percent", bind=switch))
        .properties(title=alt.TitleParams(f"Beside the paper: {figure}", subtitle=subtitle), config=theme())
    )


def _keys(series: list[str]) -> tuple[alt.Color, alt.Shape]:
    """Colour and shape of the series: those of the regimes, or easy to hard."""
    if set(series) <= set(REGIME_LOOKS):
        series = [name for name in REGIME_LOOKS if name in series]
        colours, shapes = (list(each) for each in zip(*(REGIME_LOOKS[name] for name in series), strict=True))
        title = "regime:"
    else:
        # Of two colours the ends of the scale, whichever of the two is there.
        known = ["easy", "hard"] if set(series) <= {"easy", "hard"} else series
        colours = [dict(zip(known, difficulty_colours(len(known)), strict=True))[name] for name in series]
        shapes = [SHAPES[known.index(name) % len(SHAPES)] for name in series]
        title = "task of the pair:" if known == ["easy", "hard"] else "share of the training data:"
    color, shape = (alt.Scale(domain=series, range=each) for each in (colours, shapes))
    return (
        alt.Color("series:N", scale=color, sort=series, legend=legend(title)),
        alt.Shape("series:N", scale=shape, sort=series, legend=legend(title)),
    )


def _scale(ours: pd.DataFrame, theirs: pd.DataFrame) -> alt.Scale:
    """From the lowest to the highest point of either measure; an interval that leaves it is cut.

    One collapsed run of three makes an interval that would squeeze all the rest.
    """
    ends = {}
    for name, factor in (("percent", 1), ("retention", 100)):
        points = factor * pd.concat([ours[name], theirs[name], pd.Series([100 / factor])])
        ends[name] = (float(points.min()) - 5, float(points.max()) + 5)
    low, high = (
        alt.ExprRef(f"show == 'retention' ? {ends['retention'][side]:.1f} : {ends['percent'][side]:.1f}")
        for side in (0, 1)
    )
    return alt.Scale(domainMin=low, domainMax=high, nice=False, zero=False)


def _panel(
    ours: pd.DataFrame, theirs: pd.DataFrame, *, y: alt.Y, color: alt.Color, shape: alt.Shape
) -> Panel:
    """One panel of the paper: their curves below, ours above."""
    mine = alt.Chart(_data(ours[OURS]))
    for end in ("", "_low", "_high"):
        shown = f"show == 'retention' ? {percent(f'datum.retention{end}')} : datum.percent{end}"
        mine = mine.transform_calculate(**{f"shown{end}": shown})
    paper = alt.Chart(_data(theirs[THEIRS])).transform_calculate(
        shown=f"show == 'retention' ? {percent('datum.retention')} : datum.percent"
    )
    paper = paper.transform_filter("isValid(datum.shown)")
    good = paper.transform_filter("datum.comparable")
    small = alt.condition("datum.collapsed", alt.value(20), alt.value(60))
    detail = alt.Detail(["task:N", "recipe:N"])
    common = {"x": level("level"), "y": y, "color": color}
    layers = [
        alt.Chart(pd.DataFrame({"shown": [100.0]})).mark_rule(strokeDash=[2, 4], color=GREY).encode(y=y),
        paper.mark_line(strokeWidth=1.5, strokeDash=[5, 4], opacity=0.7).encode(**common),
        mine.mark_area(opacity=0.17, clip=True).encode(
            x=level("level"), y="shown_low:Q", y2="shown_high:Q", color=color, detail="task:N"
        ),
        mine.mark_line(strokeWidth=2).encode(**common, detail="task:N"),
        # A single level has no area: its interval would be lost.
        mine.mark_rule(strokeWidth=1.5, clip=True).encode(**common | {"y": "shown_low:Q"}, y2="shown_high:Q"),
        good.mark_point(filled=False, strokeWidth=1.8, fill="white", opacity=1).encode(
            **common, shape=shape, size=small, tooltip=_about_theirs()
        ),
        mine.mark_point(filled=True, size=60, opacity=1).encode(
            **common, shape=shape, detail=detail, tooltip=_about_ours()
        ),
        alt.Chart(pd.DataFrame({"none": [0]}))
        .mark_text(align="left", baseline="bottom", fontSize=11)
        .encode(x=alt.value(-30), y=alt.value(-6), text=alt.value(alt.ExprRef(Y_TITLE))),
    ]
    if not theirs["comparable"].all():
        crosses = paper.transform_filter("!datum.comparable")
        crosses = crosses.mark_point(shape=CROSS, size=55, strokeWidth=2, color=GREY, opacity=1)
        layers.append(crosses.encode(x=level("level"), y=y, tooltip=_about_theirs()))
    return alt.layer(*layers)


def _about_ours() -> list[str | alt.Tooltip]:
    numbers = [f"{name}{end}" for name in ("percent", "retention") for end in ("", "_low", "_high")]
    numbers += ["paper_percent", "paper_retention", "score", "fail_rate"]
    return ["task:N", "recipe:N", "regime:N", "level:Q", "n_seeds:Q", *_numbers(*numbers)]


def _about_theirs() -> list[str | alt.Tooltip]:
    words = {"collapsed": "collapsed training", "comparable": "comparable", "reason": "why not"}
    about = [alt.Tooltip(f"{name}:N", title=title) for name, title in words.items()]
    return ["task:N", "regime:N", "level:Q", *_numbers("percent", "retention"), *about]


def _numbers(*names: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{name}:Q", format=".3f", title=name.replace("_", " ")) for name in names]


def _data(table: pd.DataFrame) -> pd.DataFrame:
    return table.round(dict.fromkeys(table.select_dtypes("float"), 5)).reset_index(drop=True)


def _models(own: pd.DataFrame) -> str:
    """Whose model is shown, and whether it saw the paper's tasks whole."""
    model = own["paper_checkpoint"].iloc[0]
    text = f"The paper's model is {model}, and so is this one"
    if not own["same_checkpoint"].all():
        text = f"The paper's model is {model}; {', '.join(own['checkpoint'].unique())} is another"
    return f"{text}, on cut tasks." if own["cut"].any() else f"{text}."
