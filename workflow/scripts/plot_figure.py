"""Draw one figure of a study."""

from junkdna import job

job.start(snakemake.log[0])

from junkdna.artifacts import read_table, write_json
from junkdna.figures import save, study_figures

cells, runs = read_table(snakemake.input.cells), read_table(snakemake.input.runs)
chart = study_figures(cells, runs, snakemake.params.axes)[snakemake.params.figure]
write_json(snakemake.output.spec, chart.to_dict())
for form in ("html", "svg", "png"):
    save(chart, snakemake.output[form])
