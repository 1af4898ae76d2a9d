"""Quantize the weights of a checkpoint, and store codes, scales and zeros."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.compression.quantization import QuantSpec
from junkdna.compression.quantize import quantize_weights
from junkdna.files.artifacts import read_tensors
from junkdna.files.quantized import read_unseen, write_quantized
from junkdna.models.prunable import read_body
from junkdna.provenance.record import check_inputs, record

check_inputs(snakemake.input, snakemake.params.made)
body = read_body(Path(snakemake.input.manifest).parent)
input_dims = {name: weight.input_dim for name, weight in body.items()}
spec = QuantSpec.from_mapping(snakemake.params.recipe)
calibration = snakemake.input.calibration
statistics = read_tensors(calibration) if calibration else None
unseen = read_unseen(calibration) if calibration else []
quantized = quantize_weights(
    {name: weight.tensor for name, weight in body.items()}, input_dims, spec, statistics
)
about = record(snakemake.params.made, snakemake.config)
write_quantized(
    snakemake.output.weights,
    quantized,
    input_dims,
    spec,
    code=snakemake.params.code,
    unseen=unseen,
    about=about,
)
