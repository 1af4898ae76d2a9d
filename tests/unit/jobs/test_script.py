"""What a stage script says when it fails, and when it is run by hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import junkdna

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))
SCRIPT = """
import sys
from types import SimpleNamespace
from junkdna.jobs import script
snakemake = SimpleNamespace(log=[sys.argv[1]])
script.start()
raise {error}
"""


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_run_by_hand_says_what_its_rule_gives_it(path):
    environment = {"PYTHONPATH": str(ROOT / "workflow"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, path], env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith(f"{path.name}: ")
    assert f"the rule {path.stem} says" in done.stderr and "(workflow/rules/" in done.stderr
    assert "    params:" in done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("ValueError('study.seeds: found 0')", "study.seeds: found 0"),
        # An error without words is at least called by its name.
        ("MemoryError", "MemoryError"),
    ],
)
def test_an_error_is_one_line_on_the_terminal_and_a_traceback_in_the_log(error, said, tmp_path):
    log = tmp_path / "logs/job.log"
    command = [sys.executable, "-c", SCRIPT.format(error=error), log]
    own = {"JUNKDNA_WARM": "0", "PYTHONPATH": str(Path(junkdna.__file__).parents[1])}
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"error: {said}  (full log: {log})\n"
    assert "Traceback" in log.read_text()
