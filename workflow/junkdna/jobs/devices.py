"""Give each job that asked for a GPU one device of its own, or a share of one.

Snakemake counts `gpu` but hands out no device. Here a job takes a free slot of a device by locking a file,
which the system frees when the job ends, however it ends. JUNKDNA_JOBS_PER_GPU slots (default 1) let small
jobs share a device; a job that finds no free slot waits for one.
"""

import fcntl
import os
import tempfile
import time
from pathlib import Path
from typing import IO

_held: list[IO[str]] = []


def take_device(gpus: int, folder: Path | None = None) -> str:
    """Return the torch device for a job with `gpus` of resource gpu: `cuda:N` held until exit, or `cpu`.

    Without a usable GPU every job runs on the CPU. Under Slurm the scheduler's own assignment is taken.
    """
    import torch

    if gpus < 1 or not torch.cuda.is_available():
        return "cpu"
    if "SLURM_JOB_ID" in os.environ:
        return "cuda:0"
    return f"cuda:{take_slot(torch.cuda.device_count(), folder)}"


def take_slot(devices: int, folder: Path | None = None) -> int:
    """Lock a free slot of one of `devices` devices, the emptiest slot number first; wait if all are taken."""
    folder = folder or Path(tempfile.gettempdir()) / f"junkdna-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    per_device = int(os.environ.get("JUNKDNA_JOBS_PER_GPU", "1"))
    if per_device < 1:
        raise ValueError(f"JUNKDNA_JOBS_PER_GPU: found {per_device}; legal: 1 or more")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = visible.replace("/", "-").split(",") if visible else [str(device) for device in range(devices)]
    while True:
        for slot in range(per_device):
            for device in range(devices):
                lock = (folder / f"gpu-{names[device]}-{slot}.lock").open("w")
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    lock.close()
                    continue
                _held.append(lock)
                return device
        time.sleep(0.5)
