"""Draw the figure of the claims, of difficulty, of free answers, or of the paths between solutions."""

from junkdna.jobs import script

script.start()

import pandas as pd

from junkdna.figures.answers import answers_figure
from junkdna.figures.claims import claims_figure, difficulty_figure
from junkdna.figures.style import save
from junkdna.figures.training import path_figure
from junkdna.files.artifacts import read_table
from junkdna.provenance.record import check_inputs, record

given, params = snakemake.input, snakemake.params
check_inputs(given, params.made)
if params.figure == "claims":
    chart = claims_figure(read_table(given.claims), title="What the study says of each claim")
elif params.figure == "difficulty":
    difficulty, curves = read_table(given.difficulty), read_table(given.curves)
    chart = difficulty_figure(difficulty, curves, params.tasks, title="Do harder tasks fall first?")
elif params.figure == "answers":
    chart = answers_figure(read_table(given.kinds), title="What free answers turned out as")
else:
    walked = zip(given.paths, params.connected, strict=True)
    paths = pd.concat([read_table(path).assign(**run) for path, run in walked], ignore_index=True)
    title = "On the straight line from dense to compressed"
    chart = path_figure(paths, read_table(given.connectivity), title=title)
for path in snakemake.output:
    save(chart, path, record(params.made, snakemake.config))
