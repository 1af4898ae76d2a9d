"""Print what a study will cost."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

from junkdna.pricing import count_jobs, describe, price_runs, read_measured, read_summary, size_runs

params = snakemake.params
outputs = read_summary(Path(snakemake.input.summary).read_text(), params.patterns)
measured = read_measured(Path(params.finished))
runs = price_runs(size_runs(params.sizes, params.files, outputs, measured), measured, params.flops)
job.progress(describe(count_jobs(outputs), runs))
