"""The figures of training budgets and of paths between solutions, in Altair; data are inlined."""

import altair as alt
import pandas as pd

from junkdna.figures.panels import colour_and_shape
from junkdna.figures.style import GREY, REGIME_LOOKS, SOFT, difficulty_colours, said, theme


def budget_figure(
    cells: pd.DataFrame, tasks: list[str], times: list[int], *, title: str
) -> alt.TopLevelMixin:
    """Draw the gap to dense against the training budget, a line a regime, a panel a recipe.

    cells: from `cells_table`. tasks: the task at each of the budgets `times`. The gap is to the dense run of the
    same budget. Where nothing but dense has a result at two budgets the figure says so.
    """
    own = cells[
        cells["task"].isin(tasks) & cells["regime"].isin(REGIME_LOOKS) & cells["retention_trained"].notna()
    ]
    own = own.assign(times=own["task"].map(dict(zip(tasks, times, strict=True))))
    own = own.groupby(["recipe", "regime"]).filter(lambda rows: rows["times"].nunique() > 1)
    if own.empty:
        return said(f"Only dense runs have a result at two budgets of {tasks[0]}.", title=title)
    own = own.assign(
        gap=100 * (1 - own["retention_trained"]),
        gap_low=100 * (1 - own["retention_trained_high"]),
        gap_high=100 * (1 - own["retention_trained_low"]),
    )
    own = own[
        ["checkpoint", "recipe", "regime", "times", "gap", "gap_low", "gap_high", "n_trained", "n_seeds"]
    ]
    names = [name for name in REGIME_LOOKS if (own["regime"] == name).any()]
    colours, shapes = zip(*(REGIME_LOOKS[name] for name in names), strict=True)
    legend = alt.Legend(title="regime:", orient="top")
    color, shape = colour_and_shape("regime", names, list(colours), list(shapes), legend)
    panels = []
    for (checkpoint, recipe), rows in own.groupby(["checkpoint", "recipe"], sort=False):
        base = alt.Chart(rows)
        x = alt.X(
            "times:Q",
            title="training budget, times the study's",
            scale=alt.Scale(type="log", base=2),
            axis=alt.Axis(values=times, format="d"),
        )
        y = alt.Y("gap:Q", title="gap to dense of the same budget, points")
        tooltip: list[str | alt.Tooltip] = ["regime", "times", "n_trained", "n_seeds"]
        tooltip += [alt.Tooltip(name, format=".1f") for name in ("gap", "gap_low", "gap_high")]
        panels.append(
            alt.layer(
                alt.Chart(pd.DataFrame({"gap": [0.0]}))
                .mark_rule(strokeDash=[4, 4], color=GREY)
                .encode(y="gap:Q"),
                base.mark_line(opacity=0.7).encode(x=x, y=y, color=color),
                base.mark_rule().encode(x=x, y="gap_low:Q", y2="gap_high:Q", color=color),
                base.mark_point(filled=True, size=70, opacity=1).encode(
                    x=x, y=y, color=color, shape=shape, tooltip=tooltip
                ),
            ).properties(
                width=300,
                height=240,
                title=alt.TitleParams(f"{checkpoint}, {recipe}", fontSize=13, fontWeight="normal"),
            )
        )
    subtitle = [
        "Mean of the runs that trained, 95 % interval over seeds and examples.",
        "A gap that stays as the budget grows is not a matter of training.",
    ]
    return (
        alt.concat(*panels, columns=2, spacing=24)
        .resolve_scale(color="shared", shape="shared", y="shared")
        .properties(title=alt.TitleParams(title, subtitle=subtitle), config=theme())
    )


def path_figure(paths: pd.DataFrame, connectivity: pd.DataFrame, *, title: str) -> alt.TopLevelMixin:
    """Draw the loss along the straight line from the dense solution to the compressed one, a panel a task.

    paths: rows (checkpoint, recipe, task, regime, seed, alpha, loss), of each run. connectivity: from
    `connectivity_table`, whose barrier stands in the title of a panel. ValueError when there is no path.
    """
    if paths.empty:
        raise ValueError("figures: no path between a dense and a compressed solution")
    recipes = list(dict.fromkeys(paths["recipe"]))
    color = alt.Color(
        "recipe:N",
        scale=alt.Scale(domain=recipes, range=difficulty_colours(max(2, len(recipes)))[: len(recipes)]),
        legend=alt.Legend(title="recipe:", orient="top"),
    )
    keys = ["checkpoint", "recipe", "task", "regime"]
    panels = []
    for (checkpoint, task, regime), rows in paths.groupby(["checkpoint", "task", "regime"], sort=False):
        own = connectivity[
            (connectivity["checkpoint"] == checkpoint)
            & (connectivity["task"] == task)
            & (connectivity["regime"] == regime)
        ]
        words = [
            f"{row.recipe}: barrier {row.barrier:.3f} [{row.barrier_low:.3f}, {row.barrier_high:.3f}]"
            for row in own.itertuples()
        ]
        mean = rows.groupby([*keys, "alpha"], sort=False, as_index=False)["loss"].mean()
        x = alt.X("alpha:Q", title="\N{GREEK SMALL LETTER ALPHA}: 0 dense, 1 compressed")
        y = alt.Y("loss:Q", title="validation loss", scale=alt.Scale(zero=False))
        heading = alt.TitleParams(
            f"{checkpoint}, {task}, {regime}",
            subtitle=words,
            fontSize=13,
            fontWeight="normal",
            subtitleColor=SOFT,
        )
        panels.append(
            alt.layer(
                alt.Chart(rows[[*keys, "seed", "alpha", "loss"]])
                .mark_line(strokeWidth=1, opacity=0.35)
                .encode(x=x, y=y, color=color, detail="seed:N"),
                alt.Chart(mean)
                .mark_line(strokeWidth=2.5, point=True)
                .encode(
                    x=x, y=y, color=color, tooltip=["recipe", "alpha", alt.Tooltip("loss", format=".4f")]
                ),
            ).properties(width=300, height=220, title=heading)
        )
    subtitle = [
        "Thin: one seed. Thick: their mean. A hill between the ends is a barrier.",
        "Barriers: mean over seeds with 95 % interval over seeds and examples.",
    ]
    return (
        alt.concat(*panels, columns=2, spacing=24)
        .resolve_scale(color="shared")
        .properties(title=alt.TitleParams(title, subtitle=subtitle), config=theme())
    )
