"""Count how the scores of each weight tensor are distributed, for all levels at once."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.compression.ranking import build_ranking
from junkdna.files.artifacts import write_tensors
from junkdna.models.prunable import read_body
from junkdna.provenance.record import check_inputs, record

params = snakemake.params
check_inputs(snakemake.input, params.made)
body = read_body(Path(snakemake.input.manifest).parent)
weights = {name: weight.tensor for name, weight in body.items()}
about = {**record(params.made, snakemake.config), "code": params.code}
write_tensors(snakemake.output.ranking, build_ranking(weights, params.score, params.seed), about)
