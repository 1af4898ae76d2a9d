"""Fine-tune a checkpoint on a task whose texts it does not see: what can be told without the input."""

from junkdna.jobs import script

script.start()

from pathlib import Path

import torch

from junkdna.files.runs import fingerprint
from junkdna.inference.result import write_result
from junkdna.inference.run import Run
from junkdna.jobs.devices import take_device
from junkdna.provenance.record import check_inputs, record
from junkdna.study.specs import TrainSpec
from junkdna.tasks.tokens import load_tokenizer, read_tokens, without_text
from junkdna.training.loop import finetune

torch.set_num_threads(snakemake.threads)
paths, out, params = snakemake.input, dict(snakemake.output.items()), snakemake.params
check_inputs(paths, params.made)
task, folder = {**snakemake.wildcards, "seed": int(snakemake.wildcards.seed)}, Path(paths.manifest).parent
tokenizer = load_tokenizer(folder)
result = finetune(
    Run(
        checkpoint=folder,
        train=without_text(read_tokens(paths.train), tokenizer),
        validation=without_text(read_tokens(paths.validation), tokenizer),
        recipe=params.recipe,
        regime="dense",
        spec=TrainSpec.from_mapping(params.training),
        seed=task["seed"],
        device=torch.device(take_device(snakemake.resources.gpu)),
    ),
    state=Path(out["predictions"]).with_name("state.safetensors"),
    fingerprint=fingerprint(paths, [task, params.training, params.code]),
)
keys = {**task, "recipe": "dense", "regime": "null", "family": "dense", "level": 0.0}
write_result(out, result, keys=keys, code=params.code, about=record(params.made, snakemake.config))
