"""Write the report page of a study, and its verdicts as text."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.claims.verdicts import verdict_text
from junkdna.files.artifacts import read_json, read_table, write_text
from junkdna.provenance.record import check_inputs
from junkdna.report.cautions import notice_of, study_cautions
from junkdna.report.origins import describe_origins
from junkdna.report.page import TABLES, render
from junkdna.tasks.cautions import data_cautions

params, paths = snakemake.params, snakemake.input
check_inputs([*(paths[name] for name in TABLES if paths.get(name)), *paths.figures], params.made)
tables = {name: read_table(paths[name]) for name in TABLES if paths.get(name)}
manifests = [read_json(path) for path in paths.manifests]
specs = [read_json(path) for path in paths.figures]
axes = params.config["axes"]
lengths = dict(zip(map(tuple, params.tokenized), map(read_json, paths.lengths), strict=True))
cautions = study_cautions(tables["runs"], tables["claims"], axes, tables.get("orders"))
cautions += data_cautions(map(read_json, paths.tasks), lengths)
origins = describe_origins(manifests, tables["runs"], params.codes, axes)
page = render(
    template=Path(paths.template),
    study=params.study,
    tables=tables,
    charts=dict(zip(params.figures, specs, strict=True)),
    provenance={**origins, "config": params.config},
    cautions=cautions,
    notice=notice_of(params.config),
)
write_text(snakemake.output.page, page)
write_text(snakemake.output.verdicts, verdict_text(tables["claims"], snakemake.output.page))
