"""Write the report page of a study, and its verdicts as text."""

from junkdna import job

job.start(snakemake.log[0])

from pathlib import Path

from junkdna.artifacts import read_json, read_table, write_text
from junkdna.origins import describe_origins
from junkdna.report import render
from junkdna.verdicts import verdict_text

params, tables = (
    snakemake.params,
    {name: read_table(snakemake.input[name]) for name in ("claims", "cells", "runs")},
)
manifests = [read_json(path) for path in snakemake.input.manifests]
specs = [read_json(path) for path in snakemake.input.figures]
origins = describe_origins(manifests, tables["runs"], params.codes, params.config["axes"])
page = render(
    template=Path(snakemake.input.template),
    study=params.study,
    **tables,
    charts=dict(zip(params.figures, specs, strict=True)),
    provenance={**origins, "config": params.config},
    notice=params.notice,
)
write_text(snakemake.output.page, page)
write_text(snakemake.output.verdicts, verdict_text(tables["claims"], snakemake.output.page))
