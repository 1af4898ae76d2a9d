"""The code digest sees the maths and not the comments."""

import shutil
from pathlib import Path

import pytest

from junkdna.provenance import code

SCRIPTS = sorted(path.stem for path in code.SCRIPTS.glob("*.py"))


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the code to edit, and a function that gives its digests."""
    shutil.copytree(code.PACKAGE, tmp_path / "junkdna")
    shutil.copytree(code.SCRIPTS, tmp_path / "scripts")
    monkeypatch.setattr(code, "PACKAGE", tmp_path / "junkdna")
    monkeypatch.setattr(code, "SCRIPTS", tmp_path / "scripts")

    def digests() -> dict[str, str]:
        code.code_digest.cache_clear()
        code._normalised.cache_clear()
        return {script: code.code_digest(script) for script in SCRIPTS}

    yield tmp_path, digests
    code.code_digest.cache_clear()
    code._normalised.cache_clear()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_comments_and_docstrings_do_not_count(copy):
    folder, digests = copy
    before = digests()
    for path in folder.rglob("*.py"):
        text = path.read_text().replace('"""', '"""X ', 1)
        path.write_text(f"# a comment\n{text}\n# the end\n")
    assert digests() == before


def test_an_edit_changes_the_scripts_that_reach_it_and_no_other(copy):
    folder, digests = copy
    before = digests()
    (folder / "junkdna/compression/selection.py").open("a").write("\nEDITED = 1\n")
    changed = {script for script, digest in digests().items() if digest != before[script]}
    assert {"build_mask", "finetune"} <= changed
    assert not changed & {"fetch_checkpoint", "fetch_task", "tokenize_task", "aggregate_runs", "plot_figure"}


def test_a_package_init_counts(copy):
    folder, digests = copy
    before = digests()
    (folder / "junkdna/__init__.py").write_text("EDITED = 1\n")
    assert all(digest != before[script] for script, digest in digests().items())


def test_modules_that_a_use_never_executes_can_be_left_out(copy):
    folder, digests = copy
    digests()
    without = ("junkdna.compression.selection",)
    before = code.code_digest("build_mask", without)
    (folder / "junkdna/compression/selection.py").open("a").write("\nEDITED = 1\n")
    digests()
    assert code.code_digest("build_mask", without) == before
