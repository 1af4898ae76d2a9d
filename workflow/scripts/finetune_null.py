"""Fine-tune a checkpoint on a task whose texts it does not see: what can be told without the input."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

import torch

from junkdna.devices import take_device
from junkdna.record import check_inputs, record
from junkdna.results import fingerprint
from junkdna.specs import TrainSpec
from junkdna.tokens import load_tokenizer, read_tokens, without_text
from junkdna.training.files import write_outcome
from junkdna.training.loop import finetune

torch.set_num_threads(snakemake.threads)
paths, out, params = snakemake.input, dict(snakemake.output.items()), snakemake.params
check_inputs(paths, params.made)
task, folder = {**snakemake.wildcards, "seed": int(snakemake.wildcards.seed)}, Path(paths.manifest).parent
tokenizer = load_tokenizer(folder)
outcome = finetune(
    checkpoint=folder,
    train=without_text(read_tokens(paths.train), tokenizer),
    validation=without_text(read_tokens(paths.validation), tokenizer),
    mask=None,
    recipe=params.recipe,
    regime="dense",
    spec=TrainSpec.from_mapping(params.training),
    seed=task["seed"],
    state=Path(out["predictions"]).with_name("state.safetensors"),
    fingerprint=fingerprint(paths, [task, params.training, params.code]),
    device=take_device(snakemake.resources.gpu),
)
keys = {**task, "recipe": "dense", "regime": "null", "family": "dense", "level": 0.0}
about = record(params.made, snakemake.config)
write_outcome(out, outcome, keys=keys, code=params.code, about=about)
