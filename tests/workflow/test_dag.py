"""A change schedules the jobs that it concerns and no other. Counted in dry runs after a finished study."""

import json
import shutil
from pathlib import Path

import torch

from junkdna.files.artifacts import read_metadata, read_table, read_tensors
from studies import planned, snakemake

DENSE_RUN = "results/runs/tiny-net/dense/tiny-easy/dense/seed1"
AFTERMATH = {
    "aggregate_runs",
    "plot_evidence",
    "plot_figure",
    "render_report",
    "score_difficulty",
    "write_config",
}


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
    assert work(planned(workspace)) == {"finetune": 12, "finetune_null": 2}


def test_a_task_costs_its_own_jobs(workspace):
    edit(workspace / "tiny.yaml", "  tasks: []", "  tasks: [tiny-third]")
    edit(
        workspace / "tiny.yaml",
        "axes:\n  tiny-axis",
        "  tiny-third: {base: tiny-hard, version: 2}\n\naxes:\n  tiny-axis",
    )
    assert work(planned(workspace)) == {
        "fetch_task": 1,
        "tokenize_task": 1,
        "finetune": 12,
        "finetune_null": 2,
    }


def test_a_quantized_sweep_costs_its_own_jobs(workspace):
    edit(
        workspace / "tiny.yaml",
        "\nsweeps:\n",
        "    - {recipes: [rtn], regimes: [qat]}\n\nsweeps:\n  rtn: {quantizer: rtn, bits: [8, 4]}\n",
    )
    assert work(planned(workspace)) == {"quantize_weights": 2, "finetune": 8}


def test_a_level_less_touches_only_the_tables(workspace):
    edit(workspace / "tiny.yaml", "[50, 90]", "[50]")
    assert work(planned(workspace)) == {}


def test_hyperparameters_of_one_task_rerun_its_runs(workspace):
    edit(
        workspace / "tiny.yaml",
        "source: {generate: {task: fact}}",
        "source: {generate: {task: fact}}\n    training: {learning_rate: 2.0e-3}",
    )
    assert work(planned(workspace)) == {"finetune": 12, "finetune_null": 2}


def add_axis(workspace: Path, name: str, axis: str) -> None:
    edit(workspace / "tiny.yaml", "axes: [tiny-axis]", f"axes: [tiny-axis, {name}]")
    edit(workspace / "tiny.yaml", "\naxes:\n", f"\naxes:\n  {name}: {axis}\n")


def test_shares_of_the_data_and_budgets_cost_the_jobs_of_the_tasks_that_they_make(workspace):
    values = {"train_percent": "[100, 50, 25]", "budget": "[1, 2, 4]"}
    for vary, numbers in values.items():
        name = vary.replace("_", "-")
        axis = f"{{task: tiny-easy, vary: {vary}, values: {numbers}, knob: k, reason: r}}"
        add_axis(workspace, f"by-{name}", axis)
        plan = work(planned(workspace))
        expected = {"fetch_task": 2, "tokenize_task": 2, "finetune": 2 * 12, "finetune_null": 2 * 2}
        assert plan == expected, vary
        edit(workspace / "tiny.yaml", f"axes: [tiny-axis, by-{name}]", "axes: [tiny-axis]")
    made = "tiny-easy-p50/train.parquet"
    done = snakemake(workspace, f"resources/tasks/{made}", "resources/tasks/tiny-easy-p25/train.parquet")
    assert done.returncode == 0, done.stderr
    ids = [
        set(read_table(workspace / f"resources/tasks/{task}/train.parquet")["example_id"].tolist())
        for task in ("tiny-easy", "tiny-easy-p50", "tiny-easy-p25")
    ]
    assert [len(found) for found in ids] == [64, 32, 16] and ids[0] > ids[1] > ids[2]


def test_a_mask_like_another_waits_for_it_and_removes_as_many_of_each_layer(workspace):
    sweep = "  control: {score: random, sparsity: [50], keep: [2of4], like: magnitude}\n"
    edit(workspace / "tiny.yaml", "sweeps:\n", f"sweeps:\n{sweep}")
    edit(workspace / "tiny.yaml", "  runs:\n", "  runs:\n    - {recipes: [control], regimes: [sparse]}\n")
    assert work(planned(workspace)) == {"rank_weights": 1, "build_mask": 2, "finetune": 8}
    masks = workspace / "results/masks/tiny-net"
    (masks / "magnitude-u50.safetensors").unlink()
    targets = [f"results/masks/tiny-net/control-{level}.safetensors" for level in ("u50", "2of4")]
    # The N:M control removes the same share of every layer by itself: it waits for no other mask.
    assert planned(workspace, targets[1]) == {"build_mask": 1}
    assert planned(workspace, targets[0]) == {"rank_weights": 1, "build_mask": 2}
    done = snakemake(workspace, *targets)
    assert done.returncode == 0, done.stderr
    control, original = (
        read_metadata(masks / f"{family}-u50.safetensors") for family in ("control", "magnitude")
    )
    assert control["tensor_sparsity"] == original["tensor_sparsity"]
    assert len(set(json.loads(original["tensor_sparsity"]).values())) > 1
    assert json.loads(control["spec"])["like"] == "magnitude-u50"


