"""Gather what the asked runs of a study answered."""

from junkdna.jobs import script

script.start()

import pandas as pd

from junkdna.files.artifacts import read_table, write_table, write_text
from junkdna.provenance.record import check_runs, record
from junkdna.tables.answers import answer_kinds_table, examples_table, keys_of, score_rules_table

given, params = snakemake.input, snakemake.params
check_runs(given.metrics, params.runs, params.parts)
check_runs(given.predictions, params.runs, params.parts)
pairs = zip(given.metrics, given.predictions, strict=True)
runs = [(keys_of(read_table(metrics).iloc[0]), read_table(answers)) for metrics, answers in pairs]
questions = {task: read_table(path) for task, path in zip(params.tasks, given.questions, strict=True)}
tables: dict[str, pd.DataFrame] = {
    "score_rules": score_rules_table(runs, params.rules),
    "answer_kinds": answer_kinds_table(runs),
    "examples": examples_table(runs, questions),
}
for name, table in tables.items():
    write_table(snakemake.output[name], table, record(params.made, snakemake.config))
    write_text(snakemake.output[f"{name}_csv"], table.to_csv(index=False))
