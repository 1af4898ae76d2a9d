"""Measure how hard the tasks of a study are, and which examples of a task."""

from junkdna import job

job.start(snakemake.log[0])

import pandas as pd

from junkdna.artifacts import read_table, write_table, write_text
from junkdna.difficulty.measure import measure_difficulty

human = pd.read_csv(snakemake.input.human).set_index("slug")["score"].dropna()
tables = measure_difficulty(
    read_table(snakemake.input.runs),
    snakemake.input.predictions,
    nulls=zip(snakemake.params.nulls, snakemake.input.nulls, strict=True),
    confidences=zip(snakemake.params.confidences, snakemake.input.confidences, strict=True),
    human=human.to_dict(),
    tasks=snakemake.params.tasks,
    axes=snakemake.params.axes,
)
for name, table in tables.items():
    write_table(snakemake.output[name], table)
    write_text(snakemake.output[f"{name}_csv"], table.to_csv(index=False))
