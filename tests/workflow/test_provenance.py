"""What a report stands on is what it states: nothing lost, damaged, of another config or of another study."""

import os
import re
import shutil
from pathlib import Path

import pytest

from junkdna.files.artifacts import read_table
from junkdna.provenance.record import peek
from studies import planned, snakemake

RUNS = "results/runs/tiny-net"
DENSE = f"{RUNS}/dense/tiny-easy/dense/seed1"
SPARSE = f"{RUNS}/magnitude-u50/tiny-easy/sparse/seed1"
NULL = "results/nulls/tiny-net/tiny-easy/seed1"
TOKENS = "results/tokens/tiny-net/tiny-easy/train.safetensors"
MASK = "results/masks/tiny-net/magnitude-u50.safetensors"
WEIGHTS = "resources/checkpoints/tiny-net/model.safetensors"
# Two runs and one without input of the finished study, as a study of their own name in the same folder.
SMALL = """study:
  name: {name}
  checkpoints: [tiny-net]
  tasks: [tiny-easy]
  seeds: [1]
  runs:
    - {{recipes: [magnitude-u50], regimes: [sparse]}}
"""


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} no longer holds {old!r}"
    path.write_text(text.replace(old, new, 1))


def slower(path: Path) -> None:
    edit(path, "training: {learning_rate: 1.0e-3", "training: {learning_rate: 5.0e-4")


def flip(path: Path) -> None:
    """Flip one bit in the middle of a file and leave its times as they are: Snakemake must not notice."""
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def write_small(folder: Path, name: str) -> Path:
    """A config of the study `name` of two runs, which has the sweeps, checkpoints and tasks of the tiny study."""
    text = (folder / "tiny.yaml").read_text()
    (folder / f"{name}.yaml").write_text(SMALL.format(name=name) + text[text.index("\nsweeps:") :])
    return folder / f"{name}.yaml"


