"""The figures of claims and of difficulty, in Altair, from the tables of a study; data are inlined."""

import altair as alt
import pandas as pd

from junkdna.claims.verdicts import QUESTIONS
from junkdna.figures.style import GREY, SHAPES, difficulty_colours, said, theme
from junkdna.tables.runs import PATTERN

VERDICT_COLOURS = {
    "supported": "#009e73",
    "refuted": "#d55e00",
    "undecided": "#8a8f98",
    "too few seeds": "#b8a038",
}
# Measures that are shown against s50, where they are known for two tasks or more.
SHOWN = ("dense-error", "human-gap", "v-information", "codelength", "confidence", "rasch")


def claims_figure(claims: pd.DataFrame, *, title: str) -> alt.TopLevelMixin:
    """Draw the effect of every claim with its 95 % interval and the margin, the single effects as dots.

    claims: from `claims_table`. Where nothing was measured the figure says so.
    """
    known = claims[claims["effect"].notna()].copy()
    if known.empty:
        return said("No claim was measured: no run is usable.", title=title)
    for name in ("effect", "low", "high"):
        known[name] = 100 * known[name]
    known["question"] = known["claim"].map(QUESTIONS).fillna(known["claim"])
    columns = [
        "question",
        "subject",
        "recipes",
        "regime",
        "level",
        "effect",
        "low",
        "high",
        "verdict",
        "scope",
    ]
    known = known[columns].astype({"level": float})
    first, cells = known[known["scope"] == "primary"], known[known["scope"] == "cell"]
    order = [question for question in QUESTIONS.values() if (known["question"] == question).any()]
    names = [name for name in VERDICT_COLOURS if (known["verdict"] == name).any()]
    color = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=names, range=[VERDICT_COLOURS[name] for name in names]),
        legend=alt.Legend(title="verdict:", orient="top"),
    )
    y = alt.Y("question:N", sort=order, title=None, axis=alt.Axis(labelLimit=300, grid=True))
    x = alt.X("effect:Q", title="effect, points of retention (positive speaks for the claim)")
    tooltip: list[str | alt.Tooltip] = ["subject", "recipes", "regime", "level", "verdict"]
    tooltip += [alt.Tooltip(name, format=".1f") for name in ("effect", "low", "high")]
    margin = pd.DataFrame({"margin": [100 * float(claims["margin"].iloc[0])]})
    layers = [
        alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=GREY).encode(x="zero:Q"),
        alt.Chart(margin).mark_rule(color=GREY, strokeDash=[4, 4]).encode(x="margin:Q"),
        alt.Chart(cells)
        .mark_point(filled=True, size=28, opacity=0.55)
        .encode(x=x, y=y, color=color, yOffset=alt.value(0.72 * 46), tooltip=tooltip),
        alt.Chart(first).mark_rule(strokeWidth=2.5).encode(x="low:Q", x2="high:Q", y=y, color=color),
        alt.Chart(first)
        .mark_point(filled=True, size=110, opacity=1)
        .encode(x=x, y=y, color=color, tooltip=tooltip),
    ]
    subtitle = [
        "Large mark and bar: the claim as a whole, mean of its effects with 95 % interval. Small: the single effects.",
        "Dashed: the margin that was set before the runs.",
    ]
    chart = alt.layer(*layers).properties(width=560, height=alt.Step(46))
    return chart.properties(title=alt.TitleParams(title, subtitle=subtitle), config=theme())


def difficulty_figure(
    difficulty: pd.DataFrame, curves: pd.DataFrame, tasks: list[str], *, title: str
) -> alt.TopLevelMixin:
    """Draw s50 of every task against its difficulty, a panel a measure, the harder to the right.

    difficulty: from `difficulty_table`; curves: from `curves_table`, of which the unstructured ones in the sparse
    regime are shown. tasks: easy to hard, the order of the colours. A task whose curve does not come down to
    one half within the sweep has no mark. Where no measure has two tasks with an s50 the figure says so.
    """
    unstructured = ~curves["selection"].str.startswith(PATTERN)
    chosen = curves[(curves["regime"] == "sparse") & curves["s50"].notna() & unstructured]
    joined = difficulty[difficulty["value"].notna()].merge(chosen, on=["checkpoint", "task"])
    joined = joined[joined["measure"].isin(SHOWN) & joined["task"].isin(tasks)]
    enough = joined.groupby("measure")["task"].nunique()
    names = [name for name in SHOWN if enough.get(name, 0) > 1]
    if not names:
        return said(
            "No measure of difficulty is known for two tasks whose s50 the sweep reaches.", title=title
        )
    present = [task for task in tasks if (joined["task"] == task).any()]
    legend = alt.Legend(title="task, as the config orders them:", orient="top", columns=5)
    color = alt.Color(
        "task:N",
        scale=alt.Scale(domain=present, range=difficulty_colours(len(present))),
        legend=legend,
    )
    shape = alt.Shape(
        "task:N",
        scale=alt.Scale(domain=present, range=[SHAPES[i % len(SHAPES)] for i in range(len(present))]),
        legend=legend,
    )
    panels = []
    for number, name in enumerate(names):
        rows = joined[joined["measure"] == name]
        for end in ("low", "high"):  # A limit beyond the sweep ends at its last level.
            rows = rows.assign(
                **{
                    f"s50_{end}": rows[f"s50_{end}"].fillna(
                        rows["min_level" if end == "low" else "max_level"]
                    )
                }
            )
        rows = rows[
            ["checkpoint", "family", "task", "value", "low", "high", "s50", "s50_low", "s50_high", "unit"]
        ]
        harder = int(difficulty.loc[difficulty["measure"] == name, "harder"].iloc[0])
        scale = alt.Scale(zero=False, reverse=harder < 0, nice=True)
        base = alt.Chart(rows)
        x = alt.X("value:Q", title=f"{name} ({rows['unit'].iloc[0]})", scale=scale)
        y = alt.Y("s50:Q", title="s50, % removed" if number % 3 == 0 else None, scale=alt.Scale(zero=False))
        tooltip = ["task", "checkpoint", "family"] + [
            alt.Tooltip(field, format=".3g")
            for field in ("value", "low", "high", "s50", "s50_low", "s50_high")
        ]
        panels.append(
            alt.layer(
                base.mark_rule(opacity=0.5).encode(x="low:Q", x2="high:Q", y=y, color=color),
                base.mark_rule(opacity=0.5).encode(x=x, y="s50_low:Q", y2="s50_high:Q", color=color),
                base.mark_point(filled=True, size=90, opacity=1).encode(
                    x=x, y=y, color=color, shape=shape, tooltip=tooltip
                ),
            ).properties(width=210, height=210)
        )
    subtitle = [
        "s50: the level at which half of what the dense model had above chance is gone. Harder is to the right.",
        "Bars: 95 % intervals over seeds and examples. If harder tasks fall first, the marks go down to the right.",
    ]
    return (
        alt.concat(*panels, columns=3, spacing=18)
        .resolve_scale(color="shared", shape="shared", y="shared")
        .properties(title=alt.TitleParams(title, subtitle=subtitle), config=theme())
    )
