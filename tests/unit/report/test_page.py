"""The tables and the words of the report, on made-up studies whose weaknesses are known."""

import pandas as pd
import pytest
from tests.simulated import AXES, grid, tables

from junkdna.report.cautions import study_cautions
from junkdna.report.tables import cell_rows, curve_rows, difficulty_rows, run_rows

MATCHED = {name: axis | {"matched": True} for name, axis in AXES.items()}


@pytest.fixture(scope="module")
def study() -> dict[str, pd.DataFrame]:
    return tables(grid(), examples=120, collapse=[("magnitude-u80", "deduction", "sparse", 2)])


def words(study, axes=MATCHED, **changed) -> str:
    given = {name: changed.get(name, study[name]) for name in ("runs", "claims")}
    return "\n".join(study_cautions(**given, axes=axes, orders=changed.get("orders")))


def test_failed_runs_are_counted_and_named(study):
    runs = study["runs"]
    number = (~runs["trained"]).sum()
    assert (runs["outcome"] == "constant").sum() == 1 < number
    told = words(study)
    assert f"{number} of 195 runs failed to train ({100 * number / 195:.1f} %): 1 predict one class" in told
    assert (
        f"{number - 1} know no more than the labels alone tell; most of them, 3, are of magnitude-u80 / "
        in told
    )
    whole = study["runs"].assign(trained=True)
    assert "failed to train" not in words(study, runs=whole)


def test_a_dense_model_at_chance_is_named_with_its_numbers(study):
    runs = study["runs"]
    idle = (runs["regime"] == "dense") & (runs["task"] == "options")
    runs = runs.assign(measurable=runs["measurable"] & ~idle)
    told = words(study, runs=runs)
    assert (
        "tiny-encoder does not do options even when it is dense: 3 of 3 dense runs trained, and their mean is"
        in told
    )
    assert "not 3 standard errors above chance (mean of all accuracy 0." in told
    assert "does not do" not in words(study)


def test_few_seeds_and_unlike_sizes_are_told(study):
    assert "There are 3 seeds" in words(study)
    runs = study["runs"]
    runs = runs.assign(train_examples=runs["train_examples"].mask(runs["task"] == "deduction", 90))
    assert "training examples (90 to 2,000)" in words(study, runs=runs)
    assert "training examples" not in words(study)


def test_a_contradicted_order_is_told(study):
    order = {
        "checkpoint": "c",
        "axis": "a",
        "asserted": "x < y",
        "verdict": "contradicts",
        "measure": "rasch",
    }
    told = words(study, orders=pd.DataFrame([order, order | {"verdict": "agrees", "measure": "codelength"}]))
    assert "contradicted on c by rasch." in told


def test_tables_have_a_row_each_and_say_what_is_not_known(study):
    assert len(cell_rows(study["cells"])["rows"]) == len(study["cells"])
    shown = run_rows(study["runs"])
    state = [column["name"] for column in shown["header"]].index("state")
    assert [row[state] for row in shown["rows"]].count("constant") == 1


def test_a_level_outside_the_sweep_is_no_number(study):
    curves = study["curves"]
    shown = curve_rows(curves)
    at = [column["name"] for column in shown["header"]].index("s50")
    for text, row in zip([row[at] for row in shown["rows"]], curves.to_dict("records"), strict=True):
        if row["s50_reached"] == "beyond":
            assert text == f"> {row['max_level']:g}"
        elif row["s50_reached"] == "reached":
            assert text.startswith(f"{row['s50']:.1f} [")
    assert {"reached"} <= set(curves["s50_reached"])


def test_difficulty_is_a_column_a_measure():
    base = {"checkpoint": "c", "low": 0.1, "high": 0.3, "unit": "bits", "harder": -1}
    rows = [base | {"task": task, "measure": "v-information", "value": 0.2} for task in ("b", "a")]
    rows.append(base | {"task": "b", "measure": "rasch", "value": float("nan")})
    rows.append(base | {"task": "a", "measure": "rasch", "value": 1.0, "unit": "logits", "harder": 1})
    shown = difficulty_rows(pd.DataFrame(rows))
    assert [column["name"] for column in shown["header"]][2:] == [
        "v-information \N{DOWNWARDS ARROW}, bits",
        "rasch \N{UPWARDS ARROW}, logits",
    ]
    assert [row[1] for row in shown["rows"]] == ["b", "a"]
    assert shown["rows"][0][3] == "\N{EN DASH}" and shown["rows"][1][3] == "1 [0.1, 0.3]"
