"""Fetch one checkpoint from the hub or a folder."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

from junkdna.checkpoints import fetch_checkpoint

folder = Path(snakemake.output.manifest).parent
fetch_checkpoint(snakemake.params.source, folder, name=snakemake.params.name)
