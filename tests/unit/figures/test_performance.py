"""Figures: what they show, and the files that they become."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pandas as pd
import pytest
from tests.simulated import AXES, RECIPES, TASKS, grid, tables

from junkdna.figures.performance import dense_scores, performance, regimes
from junkdna.figures.study import study_figures
from junkdna.figures.style import difficulty_colours, save, spec


@pytest.fixture(scope="module")
def study() -> dict[str, pd.DataFrame]:
    collapse = [("magnitude-u80", "deduction", "sparse", 2), ("magnitude-u60", "options", "regrow", 1)]
    return tables(grid(), examples=120, collapse=collapse)


def marks(spec_or_part: dict) -> list[str]:
    """Types of all marks in a specification."""
    found = []
    if "mark" in spec_or_part:
        mark = spec_or_part["mark"]
        found.append(mark if isinstance(mark, str) else mark["type"])
    for name in ("layer", "concat", "vconcat", "hconcat"):
        for part in spec_or_part.get(name, []):
            found += marks(part)
    return found


def calculations(part: dict) -> list[dict]:
    """All steps that compute a field, in any layer of a specification."""
    found = [step for step in part.get("transform", []) if "calculate" in step]
    for name in ("layer", "concat", "vconcat", "hconcat"):
        for each in part.get(name, []):
            found += calculations(each)
    return found


def rows_of(specification: dict) -> list[dict]:
    return [row for rows in specification["datasets"].values() for row in rows]


def test_performance_has_a_panel_for_each_pattern_and_marks_failures(study):
    drawn = spec(performance(study["cells"], study["runs"], list(TASKS), title="Curves"))
    titles = [panel["title"]["text"] for panel in drawn["concat"]]
    assert titles == ["tiny-encoder, magnitude unstructured", "tiny-encoder, magnitude N:8"]
    assert drawn["title"]["text"] == "Curves"
    assert set(marks(drawn)) == {"rule", "area", "line", "point", "text"}
    crosses = [marks(panel).count("point") for panel in drawn["concat"]]
    failed = study["runs"][~study["runs"]["trained"]]
    assert crosses == [2 + (failed["selection"] == name).any() for name in ("unstructured", "N:8")]
    assert 3 in crosses, "a panel with a failed run has crosses"
    switch = next(param for param in drawn["params"] if param["name"] == "show")
    assert switch["bind"]["options"] == ["retention", "score"]


def test_a_quantized_sweep_has_a_panel_whose_levels_are_bits():
    levels = {"rtn-w8": 50.0, "rtn-w4g128": 74.2188, "rtn-w2": 87.5}
    recipes = {slug: RECIPES[slug] for slug in ("dense", "magnitude-u50", "magnitude-u80")}
    for slug, level in levels.items():
        recipes[slug] = {"family": "rtn", "level": level, "method": "quantize"}
    runs = [run for run in grid(recipes=recipes) if run["regime"] in ("dense", "sparse")]
    runs = [run | {"regime": "qat"} if run["recipe"] in levels else run for run in runs]
    made = tables(runs, recipes=recipes, examples=120)
    assert made["runs"].query("recipe == 'rtn-w4g128'")["effective_bits"].iloc[0] == pytest.approx(
        4.125, abs=1e-4
    )
    figures = study_figures(made["cells"], made["runs"], AXES)
    assert list(figures) == ["dense", "performance-made-up-difficulty"], (
        "there are no other regimes to compare"
    )
    panels = spec(figures["performance-made-up-difficulty"])["concat"]
    assert [panel["title"]["text"] for panel in panels] == [
        "tiny-encoder, magnitude unstructured",
        "tiny-encoder, rtn",
    ]
    pruned, rounded = (panel["layer"][1]["encoding"]["x"] for panel in panels)
    assert pruned["title"] == "weights removed, %" and "labelExpr" not in pruned["axis"]
    assert rounded["title"].startswith("bits of a weight")
    assert rounded["axis"]["values"] == [0, 50, 74.2188, 87.5]
    named = json.loads(rounded["axis"]["labelExpr"].split("(")[1].split(")")[0])
    assert named == {"0.00": "dense", "50.00": "w8", "74.22": "w4g128", "87.50": "w2"}


def test_tasks_are_drawn_easy_to_hard(study):
    order = list(reversed(TASKS))
    drawn = spec(performance(study["cells"], study["runs"], order, title="t"))
    scale = drawn["concat"][0]["layer"][1]["encoding"]["color"]["scale"]
    assert scale["domain"] == order
    assert scale["range"] == difficulty_colours(5)
    assert len(set(scale["range"])) == 5


def test_a_figure_holds_the_numbers_of_the_tables(study):
    drawn = spec(performance(study["cells"], study["runs"], list(TASKS), title="t"))
    cell = study["cells"].query("task == 'options' and level == 60 and regime == 'sparse'").iloc[0]
    shown = [
        row for row in rows_of(drawn) if row.get("n_seeds") and (row["task"], row["level"]) == ("options", 60)
    ]
    assert shown
    assert all(
        row["retention_trained"] == pytest.approx(cell["retention_trained"], abs=1e-5) for row in shown
    )
    assert json.dumps(drawn, allow_nan=False)


def test_what_is_not_measured_is_drawn_as_nothing_and_said(study):
    """In Vega's arithmetic 100 * null is 0: a task that was never learnt would be a flat line at 0."""
    unlearnt = study["cells"]["task"] == "options"
    cells = study["cells"].assign(measurable=~unlearnt)
    of_cell = [f"retention_trained{end}" for end in ("", "_low", "_high")]
    cells[of_cell] = cells[of_cell].mask(unlearnt)
    of_run = ["retention", "raw_retention"]
    runs = study["runs"].copy()
    runs[of_run] = runs[of_run].mask(runs["task"] == "options")
    drawn = study_figures(cells, runs, AXES)
    for each in map(spec, drawn.values()):
        for step in calculations(each):
            for field in re.findall(r"100 \* (datum\.\w+)", step["calculate"]):
                assert f"(isValid({field}) ? 100 * {field} : null)" in step["calculate"]
    performance_of = spec(drawn["performance-made-up-difficulty"])
    assert any("100 *" in step["calculate"] for step in calculations(performance_of))
    said = "Not drawn, for dense it is not clearly above chance: options."
    assert said in performance_of["title"]["subtitle"]


