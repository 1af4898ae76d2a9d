"""Pre-train the toy encoder on sentences about a generated world."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

from junkdna.pretraining import pretrain_checkpoint

folder = Path(snakemake.output.manifest).parent
pretrain_checkpoint(snakemake.params.source, folder, name=snakemake.params.name, threads=snakemake.threads)
