"""Write a compressed checkpoint as a Hugging Face folder."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.files.artifacts import whole_folder, write_json
from junkdna.files.compressed import read_compressed
from junkdna.models.export import export_model
from junkdna.provenance.record import check_inputs, record

paths, params = snakemake.input, snakemake.params
check_inputs(paths, params.made)
about = record(params.made, snakemake.config) | {"recipe": params.recipe, "code": params.code}
compressed = read_compressed(paths.mask, paths.quantized)
with whole_folder(Path(snakemake.output.folder)) as folder:
    facts = export_model(Path(paths.manifest).parent, params.recipe, compressed, folder)
    write_json(folder / "junkdna.json", about | facts)
