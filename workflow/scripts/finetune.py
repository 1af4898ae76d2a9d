"""Fine-tune a compressed checkpoint on a task and predict its validation split."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

import torch

from junkdna.devices import take_device
from junkdna.maskfile import read_start
from junkdna.quantfile import read_quantized
from junkdna.record import check_inputs, record
from junkdna.results import fingerprint
from junkdna.specs import TrainSpec
from junkdna.tokens import read_tokens
from junkdna.training.files import write_outcome
from junkdna.training.loop import finetune

torch.set_num_threads(snakemake.threads)
paths, out, params = snakemake.input, dict(snakemake.output.items()), snakemake.params
check_inputs(paths, params.made)
run = {**snakemake.wildcards, "seed": int(snakemake.wildcards.seed)}
outcome = finetune(
    checkpoint=Path(paths.manifest).parent,
    **{split: read_tokens(paths[split]) for split in ("train", "validation")},
    **read_start(paths.mask),
    recipe=params.recipe,
    regime=run["regime"],
    spec=TrainSpec.from_mapping(params.training),
    seed=run["seed"],
    state=Path(out["predictions"]).with_name("state.safetensors"),
    fingerprint=fingerprint(paths, [run, params.recipe, params.training, params.code]),
    device=take_device(snakemake.resources.gpu),
    quantized=read_quantized(paths.quantized) if paths.quantized else None,
    traced="confidences" in out,
)
keys = {**run, "family": params.recipe["family"], "level": params.recipe["level"]}
write_outcome(out, outcome, keys=keys, code=params.code, about=record(params.made, snakemake.config))
