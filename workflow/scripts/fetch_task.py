"""Fetch the labelled examples of one task, in normalised columns."""

from junkdna import job

job.start(snakemake.log[0])

from junkdna.artifacts import write_json, write_table
from junkdna.data_cautions import split_cautions
from junkdna.local_hashes import check_local
from junkdna.record import record
from junkdna.tasks import fetch_task

params = snakemake.params
splits, manifest = fetch_task(params.data, name=params.name)
check_local(params.local, manifest.get("files", {}), f"tasks.{params.name}")
manifest = {**record(params.made, snakemake.config), **manifest}
write_table(snakemake.output.train, splits["train"], manifest)
write_table(snakemake.output.validation, splits["validation"], manifest)
write_json(snakemake.output.manifest, manifest)
for line in split_cautions(manifest):
    job.progress(f"warning: {line}")
