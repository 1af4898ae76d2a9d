"""What a stage script says on the terminal when it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import junkdna

SCRIPT = """
import sys
from types import SimpleNamespace
from junkdna.jobs import script
snakemake = SimpleNamespace(log=[sys.argv[1]])
script.start()
raise {error}
"""


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
