"""Decide which weights of a checkpoint a recipe keeps, block by block."""

from junkdna.jobs import script

script.start()

from pathlib import Path

import torch

from junkdna.files.masks import write_mask
from junkdna.inference.calibration_text import calibration_text
from junkdna.inference.sequential import mask_blocks
from junkdna.jobs.devices import take_device
from junkdna.models.load import load_body
from junkdna.models.prunable import stored_dtype
from junkdna.provenance.record import check_inputs, check_made, record
from junkdna.study.specs import PruneSpec
from junkdna.tasks.tokens import read_tokens

torch.set_num_threads(snakemake.threads)
paths, params = snakemake.input, snakemake.params
check_inputs([paths.manifest], params.made)
check_made(paths.train, params.made_text)
checkpoint = Path(paths.manifest).parent
tokens = calibration_text(read_tokens(paths.train), checkpoint, params.text)
model = load_body(checkpoint)
model.to(take_device(snakemake.resources.gpu))
spec = PruneSpec.from_mapping(params.recipe)
mask, unseen = mask_blocks(model, tokens, spec, stored_dtype(checkpoint))
about = record(params.made, snakemake.config)
write_mask(snakemake.output.mask, mask, spec, code=params.code, unseen=unseen, about=about)