def test_block_by_block_a_recipe_needs_the_text_and_no_statistics(workspace):
    sweeps = "  wanda: {score: wanda, sparsity: [50]}\n  gptq: {quantizer: gptq, bits: [4]}\n"
    text = "calibration: {task: tiny-third, sequences: 8, max_length: 12, sequential: true}\n"
    third = "  tiny-third: {base: tiny-hard, version: 2}\n\naxes:\n  tiny-axis"
    edit(workspace / "tiny.yaml", "\nsweeps:\n", f"\n{text}\nsweeps:\n{sweeps}")
    edit(workspace / "tiny.yaml", "axes:\n  tiny-axis", third)
    runs = "    - {recipes: [wanda], regimes: [sparse]}\n    - {recipes: [gptq], regimes: [qat]}\n"
    edit(workspace / "tiny.yaml", "  runs:\n", f"  runs:\n{runs}")
    before = {"fetch_task": 1, "tokenize_task": 1}
    plan = {"mask_blocks": 1, "quantize_blocks": 1, "finetune": 8}
    assert work(planned(workspace)) == {**before, **plan}
    targets = [
        workspace / "results" / name
        for name in ("masks/tiny-net/wanda-u50.safetensors", "quantized/tiny-net/gptq-w4.safetensors")
    ]
    names = [str(path.relative_to(workspace)) for path in targets]
    done = snakemake(workspace, *names)
    assert done.returncode == 0, done.stdout + done.stderr
    first = [read_tensors(path) for path in targets]
    assert not (workspace / "results/calibration").exists()
    for path in targets:
        path.unlink()
    assert planned(workspace, *names) == {"mask_blocks": 1, "quantize_blocks": 1}
    done = snakemake(workspace, *names)
    assert done.returncode == 0, done.stdout + done.stderr
    for path, tensors in zip(targets, first, strict=True):
        again = read_tensors(path)
        assert all(torch.equal(again[name], tensor) for name, tensor in tensors.items()), "the same bits"
    assert planned(workspace, *names) == {}
    edit(workspace / "tiny.yaml", "sequences: 8", "sequences: 9")
    assert planned(workspace, *names) == {"mask_blocks": 1, "quantize_blocks": 1}
    # In one pass: its statistics serve both, and both are made anew from them.
    edit(workspace / "tiny.yaml", ", sequential: true", "")
    assert planned(workspace, *names) == {"calibrate": 1, "build_mask": 1, "quantize_weights": 1}
    done = snakemake(workspace, *names)
    assert done.returncode == 0, done.stdout + done.stderr


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
    with (workspace / "workflow/junkdna/figures/performance.py").open("a") as file:
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


CONNECTED = """  cartography: true
  mode_connectivity:
    - {recipes: [magnitude-u50], regimes: [sparse], tasks: [tiny-easy], seeds: [1]}
    - {recipes: [magnitude-u50], regimes: [regrow], tasks: [tiny-hard]}
"""


def asked(folder: Path) -> dict:
    """The jobs planned for the barriers and for the confidences of every dense run."""
    confidences = [
        f"results/runs/tiny-net/dense/{task}/dense/seed{seed}/confidences.parquet"
        for task in ("tiny-easy", "tiny-hard")
        for seed in (1, 2)
    ]
    return planned(folder, "results/tables/tiny/connectivity.parquet", *confidences)


def test_more_outputs_of_some_runs_rerun_these_and_no_others(workspace):
    text = (workspace / "tiny.yaml").read_text()
    edit(workspace / "tiny.yaml", "  runs:\n", CONNECTED + "  runs:\n")
    # Kept: three compressed runs and their three dense twins; traced: all four dense runs.
    expected = {"finetune_kept": 3, "finetune_traced_and_kept": 3, "finetune_traced": 1}
    assert asked(workspace) == {**expected, "interpolate": 3, "measure_connectivity": 1}
    before = read_table(workspace / f"{DENSE_RUN}/predictions.parquet")
    done = snakemake(
        workspace, "results/tables/tiny/connectivity.parquet", f"{DENSE_RUN}/confidences.parquet"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_table(workspace / f"{DENSE_RUN}/predictions.parquet").equals(before), "the same bits"
    table = read_table(workspace / "results/tables/tiny/connectivity.parquet")
    assert table[["task", "regime", "seeds"]].values.tolist() == [
        ["tiny-easy", "sparse", 1],
        ["tiny-hard", "regrow", 2],
    ]
    confidences = read_table(workspace / f"{DENSE_RUN}/confidences.parquet")
    assert len(confidences) == 64 and confidences.epoch.unique().tolist() == [1]
    (workspace / "tiny.yaml").write_text(text)
    assert work(planned(workspace)) == {}, "switched off, nothing runs again"
    edit(workspace / "tiny.yaml", "  runs:\n", CONNECTED + "  runs:\n")
    assert work(planned(workspace, "results/tables/tiny/connectivity.parquet")) == {}


def test_a_path_too_many_costs_its_own_jobs(workspace):
    edit(workspace / "tiny.yaml", "  runs:\n", CONNECTED.replace("  cartography: true\n", "") + "  runs:\n")
    plan = planned(workspace, "results/tables/tiny/connectivity.parquet")
    assert plan == {"finetune_kept": 6, "interpolate": 3, "measure_connectivity": 1}


def test_a_run_without_input_waits_for_nothing_but_tokens(workspace):
    edit(workspace / "tiny.yaml", "seeds: [1, 2]", "seeds: [1, 2, 3]")
    target = "results/nulls/tiny-net/tiny-easy/seed3/predictions.parquet"
    assert planned(workspace, target) == {"finetune_null": 1}
    done = snakemake(workspace, target)
    assert done.returncode == 0, done.stdout + done.stderr
    table = read_table(workspace / target)
    other = read_table(workspace / f"{DENSE_RUN}/predictions.parquet")
    assert table[["example_id", "target"]].equals(other[["example_id", "target"]])
    assert table["loss"].groupby(table["target"]).nunique().tolist() == [1, 1], "all inputs are the same"
    edit(workspace / "tiny.yaml", "[50, 90]", "[50, 70, 90]")
    assert planned(workspace, target) == {}, "no recipe concerns it"
