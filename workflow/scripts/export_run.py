"""Write a trained model whose weights were kept as a Hugging Face folder."""

from junkdna.jobs import script

script.start()

from dataclasses import asdict
from pathlib import Path

from junkdna.files.artifacts import read_json, read_tensors, whole_folder, write_json
from junkdna.inference.label_scale import Scale
from junkdna.models.export import export_solution
from junkdna.provenance.record import check_inputs, check_made, record
from junkdna.tasks.tokens import read_tokens

paths, params, run = snakemake.input, snakemake.params, dict(snakemake.wildcards)
check_inputs([path for path in paths if path != paths.task], params.made)
check_made(paths.task, params.made)
task, source = read_json(paths.task), Path(paths.given or paths.manifest).parent
about = record(params.made, snakemake.config) | run | {"recipe": params.recipe, "code": params.code}
if task["format"] == "regression":
    # The head gives standardised labels.
    about["label_scale"] = asdict(Scale.of(read_tokens(paths.train)))
with whole_folder(Path(snakemake.output.folder)) as folder:
    export_solution(
        source,
        read_tensors(paths.model),
        folder,
        form=task["format"],
        width=task["num_labels"],
        labels=task["labels"],
    )
    write_json(folder / "junkdna.json", about)
