"""Fetch one checkpoint from the hub or a folder."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

from junkdna.checkpoints import fetch_checkpoint
from junkdna.record import record

params, folder = snakemake.params, Path(snakemake.output.manifest).parent
about = record(params.made, snakemake.config)
fetch_checkpoint(params.source, folder, name=params.name, about=about, local=params.local)
