"""Quantize the weights of a checkpoint block by block, and store codes, scales and zeros."""

from junkdna.jobs import script

script.start()

from pathlib import Path

import torch

from junkdna.compression.quantization import QuantSpec
from junkdna.files.quantized import write_quantized
from junkdna.inference.calibration_text import calibration_text
from junkdna.inference.sequential import quantize_blocks
from junkdna.jobs.devices import take_device
from junkdna.models.load import load_body
from junkdna.models.prunable import prunable_weights
from junkdna.provenance.record import check_inputs, check_made, record
from junkdna.tasks.tokens import read_tokens

torch.set_num_threads(snakemake.threads)
paths, params = snakemake.input, snakemake.params
check_inputs([paths.manifest], params.made)
check_made(paths.train, params.made_text)
checkpoint = Path(paths.manifest).parent
tokens = calibration_text(read_tokens(paths.train), checkpoint, params.text)
model = load_body(checkpoint)
model.to(take_device(snakemake.resources.gpu))
spec = QuantSpec.from_mapping(params.recipe)
quantized, unseen = quantize_blocks(model, tokens, spec)
dims = {name: weight.input_dim for name, weight in prunable_weights(model, "body").items()}
about = record(params.made, snakemake.config)
write_quantized(snakemake.output.weights, quantized, dims, spec, code=params.code, unseen=unseen, about=about)
