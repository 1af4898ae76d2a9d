"""Pre-train the toy encoder on sentences about a generated world."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

from junkdna.pretraining import pretrain_checkpoint
from junkdna.record import record

params, folder = snakemake.params, Path(snakemake.output.manifest).parent
about = record(params.made, snakemake.config)
pretrain_checkpoint(params.source, folder, name=params.name, threads=snakemake.threads, about=about)
