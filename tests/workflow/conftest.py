"""A finished tiny study to copy, edit and dry-run."""

import shutil
from pathlib import Path

import pytest

from studies import copy_project, snakemake


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
