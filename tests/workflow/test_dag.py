"""A change schedules the jobs that it concerns and no other. Counted in dry runs after a finished study."""

import shutil
from pathlib import Path

from junkdna.artifacts import read_table
from studies import planned, snakemake

AFTERMATH = {"aggregate_runs", "plot_figure", "render_report", "write_config"}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} no longer holds {old!r}"
    path.write_text(text.replace(old, new, 1))


def work(plan: dict) -> dict:
    """The planned jobs without tables, figures and report, which follow every change of the runs."""
    return {rule: count for rule, count in plan.items() if rule not in AFTERMATH}


def test_a_finished_study_has_nothing_to_do(workspace):
    assert planned(workspace) == {}


def test_a_level_costs_its_own_jobs(workspace):
    edit(workspace / "tiny.yaml", "[50, 90]", "[50, 70, 90]")
    assert work(planned(workspace)) == {"build_mask": 1, "finetune": 4}


def test_a_seed_costs_its_own_jobs(workspace):
    edit(workspace / "tiny.yaml", "seeds: [1, 2]", "seeds: [1, 2, 3]")
    # For each of two tasks: dense, three masks in the sparse regime, freeze and regrow.
    assert work(planned(workspace)) == {"finetune": 12}


def test_a_task_costs_its_own_jobs(workspace):
    edit(workspace / "tiny.yaml", "  tasks: []", "  tasks: [tiny-third]")
    edit(
        workspace / "tiny.yaml",
        "axes:\n  tiny-axis",
        "  tiny-third: {base: tiny-hard, version: 2}\n\naxes:\n  tiny-axis",
    )
    assert work(planned(workspace)) == {"fetch_task": 1, "tokenize_task": 1, "finetune": 12}


def test_a_level_less_touches_only_the_tables(workspace):
    edit(workspace / "tiny.yaml", "[50, 90]", "[50]")
    assert work(planned(workspace)) == {}


def test_hyperparameters_of_one_task_rerun_its_runs(workspace):
    edit(
        workspace / "tiny.yaml",
        "source: {generate: {task: fact}}",
        "source: {generate: {task: fact}}\n    training: {learning_rate: 2.0e-3}",
    )
    assert work(planned(workspace)) == {"finetune": 12}


def test_a_comment_reruns_nothing(workspace):
    for path in (workspace / "workflow/junkdna").rglob("*.py"):
        path.write_text(path.read_text() + "\n# a comment\n")
    assert planned(workspace) == {}


def test_mask_arithmetic_reruns_masks_and_what_hangs_on_them(workspace):
    with (workspace / "workflow/junkdna/compression/selection.py").open("a") as file:
        file.write("\nEDITED = 1\n")
    # Dense runs have no mask: 2 tasks x 2 seeds of them stay.
    assert work(planned(workspace)) == {"build_mask": 3, "finetune": 20}


def test_figure_code_reruns_figures_and_report_alone(workspace):
    with (workspace / "workflow/junkdna/figures.py").open("a") as file:
        file.write("\nEDITED = 1\n")
    assert set(planned(workspace)) == {"plot_figure", "render_report"}


def test_a_lost_run_is_all_that_is_made_again_and_comes_out_the_same(workspace):
    predictions = workspace / "results/runs/tiny-net/magnitude-u50/tiny-easy/sparse/seed1/predictions.parquet"
    before = read_table(predictions)
    predictions.unlink()
    for stage in ("tables", "figures", "report"):
        shutil.rmtree(workspace / "results" / stage)
    assert work(planned(workspace)) == {"finetune": 1}
    # Once in a warm process, once by itself: the same bits.
    done = snakemake(workspace, JUNKDNA_WARM="0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_table(predictions).equals(before)
    assert planned(workspace) == {}


def test_one_target_schedules_only_what_it_needs(workspace):
    edit(workspace / "tiny.yaml", "seeds: [1, 2]", "seeds: [1, 2, 3]")
    plan = planned(workspace, "results/runs/tiny-net/magnitude-u50/tiny-easy/freeze/seed3/metrics.parquet")
    assert plan == {"finetune": 1}
