"""How figures look, and how they are written: one theme for all, and four file formats."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from junkdna.files.artifacts import SEAL_KEY, replacing
from junkdna.files.seals import BLANK, seal

# Easy to hard, warm to cool, light to dark: told apart under the common colour-vision deficiencies, and
# visible on white and on near-black.
DIFFICULTY = ("#eda100", "#e2703a", "#c9455f", "#8e4a9e", "#4f63b8")
# Okabe & Ito's palette, one colour and one shape a regime.
REGIME_LOOKS = {
    "sparse": ("#d55e00", "circle"),
    "freeze": ("#0072b2", "square"),
    "regrow": ("#009e73", "triangle-up"),
    "gradual": ("#cc79a7", "diamond"),
    "reinit": ("#56b4e9", "triangle-down"),
    "scratch": ("#6b6b6b", "triangle-right"),
    "zero-shot": ("#56606b", "square"),
    "qat": ("#e69f00", "triangle-left"),
    "qlora": ("#7a4b12", "cross"),
}
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "triangle-right")
CROSS = "M-1,-1L1,1M-1,1L1,-1"
BAR = "M-0.22,-1.2L0.22,-1.2L0.22,1.2L-0.22,1.2Z"
GREY, INK, SOFT = "#8a8f98", "#24292f", "#57606a"


def theme() -> dict[str, Any]:
    """Vega-Lite configuration shared by all figures (light; a page may restyle the SVG text by CSS)."""
    return {
        "background": "white",
        "font": "Helvetica, Arial, sans-serif",
        "view": {"stroke": None},
        "axis": {
            "labelColor": SOFT,
            "titleColor": INK,
            "labelFontSize": 11,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "gridColor": "#dfe3e8",
            "domainColor": GREY,
            "tickColor": GREY,
        },
        "legend": {
            "labelColor": INK,
            "titleColor": INK,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "symbolSize": 90,
            "labelLimit": 260,
        },
        "title": {
            "color": INK,
            "subtitleColor": SOFT,
            "fontSize": 15,
            "subtitleFontSize": 12,
            "anchor": "start",
            "subtitlePadding": 6,
        },
        "text": {"color": INK},
    }


def difficulty_colours(count: int) -> list[str]:
    """Return `count` colours along the scale from easy to hard."""
    if count == 1:
        return [DIFFICULTY[0]]
    anchors = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in DIFFICULTY]
    colours = []
    for index in range(count):
        place = index / (count - 1) * (len(anchors) - 1)
        left = min(int(place), len(anchors) - 2)
        share = place - left
        mixed = [
            round((1 - share) * a + share * b) for a, b in zip(anchors[left], anchors[left + 1], strict=True)
        ]
        colours.append("#" + "".join(f"{channel:02x}" for channel in mixed))
    return colours


def said(words: str, *, title: str) -> alt.TopLevelMixin:
    """Draw a figure that only says why there is nothing to draw."""
    chart = alt.Chart(pd.DataFrame({"words": [words]})).mark_text(align="left", fontSize=13, color=SOFT)
    chart = chart.encode(text="words:N", x=alt.value(0), y=alt.value(12))
    return chart.properties(title=title, width=560, height=30, config=theme())


def spec(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """Return the chart as Vega-Lite JSON with its data, however many rows (Altair's own limit is 5,000)."""
    with alt.data_transformers.enable("default", max_rows=None):
        return chart.to_dict()


def save(
    chart: alt.TopLevelMixin | dict[str, Any], path: str | Path, about: Mapping[str, Any] | None = None
) -> None:
    """Write a chart, whole or not at all, in the format that the suffix names: .html, .svg, .png or .json.

    HTML is self-contained (the libraries are inlined). JSON is sealed; about: what it says of how it was made.
    ValueError for another suffix.
    """
    import vl_convert

    path = Path(path)
    content = chart if isinstance(chart, dict) else spec(chart)
    version = "v" + alt.SCHEMA_VERSION.removeprefix("v").rsplit(".", 1)[0]
    if path.suffix == ".html":
        data = vl_convert.vegalite_to_html(content, vl_version=version, bundle=True).encode()
    elif path.suffix == ".svg":
        data = vl_convert.vegalite_to_svg(content, vl_version=version).encode()
    elif path.suffix == ".png":
        data = vl_convert.vegalite_to_png(content, vl_version=version, scale=2)
    elif path.suffix == ".json":
        # The place that Vega-Lite leaves to its users.
        data = json.dumps({**content, "usermeta": {**(about or {}), SEAL_KEY: BLANK}}).encode()
    else:
        raise ValueError(
            f"{path}: cannot write a figure as {path.suffix!r}; legal are .html, .svg, .png, .json"
        )
    with replacing(path) as temporary:
        temporary.write_bytes(data)
        if path.suffix == ".json":
            seal(temporary)
