"""Fetch the labelled examples of one task, in normalised columns."""

from junkdna import job

job.start(snakemake.log[0])

from junkdna.artifacts import write_json, write_table
from junkdna.data_cautions import split_cautions
from junkdna.tasks import fetch_task

splits, manifest = fetch_task(snakemake.params.data, name=snakemake.params.name)
write_table(snakemake.output.train, splits["train"], manifest)
write_table(snakemake.output.validation, splits["validation"], manifest)
write_json(snakemake.output.manifest, manifest)
for line in split_cautions(manifest):
    job.progress(f"warning: {line}")
