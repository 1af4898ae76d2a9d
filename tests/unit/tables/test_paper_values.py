"""The values of the paper's figures: consistent with themselves, and what must not be compared is marked."""

import csv
import math
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "resources/reference/paper"
# Right answers of a predictor of one class, two runs together, by task: (negative, positive) and so on.
ONE_CLASS = {
    "sst2": {428 + 444, 2 * 428, 2 * 444},
    "rte": {2 * 146, 2 * 131, 146 + 131},
    "qnli": {2 * 2702, 2 * 2761, 2702 + 2761},
    "mnli": {left + right for left in (3463, 3240, 3129) for right in (3463, 3240, 3129)},
}


def read(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


VALUES, HALVES, PATHS = (read(f"{name}.csv") for name in ("values", "half-retention", "connectivity"))


def test_each_point_stands_once_and_each_series_is_whole():
    keys = [(row["figure"], row["panel"], row["series"], row["level"]) for row in VALUES]
    assert len(set(keys)) == len(keys) == 1126
    lengths = Counter(key[:3] for key in keys)
    assert set(lengths.values()) == {7, 8, 9}, "the N:M, the TriviaQA and translation, and the other levels"
    for row in VALUES:
        kept = row["pattern"].partition("of")[0]
        assert (row["selection"] == "N:M") == bool(kept)
        assert not kept or float(row["level"]) == 100 - 12.5 * int(kept)


def test_the_percentage_is_the_score_over_the_dense_score():
    scored = [row for row in VALUES if row["score"] and row["dense_score"]]
    assert len(scored) > 900
    for row in scored:
        ratio = 100 * float(row["score"]) / float(row["dense_score"])
        assert ratio == pytest.approx(float(row["percent"]), abs=2e-3), row


def test_counts_are_whole_and_dense_scores_too():
    counted = [row for row in VALUES if row["count"]]
    assert len(counted) == sum(row["unit"] == "count" for row in VALUES)
    for row in counted:
        total = int(row["out_of"])
        assert int(row["count"]) == pytest.approx(float(row["score"]) * total, abs=0.05), row
        dense = float(row["dense_score"]) * total
        assert dense == pytest.approx(round(dense), abs=0.05), row
        percent = 100 * int(row["count"]) / round(dense)
        assert percent == pytest.approx(float(row["percent"]), abs=2e-5), row


def test_collapsed_points_are_those_of_a_constant_predictor_and_stay_comparable():
    collapsed = [row for row in VALUES if row["collapsed"] == "true"]
    assert len(collapsed) == 51 + 23
    for row in collapsed:
        if row["task"] == "cola":
            assert float(row["percent"]) == 0
        else:
            assert int(row["count"]) in ONE_CLASS[row["task"]], row
    assert any(row["comparable"] == "true" for row in collapsed)


def test_flagged_rows_are_not_comparable_and_say_why():
    for row in VALUES:
        flagged = bool(row["flag"])
        assert (row["comparable"] == "false") == flagged == bool(row["reason"]), row
    flags = Counter(row["flag"] for row in VALUES)
    assert flags["typed-in"] == 19 and flags["repeated"] == 16 and flags["no-count"] == 3
    by_figure = {figure: set() for figure in ("data-adequacy-unstructured", "true-gem-data-unstructured")}
    for row in VALUES:
        by_figure.setdefault(row["figure"], set()).add(row["comparable"])
        if row["panel"].startswith("winogrande") or row["task"] in ("winogrande", "commonsense-qa"):
            assert row["comparable"] == "false"
    whole = {figure for figure, found in by_figure.items() if found == {"false"}}
    assert whole == {
        "data-adequacy-unstructured",
        "true-gem-data-unstructured",
        "translation-unstructured",
        "translation-nm",
    }


def test_what_is_said_to_be_divided_by_its_first_point_is():
    firsts = [row for row in VALUES if row["flag"] == "own-first-point" and row["level"] == "10"]
    assert len(firsts) == 15 + 18
    assert all(float(row["percent"]) == 100 for row in firsts)
    others = [row for row in VALUES if row["flag"] == "" and row["level"] == "10"]
    assert not all(float(row["percent"]) == 100 for row in others)


def test_what_is_said_to_be_repeated_stands_in_the_unstructured_figure():
    counts = {
        (row["task"], row["regime"], row["count"])
        for row in VALUES
        if row["figure"] == "true-gem-data-unstructured" and row["train_percent"] == "100"
    }
    for row in VALUES:
        if row["flag"] == "repeated":
            assert (row["task"], row["regime"], row["count"]) in counts, row


def crossing(points: list[tuple[float, float]], threshold: float) -> float:
    """Where straight lines from (0, 100) through `points` first fall to `threshold`; NaN if never."""
    last = (0.0, 100.0)
    for level, value in points:
        if value <= threshold:
            return last[0] + (level - last[0]) * (last[1] - threshold) / (last[1] - value)
        last = (level, value)
    return math.nan


@pytest.mark.parametrize("column", ["s50", "s90", "s90_percent"])
def test_half_retention_is_the_first_crossing(column):
    series: dict[tuple, list[dict]] = {}
    for row in VALUES:
        series.setdefault((row["figure"], row["panel"], row["series"]), []).append(row)
    assert len(HALVES) == len(series)
    for half in HALVES:
        rows = series[half["figure"], half["panel"], half["series"]]
        points = []
        for row in rows:
            percent, chance = float(row["percent"]), float(row["chance"])
            if column != "s90_percent" and chance > 0:
                dense = float(row["dense_score"])
                percent = 100 * (percent / 100 * dense - chance) / (dense - chance)
            points.append((float(row["level"]), percent))
        assert [level for level, _ in points] == sorted(level for level, _ in points)
        found = crossing(points, 50 if column == "s50" else 90)
        said = float(half[column]) if half[column] else math.nan
        assert said == pytest.approx(found, abs=0.11, nan_ok=True), half
        assert half["comparable"] == str(all(row["comparable"] == "true" for row in rows)).lower()


def test_paths_start_at_the_dense_solution_and_have_the_known_barriers():
    paths: dict[tuple, list[tuple[float, float]]] = {}
    for row in PATHS:
        assert (row["comparable"] == "true") == (row["fine_tuned"] == "true") == (row["reason"] == "")
        key = (row["fine_tuned"], row["measure"], row["task"], int(row["level"]))
        paths.setdefault(key, []).append((float(row["alpha"]), float(row["value"])))
    barriers = {}
    for (tuned, measure, task, level), points in paths.items():
        assert [alpha for alpha, _ in points] == [step / 10 for step in range(11)]
        dense = paths[tuned, measure, task, 30][0][1]
        assert points[0][1] == pytest.approx(dense, abs=2e-6), "the dense end is that of the task"
        if tuned == "true" and measure == "loss":
            start, end = points[0][1], points[-1][1]
            above = [value - ((1 - alpha) * start + alpha * end) for alpha, value in points]
            barriers[task, level] = max(above)
    known = {"qnli": (0, 0.08, 0.10), "qqp": (0, 0.02, 0.07), "rte": (0.10, 0.16, 0.17)}
    known["stsb"] = (0.67, 0.66, 0.96)
    for task, heights in known.items():
        for level, height in zip((30, 40, 50), heights, strict=True):
            assert barriers[task, level] == pytest.approx(height, abs=0.006), (task, level)
