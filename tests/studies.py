"""Run and dry-run small studies in folders of their own."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SNAKEMAKE = [sys.executable, "-m", "snakemake"]


def snakemake(
    folder: Path, *arguments: str, config: str = "tiny.yaml", **variables: str
) -> subprocess.CompletedProcess:
    """Run Snakemake in a workspace with the workspace's own library."""
    environ = {**os.environ, "PYTHONPATH": str(folder / "workflow"), **variables}
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
    for name in ("workflow", "config", "envs", "resources/reference"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
        )
    shutil.copy(ROOT / "tests/workflow/tiny.yaml", folder)
    return folder
