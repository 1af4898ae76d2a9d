"""A study that names figures of the paper gets its table and overlays, from the runs that it has."""

from pathlib import Path

from junkdna.files.artifacts import read_json, read_table
from studies import planned, snakemake


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} no longer holds {old!r}"
    path.write_text(text.replace(old, new, 1))


def test_a_study_is_set_against_the_paper_without_a_new_run(workspace):
    config = workspace / "tiny.yaml"
    edit(config, "  seeds: [1, 2]\n", "  seeds: [1, 2]\n  replicates: [true-gem-tasks-unstructured]\n")
    wrong = snakemake(workspace, "--dry-run")
    assert "study.replicates: found 'true-gem-tasks-unstructured'" in wrong.stdout + wrong.stderr
    edit(config, "  tiny-easy:\n", "  tiny-easy:\n    paper: sst2\n")
    edit(config, "    base: tiny-easy\n", "    base: tiny-easy\n    paper: cola\n")
    plan = planned(workspace)
    assert plan["replicate"] == plan["plot_replication"] == 1 and "finetune" not in plan
    done = snakemake(workspace)
    assert done.returncode == 0, done.stdout + done.stderr
    table = read_table(workspace / "results/tables/tiny/replication.parquet")
    cells = read_table(workspace / "results/tables/tiny/cells.parquet")
    # Two tasks; sparse at 50 and 90 %, freeze and regrow at 50 %; 2of4 stands in no figure.
    assert len(table) == 2 * 4 and not table["same_checkpoint"].any()
    both = table.merge(cells, on=["checkpoint", "recipe", "task", "regime"], suffixes=("", "_cell"))
    assert len(both) == len(table)
    assert (both["score"] - both["score_cell"]).abs().max() < 1e-6
    summary = (workspace / "results/tables/tiny/replication-summary.csv").read_text()
    assert "another model" in summary
    spec = read_json(workspace / "results/figures/tiny/replication-true-gem-tasks-unstructured.json")
    assert spec["title"]["text"] == "Beside the paper: true-gem-tasks-unstructured"
    page = (workspace / "results/report/tiny/index.html").read_text()
    assert 'id="chart-replication-true-gem-tasks-unstructured"' in page
    assert planned(workspace) == {}
