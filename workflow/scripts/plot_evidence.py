"""Draw the figure of the claims, of difficulty, or of the paths between solutions."""

from junkdna import job

job.start(snakemake.log[0])

import pandas as pd

from junkdna.artifacts import read_table
from junkdna.claims_figures import claims_figure, difficulty_figure
from junkdna.record import check_inputs, record
from junkdna.style import save
from junkdna.training_figures import path_figure

given, params = snakemake.input, snakemake.params
check_inputs(given, params.made)
if params.figure == "claims":
    chart = claims_figure(read_table(given.claims), title="What the study says of each claim")
elif params.figure == "difficulty":
    difficulty, curves = read_table(given.difficulty), read_table(given.curves)
    chart = difficulty_figure(difficulty, curves, params.tasks, title="Do harder tasks fall first?")
else:
    walked = zip(given.paths, params.connected, strict=True)
    paths = pd.concat([read_table(path).assign(**run) for path, run in walked], ignore_index=True)
    title = "On the straight line from dense to compressed"
    chart = path_figure(paths, read_table(given.connectivity), title=title)
for path in snakemake.output:
    save(chart, path, record(params.made, snakemake.config))
