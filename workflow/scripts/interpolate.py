"""Walk from the dense solution of a task to a compressed one."""

from junkdna.jobs import script

script.start()

from pathlib import Path

import torch

from junkdna.files.artifacts import read_tensors, write_table
from junkdna.inference.mode_connectivity import interpolate
from junkdna.jobs.devices import take_device
from junkdna.provenance.record import check_inputs, check_made, record
from junkdna.tasks.tokens import read_tokens

torch.set_num_threads(snakemake.threads)
paths, params = snakemake.input, snakemake.params
check_inputs([path for path in paths if path != paths.dense], params.made)
check_made(paths.dense, params.dense)
path, losses = interpolate(
    checkpoint=Path(paths.manifest).parent,
    train=read_tokens(paths.train),
    validation=read_tokens(paths.validation),
    dense=read_tensors(paths.dense),
    other=read_tensors(paths.other),
    precision=params.precision,
    metric=params.metric,
    device=take_device(snakemake.resources.gpu),
)
run = {**snakemake.wildcards, "seed": int(snakemake.wildcards.seed), "code": params.code}
run |= record(params.made, snakemake.config)
write_table(snakemake.output.losses, losses, run)
write_table(snakemake.output.path, path, run)
