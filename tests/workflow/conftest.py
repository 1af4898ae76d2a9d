"""A finished tiny study to copy, edit and dry-run."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SNAKEMAKE = [sys.executable, "-m", "snakemake"]


def snakemake(folder: Path, *arguments: str, config: str = "tiny.yaml") -> subprocess.CompletedProcess:
    """Run Snakemake in a workspace with the workspace's own library."""
    environ = {**os.environ, "PYTHONPATH": str(folder / "workflow")}
    command = [*SNAKEMAKE, "--configfile", config, "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)


def planned(folder: Path, *arguments: str, config: str = "tiny.yaml") -> Counter:
    """The number of jobs of each rule that a dry run schedules."""
    done = snakemake(folder, "--dry-run", *arguments, config=config)
    assert done.returncode == 0, done.stdout + done.stderr
    table = re.findall(
        r"^(\w+) +(\d+)$", (done.stdout + done.stderr).split("Job stats:")[-1], flags=re.MULTILINE
    )
    return Counter({rule: int(count) for rule, count in table if rule not in ("total", "all")})


def copy_project(folder: Path) -> Path:
    """What the workflow needs of the project, in a folder of its own."""
    shutil.copy(ROOT / "Snakefile", folder)
    for name in ("workflow", "config", "resources/reference"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
        )
    shutil.copy(Path(__file__).with_name("tiny.yaml"), folder)
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A workspace in which the tiny study was run."""
    folder = copy_project(tmp_path_factory.mktemp("finished"))
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def workspace(finished, tmp_path) -> Path:
    """A copy of the finished workspace to edit; times of files are kept."""
    shutil.copytree(finished, tmp_path, symlinks=True, dirs_exist_ok=True)
    return tmp_path
