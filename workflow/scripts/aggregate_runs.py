"""Gather all runs of a study into its tables."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

from junkdna.aggregate import aggregate
from junkdna.artifacts import write_table, write_text
from junkdna.record import check_runs, record
from junkdna.stacks import training_labels

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
