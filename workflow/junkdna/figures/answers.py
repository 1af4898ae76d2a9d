"""The figure of free answers: what each turned out as, by recipe."""

import altair as alt
import pandas as pd

from junkdna.figures.style import theme
from junkdna.tables.answers import KINDS

# Right to wrong in Okabe & Ito's colours; grey for what says nothing.
COLOURS = ("#009e73", "#8a8f98", "#56b4e9", "#e69f00", "#d55e00")
WIDTH = 260


def answers_figure(kinds: pd.DataFrame, *, title: str) -> alt.TopLevelMixin:
    """Draw the share of free answers that are right, empty, partly right, unfinished or wrong: a bar a recipe.

    kinds: from `answer_kinds_table`; the mean over the seeds of a recipe is drawn. A row a checkpoint, a column a task.
    """
    keys = ["checkpoint", "task", "recipe", "level", "kind"]
    means = kinds.groupby(keys, sort=False, as_index=False)["share"].mean()
    means["share"] *= 100
    means["place"] = means["kind"].map(KINDS.index)
    order = ["dense", *(name for name in dict.fromkeys(means["recipe"]) if name != "dense")]
    bars = (
        alt.Chart(means)
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="answers, %", scale=alt.Scale(domain=[0, 100])),
            y=alt.Y("recipe:N", sort=order, title=None),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=list(KINDS), range=list(COLOURS)),
                legend=alt.Legend(title="answer:", orient="top"),
            ),
            order="place:Q",
            tooltip=["checkpoint", "task", "recipe", "kind", alt.Tooltip("share", format=".1f")],
        )
        .properties(width=WIDTH)
    )
    rows = [
        alt.hconcat(
            *(
                bars.transform_filter(
                    f"datum.checkpoint == '{checkpoint}' && datum.task == '{task}'"
                ).properties(title=f"{task} ({checkpoint})")
                for task in dict.fromkeys(own["task"])
            )
        )
        for checkpoint, own in means.groupby("checkpoint", sort=False)
    ]
    subtitle = (
        "Free answers as they were judged; the first kind that fits. Unfinished: cut at max_new_tokens."
    )
    return alt.vconcat(*rows).properties(title=alt.TitleParams(title, subtitle=subtitle), config=theme())
