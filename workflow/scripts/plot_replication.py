"""Draw a study over one figure of the paper."""

from junkdna.jobs import script

script.start()

from junkdna.figures.replication import overlay
from junkdna.figures.style import save
from junkdna.files.artifacts import read_table
from junkdna.provenance.record import check_inputs, record
from junkdna.tables.replication import read_values

check_inputs([snakemake.input.table], snakemake.params.made)
values, table = read_values(snakemake.input.values), read_table(snakemake.input.table)
chart = overlay(table, values, snakemake.params.replicated)
for path in snakemake.output:
    save(chart, path, record(snakemake.params.made, snakemake.config))
