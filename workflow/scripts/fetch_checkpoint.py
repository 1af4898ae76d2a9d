"""Fetch one checkpoint from the hub or a folder."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.checkpoints.fetch import fetch_checkpoint
from junkdna.provenance.record import record

params, folder = snakemake.params, Path(snakemake.output.manifest).parent
about = record(params.made, snakemake.config)
fetch_checkpoint(params.source, folder, name=params.name, about=about, local=params.local)
