"""Set the runs of a study against the values of the paper's figures."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.files.artifacts import write_table, write_text
from junkdna.provenance.record import check_runs, record
from junkdna.statistics.bootstrap import Replicates
from junkdna.tables.predictions import read_runs, score_draws, training_labels
from junkdna.tables.replication import read_values, replication_summary, replication_table
from junkdna.tables.runs import runs_table

params = snakemake.params
check_runs(snakemake.input.metrics, params.runs, params.parts)
check_runs(snakemake.input.predictions, params.runs, params.parts)
labels = training_labels(params.labelled, snakemake.input.labels)
folders = [Path(path).parent for path in snakemake.input.metrics]
facts, stacks = read_runs(folders, params.tasks, params.runs, labels)
replicates = Replicates(seeds=tuple(sorted(facts["seed"].unique().tolist())), draws=2000)
draws = score_draws(stacks, params.tasks, replicates, seed=0)
runs = runs_table(facts, stacks, draws, replicates, tasks=params.tasks, recipes=params.recipes)
values = read_values(snakemake.input.values)
described = {"figures": params.figures, "tasks": params.tasks, "recipes": params.recipes}
table = replication_table(runs, draws, replicates, values, **described)
for name, content in {"table": table, "summary": replication_summary(table)}.items():
    write_table(snakemake.output[name], content, record(params.made, snakemake.config))
    write_text(snakemake.output[f"{name}_csv"], content.to_csv(index=False))
