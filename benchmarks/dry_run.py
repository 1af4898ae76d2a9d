"""Time a dry run of a 10,000-run study against a bare Snakefile of as many jobs; prints a Markdown table.

python benchmarks/dry_run.py --repeats 3
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
BARE = """
RUNS = [str(i) for i in range({runs})]
rule all:
    input: "table.txt"
rule run:
    output: "runs/{{run}}.txt"
    shell: "touch {{output}}"
rule aggregate:
    input: expand("runs/{{run}}.txt", run=RUNS)
    output: "table.txt"
    shell: "touch {{output}}"
"""


def study(seeds: int) -> dict:
    """5 tasks x (dense + 12 masks in three regimes) x seeds: 37 runs a task and seed."""
    return {
        "study": {
            "name": "large",
            "checkpoints": ["roberta-large"],
            "axes": [],
            "tasks": ["sst2", "cola", "qnli", "rte", "stsb"],
            "seeds": list(range(1, seeds + 1)),
            "runs": [{"recipes": ["magnitude"], "regimes": ["sparse", "freeze", "regrow"]}],
        },
        "sweeps": {
            "magnitude": {
                "score": "magnitude",
                "sparsity": list(range(10, 100, 10)),
                "keep": ["6of8", "4of8", "2of8"],
            }
        },
    }


def seconds(command: list[str], folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=54)
    arguments = parser.parse_args()
    runs = 5 * 37 * arguments.seeds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "large.yaml").write_text(yaml.safe_dump(study(arguments.seeds)))
        (folder / "Snakefile").write_text(BARE.format(runs=runs))
        dry = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "all", "--cores", "1"]
        times = {"bare Snakefile": [], "this workflow": []}
        for _ in range(arguments.repeats):
            times["bare Snakefile"].append(seconds(dry, folder))
            times["this workflow"].append(
                seconds([*dry, "--nolock", "--configfile", str(folder / "large.yaml")], ROOT)
            )
    bare = statistics.median(times["bare Snakefile"])
    print(f"| dry run of {runs:,} runs | median s | to bare |\n| --- | ---: | ---: |")
    for kind, measured in times.items():
        print(f"| {kind} | {statistics.median(measured):.1f} | {statistics.median(measured) / bare:.2f} |")


if __name__ == "__main__":
    main()
