"""Print what a study will cost."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

from junkdna.pricing import count_jobs, describe, price_runs, read_measured, read_summary, size_runs

outputs = read_summary(Path(snakemake.input.summary).read_text())
measured = read_measured(Path("results/runs"))
sized = size_runs(snakemake.params.sizes, outputs, measured)
runs = price_runs(sized, measured, snakemake.params.flops)
job.progress(describe(count_jobs(outputs), runs))
