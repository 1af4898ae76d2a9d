"""Measure the rule for failed trainings on real trainings whose truth is known.

OMP_NUM_THREADS=1 nice python benchmarks/failed_trainings.py --raw FOLDER [--minilm FOLDER --glue FOLDER]
    [--study FOLDER ...] [--only TEXT] [--judge]
"""

import argparse
import time
from pathlib import Path

import torch
from failed_trainings_runs import all_runs, checkpoints, train_and_write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--minilm", type=Path, help="folder of the checkpoint all-MiniLM-L6-v2")
    parser.add_argument("--glue", type=Path, help="folder of GLUE: a folder a task with its Parquet files")
    parser.add_argument("--only", default="", help="make the runs whose name holds this text")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folders = checkpoints(arguments.raw, arguments.minilm)
    for run in all_runs():
        path = arguments.raw / f"{run.name}.parquet"
        if path.exists() or arguments.only not in run.name or run.model not in folders:
            continue
        start = time.monotonic()
        train_and_write(run, path, folders[run.model], arguments.glue)
        print(f"{run.name}  {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
