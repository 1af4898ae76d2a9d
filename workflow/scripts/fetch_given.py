"""Fetch a model that someone else compressed, and measure it against the checkpoint that it was made from."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.checkpoints.fetch import fetch_checkpoint
from junkdna.checkpoints.vocabulary import check_vocabulary
from junkdna.files.artifacts import write_json
from junkdna.models.given import measure_given
from junkdna.provenance.record import check_inputs, record

paths, params, names = snakemake.input, snakemake.params, snakemake.wildcards
check_inputs(paths, params.made)
recipe, checkpoint, folder = (
    params.recipe,
    Path(paths.manifest).parent,
    Path(snakemake.output.manifest).parent,
)
about = record(params.made, snakemake.config)
manifest = fetch_checkpoint(
    recipe["source"], folder, name=names.recipe, key=params.key, about=about, local=params.local
)
check_vocabulary(checkpoint, folder, params.key)
measured = measure_given(checkpoint, folder, recipe.get("bits", 0))
write_json(snakemake.output.manifest, {**manifest, "measured": measured})
script.progress(
    f"{names.recipe}: {100 * measured['sparsity']:.2f} % of the weights are gone, {measured['bits']:.2f} bits a weight"
)
if recipe["counts_as"] == "prune" and abs(100 * measured["sparsity"] - recipe["level"]) > 1:
    script.progress(f"warning: {params.key} states {recipe['level']:g} %")
