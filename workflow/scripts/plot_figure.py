"""Draw one figure of a study."""

from junkdna.jobs import script

script.start()

from junkdna.figures.study import study_figures
from junkdna.figures.style import save
from junkdna.files.artifacts import read_table
from junkdna.provenance.record import check_inputs, record

check_inputs(snakemake.input, snakemake.params.made)
cells, runs, terms = (read_table(snakemake.input[name]) for name in ("cells", "runs", "equal_terms"))
name = snakemake.params.figure
chart = study_figures(cells, runs, snakemake.params.axes, only=name, terms=terms)[name]
for path in snakemake.output:
    save(chart, path, record(snakemake.params.made, snakemake.config))