def test_regimes_show_only_what_was_run(study):
    drawn = spec(regimes(study["cells"], study["runs"], list(TASKS), title="t"))
    [row] = drawn["vconcat"]
    assert [panel["title"]["text"] for panel in row["concat"]] == list(TASKS)
    assert row["concat"][0]["layer"][1]["encoding"]["color"]["scale"]["domain"] == [
        "sparse",
        "freeze",
        "regrow",
    ]
    assert "gradual" not in " ".join(drawn["title"]["subtitle"])


def test_dense_scores_name_the_metric(study):
    drawn = spec(dense_scores(study["cells"], list(TASKS), title="t"))
    names = {row["name"] for row in rows_of(drawn)}
    assert "deduction (mcc)" in names and len(names) == 5


def test_figures_of_a_study_leave_out_what_there_is_none_of(study):
    axes = AXES | {"elsewhere": {"tasks": ["rte", "cola"]}}
    names = list(study_figures(study["cells"], study["runs"], axes))
    assert names == ["dense", "performance-made-up-difficulty", "regimes-made-up-difficulty"]


def test_one_figure_of_a_study_by_name(study):
    assert list(study_figures(study["cells"], study["runs"], AXES, only="dense")) == ["dense"]
    with pytest.raises(ValueError, match="'dens'; this study has dense, performance-made-up-difficulty"):
        study_figures(study["cells"], study["runs"], AXES, only="dens")


def test_figures_without_data_say_so(study):
    with pytest.raises(ValueError, match="no runs in the regimes zero-shot, sparse, qat, .* on these tasks"):
        performance(study["cells"], study["runs"], ["rte"], title="t")
    with pytest.raises(ValueError, match="no regime but sparse was run on these tasks|on rte"):
        regimes(study["cells"], study["runs"], ["rte"], title="t")
    with pytest.raises(ValueError, match="no dense run on rte"):
        dense_scores(study["cells"], ["rte"], title="t")


def test_more_rows_than_altair_allows_by_itself(study):
    many = pd.concat([study["runs"]] * 60, ignore_index=True)
    assert len(many) > 5000
    drawn = spec(performance(study["cells"], many, list(TASKS), title="t"))
    assert len(rows_of(drawn)) > 5000


@pytest.fixture(scope="module")
def chart(study):
    return dense_scores(study["cells"], list(TASKS), title="Dense & chance")


def test_svg_and_png(chart, tmp_path):
    save(chart, tmp_path / "a.svg")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    words = "".join(root.itertext())
    assert root.tag.endswith("svg") and "Dense & chance" in words and "keyword (accuracy)" in words
    save(chart, tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) > 10_000


def test_html_asks_no_network(chart, tmp_path):
    save(chart, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text()
    assert "vegaEmbed" in text and len(text) > 500_000
    assert 'src="http' not in text and "cdn.jsdelivr" not in text


def test_a_wrong_suffix_leaves_no_file(chart, tmp_path):
    with pytest.raises(ValueError, match=r"'\.gif'; legal are \.html, \.svg, \.png, \.json"):
        save(chart, tmp_path / "a.gif")
    with pytest.raises(ValueError, match="Infinity|invalid|parse|mark|Vega"):
        save({"mark": "no such mark"}, tmp_path / "b.svg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_colours_differ_and_keep_their_ends(count):
    colours = difficulty_colours(count)
    assert len(set(colours)) == count
    assert colours[0] == difficulty_colours(2)[0]


def test_there_is_a_panel_without_failures(study):
    good = study["runs"][study["runs"]["trained"]]
    cells = study["cells"]
    assert marks(spec(performance(cells, good, list(TASKS), title="t"))["concat"][0]).count("point") == 2


def legends(part: dict) -> list[dict]:
    """All legends in a specification."""
    found = [part["legend"]] if isinstance(part.get("legend"), dict) else []
    for value in part.values():
        for each in value if isinstance(value, list) else [value]:
            found += legends(each) if isinstance(each, dict) else []
    return found


def test_lines_of_a_varied_axis_are_named_by_the_value_and_others_by_the_task(study):
    tasks = list(TASKS)[:3]
    axes = {
        "listed": {"tasks": tasks, "knob": "depth"},
        "varied": {
            "tasks": tasks,
            "knob": "evidence",
            "vary": "evidence",
            "values": ["sentence", 256, "none"],
        },
    }
    drawn = study_figures(study["cells"], study["runs"], axes)
    found = [legends(spec(drawn[f"performance-{name}"])) for name in axes]
    plain, named = (next(each for each in some if "title" in each) for some in found)
    assert plain["title"] == "easy to hard:" and "labelExpr" not in plain
    assert named["title"] == "evidence, easy to hard:"
    written = json.loads(named["labelExpr"].removeprefix("(").split(")[datum.label]")[0])
    assert written == dict(zip(tasks, ["sentence", "256 tokens", "none"], strict=True))
