"""Draw one figure of a study."""

from junkdna import job

job.start(snakemake.log[0])

from junkdna.artifacts import read_table
from junkdna.figures import study_figures
from junkdna.style import save

cells, runs = read_table(snakemake.input.cells), read_table(snakemake.input.runs)
chart = study_figures(cells, runs, snakemake.params.axes, only=snakemake.params.figure)[
    snakemake.params.figure
]
for path in snakemake.output:
    save(chart, path)
