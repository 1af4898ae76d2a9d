"""Decide which weights of a checkpoint a recipe keeps."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

from junkdna.artifacts import read_tensors
from junkdna.compression.masks import build_packed_mask, removed_by
from junkdna.maskfile import read_mask, write_mask
from junkdna.models import read_body
from junkdna.specs import PruneSpec

body = read_body(Path(snakemake.input.manifest).parent)
spec = PruneSpec.from_mapping(snakemake.params.recipe)
mask = build_packed_mask(
    {name: weight.tensor for name, weight in body.items()},
    {name: weight.input_dim for name, weight in body.items()},
    spec,
    read_tensors(snakemake.input.ranking) if snakemake.input.ranking else None,
    removed_by(read_mask(snakemake.input.like)) if snakemake.input.like else None,
)
write_mask(snakemake.output.mask, mask, spec, code=snakemake.params.code)
