"""Fetch the labelled examples of one task, in normalised columns."""

from junkdna.jobs import script

script.start()

from junkdna.files.artifacts import write_json, write_table
from junkdna.provenance.local_hashes import check_local
from junkdna.provenance.record import record
from junkdna.tasks.cautions import split_cautions
from junkdna.tasks.fetch import fetch_task

params = snakemake.params
splits, manifest = fetch_task(params.data, name=params.name)
check_local(params.local, manifest.get("files", {}), f"tasks.{params.name}.source.path")
manifest = {**record(params.made, snakemake.config), **manifest}
write_table(snakemake.output.train, splits["train"], manifest)
write_table(snakemake.output.validation, splits["validation"], manifest)
write_json(snakemake.output.manifest, manifest)
for line in split_cautions(manifest):
    script.progress(f"warning: {line}")
