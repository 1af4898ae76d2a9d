"""A job in a warm process is the job it would have been by itself."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import os, sys, time
from junkdna.jobs.warm import enter
enter()
import torch
open(sys.argv[1], "w").write(f"{os.getcwd()} {os.environ.get('COLOUR')} {os.getpid()} {len(sys.argv)}")
print("to stdout")
print("to stderr", file=sys.stderr)
if sys.argv[2] == "fail":
    raise ValueError("as asked")
if sys.argv[2] == "wait":
    time.sleep(60)
sys.exit(int(sys.argv[2]))
"""


@pytest.fixture
def run(tmp_path):
    """Start the script in a fresh temporary folder, so that its server is its own."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def start(argument: str, **environ: str) -> subprocess.Popen:
        clean = {
            key: value for key, value in os.environ.items() if key not in ("SLURM_JOB_ID", "JUNKDNA_WARM")
        }
        return subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / "seen"), argument],
            env={
                **clean,
                "TMPDIR": str(tmp_path),
                "PYTHONPATH": str(Path(__file__).parents[3] / "workflow"),
                **environ,
            },
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    yield start
    subprocess.run(["pkill", "-f", f"junkdna.jobs.warm.py {tmp_path}"], check=False)


def test_runs_in_another_process_with_the_same_surroundings(run, tmp_path):
    first = run("0", COLOUR="green")
    out, err = first.communicate(timeout=60)
    folder, colour, pid, arguments = (tmp_path / "seen").read_text().split()
    assert (first.returncode, folder, colour, arguments) == (0, str(tmp_path), "green", "3")
    assert int(pid) != first.pid
    assert (out, "to stderr" in err) == ("to stdout\n", True)


def test_status_and_errors_come_back(run):
    second = run("7")
    second.communicate(timeout=60)
    failed = run("fail")
    _, err = failed.communicate(timeout=60)
    assert (second.returncode, failed.returncode) == (7, 1)
    assert "ValueError: as asked" in err


def test_is_left_alone_on_a_cluster_and_on_request(run, tmp_path):
    for environ in ({"SLURM_JOB_ID": "1"}, {"JUNKDNA_WARM": "0"}):
        job = run("0", **environ)
        job.communicate(timeout=60)
        assert int((tmp_path / "seen").read_text().split()[2]) == job.pid


def test_dies_with_the_process_that_asked(run, tmp_path):
    job = run("wait")
    deadline = time.monotonic() + 60
    while not (tmp_path / "seen").exists() or not (tmp_path / "seen").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    pid = int((tmp_path / "seen").read_text().split()[2])
    job.kill()
    job.communicate(timeout=60)
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the job outlived the process that asked for it")


def test_settings_that_libraries_read_on_import_are_those_of_the_job(run, tmp_path):
    """A server that was started with other settings must not answer."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom junkdna.jobs.warm import enter\nenter()\n"
        "from huggingface_hub import constants\nopen(sys.argv[1], 'w').write(constants.ENDPOINT)\n"
    )
    for endpoint in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
        run("0", HF_ENDPOINT=endpoint).communicate(timeout=60)
        assert (tmp_path / "seen").read_text() == endpoint


def test_a_server_of_another_path_does_not_lend_its_package(run, tmp_path):
    """The first job found the package by a path that means nothing where the server stands."""
    workflow = Path(__file__).parents[3] / "workflow"
    (tmp_path / "script.py").write_text(
        "import sys\nfrom junkdna.jobs.warm import enter\nenter()\n"
        "import junkdna.study.runs\nopen(sys.argv[1], 'w').write(junkdna.study.runs.__file__)\n"
    )
    for path in (os.path.relpath(workflow, tmp_path), str(workflow)):
        job = run("0", PYTHONPATH=path)
        _, err = job.communicate(timeout=60)
        assert job.returncode == 0, err
        assert (tmp_path / (tmp_path / "seen").read_text()).resolve() == workflow / "junkdna/study/runs.py"


@pytest.mark.parametrize("broken", ["file at the address", "file for the folder", "dead socket"])
def test_broken_files_of_the_server_hold_no_job(run, tmp_path, broken):
    run("0").communicate(timeout=60)
    folder = tmp_path / f"junkdna-{os.getuid()}"
    (address,) = (path for path in folder.iterdir() if not path.suffix)
    subprocess.run(["pkill", "-f", f"junkdna.jobs.warm.py {tmp_path}"], check=False)
    if broken == "file at the address":
        address.unlink(missing_ok=True)
        address.write_text("no socket")
    elif broken == "file for the folder":
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        folder.write_text("no folder")
    job = run("7")
    _, err = job.communicate(timeout=60)
    assert job.returncode == 7, err
    assert ("no warm process" in err) == (broken == "file for the folder")


def test_a_server_that_hangs_holds_no_job_for_ever(run, tmp_path):
    script = tmp_path / "script.py"
    patience = "import junkdna.jobs.warm\njunkdna.jobs.warm.PATIENCE_SECONDS = 1\nenter()"
    script.write_text(SCRIPT.replace("\nenter()", f"\n{patience}", 1))
    run("0").communicate(timeout=60)
    server = ["-f", f"junkdna.jobs.warm.py {tmp_path}"]
    subprocess.run(["pkill", "-STOP", *server], check=True)
    try:
        job = run("7")
        # Not until its output ends: the stopped server was handed the ends of that, and has not let go of them.
        assert job.wait(timeout=60) == 7
    finally:
        subprocess.run(["pkill", "-CONT", *server], check=True)
    assert int((tmp_path / "seen").read_text().split()[2]) == job.pid
