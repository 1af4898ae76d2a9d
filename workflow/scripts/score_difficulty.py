"""Measure how hard the tasks of a study are, and which examples of a task."""

from junkdna.jobs import script

script.start()

import pandas as pd

from junkdna.difficulty.study import measure_difficulty
from junkdna.files.artifacts import read_table, write_table, write_text
from junkdna.provenance.config_hashes import NULL
from junkdna.provenance.record import check_inputs, check_runs, record

given, params = snakemake.input, snakemake.params
check_inputs([given.runs], params.made)
check_runs(given.predictions, params.runs, params.parts)
check_runs(given.nulls, params.nulls, params.parts, NULL)
check_runs(given.confidences, params.confidences, params.parts)
human = pd.read_csv(given.human).set_index("slug")["score"].dropna()
tables = measure_difficulty(
    read_table(given.runs),
    given.predictions,
    nulls=zip(params.nulls, given.nulls, strict=True),
    confidences=zip(params.confidences, given.confidences, strict=True),
    human=human.to_dict(),
    tasks=params.tasks,
    axes=params.axes,
)
for name, table in tables.items():
    write_table(snakemake.output[name], table, record(params.made, snakemake.config))
    write_text(snakemake.output[f"{name}_csv"], table.to_csv(index=False))
