"""Measure the barriers on the paths of a study."""

from junkdna.jobs import script

script.start()

from junkdna.files.artifacts import read_table, write_table, write_text
from junkdna.provenance.record import check_runs, record
from junkdna.tables.connectivity import connectivity_table

params = snakemake.params
check_runs(snakemake.input.losses, params.runs, params.parts)
keys = [
    {**run, **{key: params.recipes[run["recipe"]][key] for key in ("family", "level")}} for run in params.runs
]
losses = [read_table(path) for path in snakemake.input.losses]
table = connectivity_table(zip(keys, losses, strict=True), params.tasks)
write_table(snakemake.output.table, table, record(params.made, snakemake.config))
write_text(snakemake.output.csv, table.to_csv(index=False))
