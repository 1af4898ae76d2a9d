"""Print what a study will cost."""

from junkdna import job

job.start(snakemake.log[0])
