"""Draw a study over one figure of the paper."""

from junkdna import job

job.start(snakemake.log[0])

from junkdna.artifacts import read_table
from junkdna.record import check_inputs, record
from junkdna.replication import read_values
from junkdna.replication_figures import overlay
from junkdna.style import save

check_inputs([snakemake.input.table], snakemake.params.made)
values, table = read_values(snakemake.input.values), read_table(snakemake.input.table)
chart = overlay(table, values, snakemake.params.replicated)
for path in snakemake.output:
    save(chart, path, record(snakemake.params.made, snakemake.config))
