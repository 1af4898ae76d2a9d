"""Gather all runs of a study into its tables."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.claims.study import aggregate
from junkdna.files.artifacts import write_table, write_text
from junkdna.provenance.record import check_runs, record
from junkdna.tables.predictions import training_labels

params = snakemake.params
check_runs(snakemake.input.metrics, params.runs, params.parts)
check_runs(snakemake.input.predictions, params.runs, params.parts)
tables = aggregate(
    [Path(path).parent for path in snakemake.input.metrics],
    expected=params.runs,
    tasks=params.tasks,
    recipes=params.recipes,
    axes=params.axes,
    labels=training_labels(params.labelled, snakemake.input.labels),
    margin=params.margin,
)
for name, table in tables.items():
    write_table(snakemake.output[name], table, record(params.made, snakemake.config))
    write_text(snakemake.output[f"{name}_csv"], table.to_csv(index=False))
