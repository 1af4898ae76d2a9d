"""Print what a study will cost."""

from junkdna.jobs import script

script.start()

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from junkdna.tables.pricing import count_jobs, describe, price_runs, read_measured, read_summary, size_runs

params = snakemake.params
with tempfile.TemporaryDirectory() as folder:
    config = Path(folder) / "config.yaml"
    config.write_text(yaml.safe_dump(params.config, sort_keys=False), encoding="utf-8")
    command = [params.python, "-m", "snakemake", "--snakefile", params.snakefile, "--configfile", str(config)]
    asked = subprocess.run([*command, "--nolock", "--summary", "all"], capture_output=True, text=True)
sys.stderr.write(asked.stderr)
if asked.returncode:
    raise RuntimeError(f"Snakemake cannot tell what is missing: {asked.stderr.strip().splitlines()[-1:]}")
outputs = read_summary(asked.stdout, params.patterns)
measured = read_measured(Path(params.finished))
runs = price_runs(size_runs(params.sizes, params.files, outputs, measured), measured, params.flops)
script.progress(describe(count_jobs(outputs), runs))
