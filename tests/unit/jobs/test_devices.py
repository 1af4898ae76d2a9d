"""Jobs on one machine get different GPUs, and free them however they end."""

import select
import subprocess
import sys

import pytest

from junkdna.jobs import devices

HOLD = """
import sys, time
from pathlib import Path
from junkdna.jobs.devices import take_slot
print(take_slot(int(sys.argv[1]), Path(sys.argv[2])), flush=True)
time.sleep(60)
"""


@pytest.fixture
def hold(tmp_path, monkeypatch):
    """Start processes that take a slot of two devices and keep it."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("JUNKDNA_JOBS_PER_GPU", raising=False)
    running = []

    def start() -> subprocess.Popen:
        command = [sys.executable, "-c", HOLD, "2", str(tmp_path)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_every_job_its_own_device_and_the_next_waits(hold):
    first, second = hold(), hold()
    freed = first.stdout.readline().strip()
    assert {freed, second.stdout.readline().strip()} == {"0", "1"}
    third = hold()
    assert select.select([third.stdout], [], [], 2)[0] == []
    first.kill()
    assert third.stdout.readline().strip() == freed


def test_small_jobs_share_a_device_evenly(hold, monkeypatch):
    monkeypatch.setenv("JUNKDNA_JOBS_PER_GPU", "2")
    taken = sorted(hold().stdout.readline().strip() for _ in range(4))
    assert taken == ["0", "0", "1", "1"]


def test_nonsense_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("JUNKDNA_JOBS_PER_GPU", "0")
    with pytest.raises(ValueError, match="JUNKDNA_JOBS_PER_GPU"):
        devices.take_slot(1, tmp_path)


def test_no_gpu_means_cpu():
    assert devices.take_device(0) == "cpu"
