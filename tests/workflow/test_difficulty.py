"""The rule that measures difficulty, on a finished small study."""

import pandas as pd

from junkdna.files.artifacts import read_table
from studies import planned, snakemake

TABLE = "results/tables/tiny/difficulty.parquet"


def test_difficulty_is_measured_once_from_the_runs_there_are(workspace):
    text = (workspace / "tiny.yaml").read_text()
    text = text.replace("  seeds: [1, 2]", "  seeds: [1, 2]\n  cartography: true")
    (workspace / "tiny.yaml").write_text(text)
    # Two tasks with two dense seeds each: a trace that the runs lack so far. Those without input are there.
    work = planned(workspace, TABLE)
    assert (work["finetune_null"], work["finetune_traced"], work["finetune"]) == (0, 4, 0)
    done = snakemake(workspace, TABLE)
    assert done.returncode == 0, done.stdout + done.stderr
    table = read_table(workspace / TABLE)
    # The tiny net may well collapse everywhere; then the value is undefined and the row says so.
    rows = table[table["measure"] == "dense-error"].set_index("task")
    assert set(rows.index) == {"tiny-easy", "tiny-hard"}
    assert (rows["value"].notna() | (rows["note"] == "no dense run trained")).all()
    for name in ("agreement", "orders", "strata"):
        parquet = read_table(workspace / f"results/tables/tiny/{name}.parquet")
        assert list(parquet.columns) == list(
            pd.read_csv(workspace / f"results/tables/tiny/{name}.csv").columns
        )
    assert planned(workspace, TABLE) == {}

    (workspace / "tiny.yaml").write_text(text.replace("    version: 1", "    version: 1\n    human: sst2"))
    assert planned(workspace, TABLE) == {"score_difficulty": 1}
    (workspace / "tiny.yaml").write_text(text)
    with (workspace / "workflow/junkdna/difficulty/rasch.py").open("a") as file:
        file.write("\nEDITED = 1\n")
    assert planned(workspace, TABLE) == {"score_difficulty": 1}
