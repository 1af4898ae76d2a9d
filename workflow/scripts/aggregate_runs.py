"""Gather all runs of a study into its tables."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

from junkdna.aggregate import aggregate
from junkdna.artifacts import write_table, write_text
from junkdna.stacks import training_labels

tables = aggregate(
    [Path(path).parent for path in snakemake.input.metrics],
    expected=snakemake.params.runs,
    tasks=snakemake.params.tasks,
    recipes=snakemake.params.recipes,
    axes=snakemake.params.axes,
    labels=training_labels(snakemake.params.labelled, snakemake.input.labels),
    margin=snakemake.params.margin,
)
for name, table in tables.items():
    write_table(snakemake.output[name], table)
    write_text(snakemake.output[f"{name}_csv"], table.to_csv(index=False))
