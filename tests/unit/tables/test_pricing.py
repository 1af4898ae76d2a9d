"""What a study costs, by hand-made sizes."""

import math

import pandas as pd

from junkdna.tables.pricing import count_jobs, describe, price_runs, read_measured, read_summary, size_runs


def run(**changes) -> dict:
    known = {"checkpoint": "c", "task": "t", "weights": 1e6, "train_rows": 1000.0, "validation_rows": 300.0}
    return {
        **known,
        "tokens": 10,
        "epochs": 3,
        "max_steps": 0,
        "batch": 32,
        "pending": True,
        "kept": False,
        **changes,
    }


def test_jobs_are_counted_once_however_many_files_they_write():
    rows = [("finetune", "a", True), ("finetune", "a", True), ("finetune", "b", False), ("mask", "m", False)]
    table = count_jobs(pd.DataFrame(rows, columns=["rule", "job", "pending"]))
    assert table.to_dict("records") == [
        {"stage": "finetune", "jobs": 2, "present": 1, "to_do": 1},
        {"stage": "mask", "jobs": 1, "present": 1, "to_do": 0},
    ]


def test_computed_from_operations():
    priced = price_runs(pd.DataFrame([run()]), pd.DataFrame(), 1e9)
    # 6 operations x 1e6 weights x 10 tokens x (3 x 1000 trained + 300 / 3 predicted examples) / 1e9 a second
    assert math.isclose(priced["seconds"][0], 6 * 1e6 * 10 * 3100 / 1e9)
    assert priced["basis"][0] == "computed"


def test_a_cap_on_steps_caps_the_price():
    priced = price_runs(pd.DataFrame([run(max_steps=10), run(max_steps=10_000)]), pd.DataFrame(), 1e9)
    assert math.isclose(priced["seconds"][0], 6 * 1e6 * 10 * (320 + 100) / 1e9)
    assert math.isclose(priced["seconds"][1], 6 * 1e6 * 10 * (3000 + 100) / 1e9)


def test_finished_runs_of_the_same_kind_are_believed():
    measured = pd.DataFrame({"checkpoint": "c", "task": "t", "total_seconds": [1.0, 5.0, 100.0]})
    priced = price_runs(pd.DataFrame([run(), run(task="other")]), measured, 1e9)
    assert priced["seconds"][0] == 5.0
    assert priced["basis"].tolist() == ["measured", "computed"]


def test_what_is_not_known_is_said():
    runs = price_runs(pd.DataFrame([run(train_rows=math.nan), run(pending=False)]), pd.DataFrame(), 1e9)
    text = describe(pd.DataFrame({"stage": ["finetune"], "jobs": [2], "present": [1], "to_do": [1]}), runs)
    assert "1 runs cannot be priced" in text and "disk for the missing runs" in text


def test_the_summary_of_snakemake_tells_which_runs_are_pending(tmp_path):
    header = "Building DAG\noutput_file\tdate\trule\tlog-file(s)\tstatus\tplan\n"
    folder = "results/runs/c/dense/t/dense/seed"
    rows = [
        f"{folder}{seed}/{name}.parquet\t-\tfinetune\tlog\tmissing\t{plan}"
        for seed, plan in ((1, "no update"), (2, "update pending"))
        for name in ("predictions", "metrics")
    ]
    pattern = "results/runs/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}/"
    files = [pattern + "predictions.parquet", pattern + "metrics.parquet"]
    outputs = read_summary(header + "\n".join(rows), {"finetune": files})
    assert count_jobs(outputs)[["jobs", "to_do"]].to_numpy().tolist() == [[2, 1]]
    keys = {"checkpoint": "c", "recipe": "dense", "task": "t", "regime": "dense"}
    unknown = {"weights": None, "train_rows": None, "validation_rows": None}
    runs = [{**keys, **unknown, "seed": seed} for seed in (1, 2)]
    files = [f"{folder}{seed}/predictions.parquet" for seed in (1, 2)]
    sized = size_runs(runs, files, outputs, read_measured(tmp_path))
    assert sized["pending"].tolist() == [False, True]


def test_jobs_are_told_apart_by_their_wildcards_and_not_by_their_files():
    """One job writes tables of several names, another several formats of one figure beside other figures."""
    header = "output_file\tdate\trule\tlog-file(s)\tstatus\tplan\n"
    files = [("results/tables/s/runs.csv", "aggregate"), ("results/tables/s/cells.csv", "aggregate")]
    files += [(f"results/figures/s/{name}.{kind}", "plot") for name in ("a", "b") for kind in ("svg", "png")]
    rows = [f"{path}\t-\t{rule}\t-\tmissing\tupdate pending" for path, rule in files]
    patterns = {
        "aggregate": ["results/tables/{study}/runs.csv", "results/tables/{study}/cells.csv"],
        "plot": ["results/figures/{study}/{figure}.svg", "results/figures/{study}/{figure}.png"],
    }
    jobs = count_jobs(read_summary(header + "\n".join(rows), patterns))
    assert dict(zip(jobs["stage"], jobs["jobs"], strict=True)) == {"aggregate": 1, "plot": 2}


def test_weights_that_stay_take_four_bytes_each():
    priced = price_runs(pd.DataFrame([run(), run(kept=True)]), pd.DataFrame(), 1e9)
    assert priced["bytes"][1] - priced["bytes"][0] == 4e6


def test_many_hours_are_shown_in_full():
    jobs = pd.DataFrame({"stage": ["finetune"], "jobs": [1], "present": [0], "to_do": [1]})
    runs = pd.DataFrame(
        {"pending": [True], "basis": ["computed"], "seconds": [3600 * 2345.0], "bytes": [1.0]}
    )
    assert "2,345 device hours" in describe(jobs, runs)
