"""Pre-train the toy encoder on sentences about a generated world."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.checkpoints.pretraining import pretrain_checkpoint
from junkdna.provenance.record import record

params, folder = snakemake.params, Path(snakemake.output.manifest).parent
about = record(params.made, snakemake.config)
pretrain_checkpoint(params.source, folder, name=params.name, threads=snakemake.threads, about=about)