@pytest.fixture(scope="module")
def small_finished(finished, tmp_path_factory) -> Path:
    """The finished workspace with a second, smaller study, whose runs belong to it alone."""
    folder = tmp_path_factory.mktemp("small")
    shutil.copytree(finished, folder, symlinks=True, dirs_exist_ok=True)
    for gone in (RUNS, "results/nulls", "results/tables", "results/figures", "results/report"):
        shutil.rmtree(folder / gone)
    write_small(folder, "small")
    done = snakemake(folder, config="small.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def small(small_finished, tmp_path) -> Path:
    shutil.copytree(small_finished, tmp_path, symlinks=True, dirs_exist_ok=True)
    return tmp_path


def run(folder: Path, *arguments: str, config: str = "small.yaml"):
    done = snakemake(folder, "--keep-going", *arguments, config=config)
    return done.returncode, done.stdout + done.stderr


def work(folder: Path) -> dict:
    stages = ("fetch_task", "tokenize_task", "build_mask", "finetune", "finetune_null", "aggregate_runs")
    plan = planned(folder, config="small.yaml")
    return {stage: plan[stage] for stage in (*stages, "render_report") if stage in plan}


EVERYTHING = {"finetune": 2, "finetune_null": 1, "aggregate_runs": 1, "render_report": 1}


def test_a_failed_rerun_is_not_forgotten(small):
    page, stated = (small / f"results/report/small/{name}" for name in ("index.html", "config.yaml"))
    before = page.read_text(), stated.read_text()
    slower(small / "small.yaml")
    flip(small / TOKENS)
    for _ in range(2):
        code, told = run(small)
        assert code == 1
        lines = re.findall(r"error: (.*) is damaged: .*Delete it and give the same command again", told)
        assert lines == [TOKENS] * 3, told
        assert (page.read_text(), stated.read_text()) == before, "nothing states what was not run"
        assert not (small / f"{SPARSE}/metrics.parquet").exists()
    assert work(small) == EVERYTHING
    (small / TOKENS).unlink()
    assert work(small) == {"tokenize_task": 1, **EVERYTHING}
    code, told = run(small)
    assert code == 0, told
    assert "learning_rate: 0.0005" in stated.read_text() and "learning_rate: 0.0005" in page.read_text()
    assert planned(small, config="small.yaml") == {}


def test_lost_files_behind_a_report_are_made_again(small):
    (small / MASK).unlink()
    assert planned(small, config="small.yaml") == {}, (
        "what was made of it stands, and says with what it was made"
    )
    runs = f"{DENSE}/metrics.parquet", f"{SPARSE}/predictions.parquet", f"{NULL}/predictions.parquet"
    tables = "results/tables/small/cells.parquet", "results/figures/small/claims.json"
    for lost, expected in (
        (runs, {"build_mask": 1, **EVERYTHING}),
        (tables, {"aggregate_runs": 1, "render_report": 1}),
    ):
        for name in lost:
            (small / name).rename(small / f"{name}.kept")
        assert work(small) == expected
        # Whoever asks for the page alone gets it as it stands, and is told.
        done = snakemake(small, "-n", "results/report/small/index.html", config="small.yaml")
        told = f"note: {len(lost)} files that the report of this study stands on are gone, the first: "
        assert told in done.stderr, done.stderr
        for name in lost:
            (small / f"{name}.kept").rename(small / name)


def test_one_flipped_bit_is_one_error_in_the_job_that_reads_the_file(small):
    """At once, one file for each job that can still start: metrics, and what one run and the one without input read."""
    for name in (MASK, f"{DENSE}/metrics.parquet"):
        flip(small / name)
    (small / f"{SPARSE}/metrics.parquet").unlink()
    code, told = run(small)
    assert code == 1 and f"error: {MASK} is damaged: its content is not what was written" in told, told
    (small / MASK).unlink()
    code, told = run(small)
    assert code == 1 and f"error: {DENSE}/metrics.parquet is damaged" in told and "Delete it" in told, told
    (small / f"{DENSE}/metrics.parquet").unlink()
    flip(small / WEIGHTS)
    code, told = run(small)
    assert code == 1
    assert f"error: {WEIGHTS} is damaged: its content is not what was fetched" in told, told
    assert "Delete the folder resources/checkpoints/tiny-net" in told
    shutil.rmtree(small / WEIGHTS.rpartition("/")[0])
    plan = planned(small, config="small.yaml")
    assert plan["pretrain_checkpoint"] == 1 and plan["finetune"] == 2


def test_runs_of_another_config_enter_no_table(small):
    """Files that were put in place of others, as by a restored backup, with times that look right."""
    old = {name: (small / f"{SPARSE}/{name}.parquet").read_bytes() for name in ("metrics", "predictions")}
    slower(small / "small.yaml")
    code, told = run(small)
    assert code == 0, told
    for name, content in old.items():
        (small / f"{SPARSE}/{name}.parquet").write_bytes(content)
    code, told = run(small)
    assert code == 1
    assert (
        f"error: {SPARSE}/metrics.parquet was made with other hyper-parameters than the config states" in told
    )
    (small / f"{SPARSE}/metrics.parquet").unlink()
    assert work(small) == {"finetune": 1, "aggregate_runs": 1, "render_report": 1}


def test_local_files_are_followed_by_their_content(workspace):
    config = workspace / "tiny.yaml"
    shutil.copytree(workspace / "resources/checkpoints/tiny-net", workspace / "model")
    (workspace / "model/manifest.json").unlink()
    train = workspace / "train.csv"
    train.write_text("text,label\n" + "".join(f"a word {i},{'ab'[i % 2]}\n" for i in range(20)))
    shutil.copy(train, workspace / "validation.csv")
    edit(config, "\ntasks:\n", "  mine:\n    source: {path: model}\n\ntasks:\n" + OWN_TASK)
    edit(config, "checkpoints: [tiny-net]", "checkpoints: [mine]")
    edit(config, "  tasks: []", "  tasks: [own]")
    targets = "resources/checkpoints/mine/manifest.json", "resources/tasks/own/train.parquet"
    done = snakemake(workspace, *targets)
    assert done.returncode == 0, done.stdout + done.stderr
    cache = workspace / "resources/local-files.json"
    for path in (train, workspace / "model/model.safetensors"):
        path.touch()
    cache.write_text("{half")
    assert planned(workspace, *targets) == {}, "a touch"
    with train.open("a") as file:
        file.write("one more,a\n")
    other = (workspace / "resources/checkpoints/tiny-net/model.safetensors").read_bytes()
    (workspace / "model/model.safetensors").write_bytes(other[:-1] + bytes([other[-1] ^ 1]))
    assert planned(workspace, *targets) == {"fetch_checkpoint": 1, "fetch_task": 1}
    assert peek(workspace / "resources/tasks/own/manifest.json")["splits"]["train"]["available"] == 20


OWN_TASK = """  own:
    source: {path: {train: train.csv, validation: validation.csv}}
    format: classification
    columns: {text: text, label: label}
    labels: [a, b]
    max_length: 24
    metric: accuracy
    version: 1
"""


def test_other_versions_of_the_libraries_are_told_and_rerun_nothing(small):
    # What the package manager says, not what is imported: as after an upgrade.
    about = small / "workflow/torch-2.99.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.99.1\n")
    code, told = run(small, "--dry-run")
    assert "Nothing to be done" in told
    assert re.search(
        r"note: 7 of 7 files of this study were made with .*; installed here: torch 2\.99\.1", told
    )
    assert "--forceall" in told
    (small / f"{DENSE}/metrics.parquet").unlink()
    code, told = run(small)
    assert code == 0, told
    runs = read_table(small / "results/tables/small/runs.parquet")
    assert sorted(name.startswith("torch 2.99.1,") for name in runs["versions"]) == [False, True]
    page = (small / "results/report/small/index.html").read_text()
    assert "1 of 2 runs were made with torch 2.99.1" in page


def test_another_study_replaces_nothing_without_leave(small):
    other = write_small(small, "other")
    assert planned(small, config="other.yaml")["finetune"] == 0, "what two studies mean alike they share"
    slower(other)
    before = {path: path.read_bytes() for path in sorted((small / RUNS).rglob("*.parquet"))}
    code, told = run(small, config="other.yaml")
    assert code == 1
    assert "3 files here were made by the study 'small' with other hyper-parameters than 'other' has" in told
    assert "study.overwrites: [small]" in told
    assert {path: path.read_bytes() for path in sorted((small / RUNS).rglob("*.parquet"))} == before
    assert "warning: 3 files here" in told
    # The study's own edit needs no leave, nor does what touches no file of another study.
    slower(small / "small.yaml")
    told = run(small, "--dry-run")[1]
    assert "warning:" not in told and "note:" not in told
    code, told = run(small, "results/rankings/tiny-net/magnitude.safetensors", config="other.yaml")
    assert code == 0, told
    edit(other, "  name: other\n", "  name: other\n  overwrites: [small]\n")
    code, told = run(small, f"{DENSE}/metrics.parquet", config="other.yaml")
    assert code == 0, told
    assert peek(small / f"{DENSE}/metrics.parquet")["study"] == "other"


def test_the_plan_is_answered_whatever_lies_about(small):
    (small / "results/plan").mkdir()
    (small / "results/plan/summary.tsv").write_text("half")
    (small / f"{DENSE}/metrics.parquet").write_bytes(b"half")
    code, told = run(small, "plan")
    assert code == 0 and re.search(r"aggregate_runs +1 +0 +1", told), told
