"""Draw one figure of a study."""

from junkdna import job

job.start(snakemake.log[0])

from junkdna.artifacts import read_table
from junkdna.figures import study_figures
from junkdna.record import check_inputs, record
from junkdna.style import save

check_inputs(snakemake.input, snakemake.params.made)
cells, runs, terms = (read_table(snakemake.input[name]) for name in ("cells", "runs", "terms"))
name = snakemake.params.figure
chart = study_figures(cells, runs, snakemake.params.axes, only=name, terms=terms)[name]
for path in snakemake.output:
    save(chart, path, record(snakemake.params.made, snakemake.config))
