"""Ask a compressed language model the questions of a task; nothing trains."""

from junkdna.jobs import script

script.start()

from pathlib import Path

import torch

from junkdna.files.artifacts import read_table
from junkdna.files.compressed import read_compressed
from junkdna.inference.answers import AnswerSpec, AskedRun, ask_model
from junkdna.inference.result import write_result
from junkdna.jobs.devices import take_device
from junkdna.provenance.record import check_inputs, record
from junkdna.tasks.asked import read_asked

torch.set_num_threads(snakemake.threads)
paths, params = snakemake.input, snakemake.params
check_inputs(paths, params.made)
run = {**snakemake.wildcards, "seed": int(snakemake.wildcards.seed)}
examples = read_table(paths.validation)
result = ask_model(
    AskedRun(
        checkpoint=Path(paths.given or paths.manifest).parent,
        asked=read_asked(paths.asked),
        gold=None if "options" in examples else examples["answers"].tolist(),
        recipe=params.recipe,
        regime=run["regime"],
        how=AnswerSpec.from_mapping(params.asked),
        precision=params.precision,
        device=torch.device(take_device(snakemake.resources.gpu)),
        compressed=read_compressed(paths.mask, paths.quantized, paths.given),
    )
)
keys = run | {key: params.recipe[key] for key in ("family", "level")}
made, about = dict(snakemake.output.items()), record(params.made, snakemake.config)
write_result(made, result, keys=keys, code=params.code, about=about)
