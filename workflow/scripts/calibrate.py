"""Sum up what the inputs of each prunable layer look like on calibration text."""

from junkdna.jobs import script

script.start()

from pathlib import Path

import torch

from junkdna.compression.hessian import with_factors
from junkdna.files.artifacts import stream_tensors
from junkdna.inference.calibration import statistics_names, stream_statistics
from junkdna.inference.calibration_text import calibration_text
from junkdna.jobs.devices import take_device
from junkdna.models.load import load_body
from junkdna.provenance.record import check_inputs, record
from junkdna.tasks.tokens import read_tokens

torch.set_num_threads(snakemake.threads)
text, params = snakemake.params.text, snakemake.params
check_inputs(snakemake.input, params.made)
checkpoint = Path(snakemake.input.manifest).parent
tokens = calibration_text(read_tokens(snakemake.input.train), checkpoint, text)
model = load_body(checkpoint)
model.to(take_device(snakemake.resources.gpu))
statistics = with_factors(stream_statistics(model, tokens, hessians=params.hessians))
facts = {
    "sequences": len(tokens.offsets) - 1,
    "tokens": len(tokens.input_ids),
    "source": text["task"],
    "code": params.code,
}
about = {name: str(value) for name, value in facts.items()} | record(params.made, snakemake.config)
stream_tensors(snakemake.output.statistics, statistics, statistics_names(model), about)
