"""Decide which weights of a checkpoint a recipe keeps."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.compression.layerwise import allocate, build_layerwise_mask, shuffle_mask
from junkdna.compression.masks import build_packed_mask, removed_by
from junkdna.files.artifacts import read_tensors
from junkdna.files.masks import read_mask, write_mask
from junkdna.files.quantized import read_unseen
from junkdna.models.prunable import read_body
from junkdna.provenance.record import check_inputs, check_made, record
from junkdna.study.specs import PruneSpec

paths, made = snakemake.input, snakemake.params.made
check_inputs([path for path in paths if path != paths.like], made)
if paths.like:
    check_made(paths.like, {"checkpoint": made["checkpoint"], "compression": made["like"]})
body = read_body(Path(paths.manifest).parent)
weights = {name: weight.tensor for name, weight in body.items()}
input_dims = {name: weight.input_dim for name, weight in body.items()}
spec = PruneSpec.from_mapping(snakemake.params.recipe)
statistics = read_tensors(paths.calibration) if paths.calibration else {}
like = read_mask(paths.like) if paths.like else None
removed = removed_by(like) if like else None
if spec.allocation:
    removed = allocate(weights, input_dims, spec, statistics)
if spec.score == "shuffled":
    mask = shuffle_mask(like, input_dims, spec.seed)
elif spec.layerwise:
    mask = build_layerwise_mask(weights, input_dims, spec, statistics, removed)
else:
    ranking = read_tensors(paths.ranking) if paths.ranking else None
    mask = build_packed_mask(weights, input_dims, spec, ranking, removed)
unseen = read_unseen(paths.calibration) if paths.calibration else []
about = record(made, snakemake.config)
write_mask(snakemake.output.mask, mask, spec, code=snakemake.params.code, unseen=unseen, about=about)
