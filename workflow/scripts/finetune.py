"""Fine-tune a compressed checkpoint on a task and predict its validation split."""

from junkdna.jobs import script

script.start()

from pathlib import Path

import torch

from junkdna.files.compressed import read_compressed
from junkdna.files.runs import fingerprint
from junkdna.inference.result import write_result
from junkdna.inference.run import Run
from junkdna.jobs.devices import take_device
from junkdna.provenance.record import check_inputs, record
from junkdna.study.specs import TrainSpec
from junkdna.tasks.tokens import read_tokens
from junkdna.training.loop import finetune

torch.set_num_threads(snakemake.threads)
paths, out, params = snakemake.input, dict(snakemake.output.items()), snakemake.params
check_inputs(paths, params.made)
run = {**snakemake.wildcards, "seed": int(snakemake.wildcards.seed)}
result = finetune(
    Run(
        checkpoint=Path(paths.given or paths.manifest).parent,
        **{split: read_tokens(paths[split]) for split in ("train", "validation")},
        recipe=params.recipe,
        compressed=read_compressed(paths.mask, paths.quantized, paths.given),
        spec=TrainSpec.from_mapping(params.training),
        **{key: run[key] for key in ("regime", "seed")},
        device=torch.device(take_device(snakemake.resources.gpu)),
    ),
    state=Path(out["predictions"]).with_name("state.safetensors"),
    fingerprint=fingerprint(paths, [run, params.recipe, params.training, params.code]),
    traced="confidences" in out,
)
keys = run | {key: params.recipe[key] for key in ("family", "level")}
write_result(out, result, keys=keys, code=params.code, about=record(params.made, snakemake.config))
