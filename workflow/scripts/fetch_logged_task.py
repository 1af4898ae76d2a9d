"""Take the questions of a task from the sample log of the dense model."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.files.artifacts import write_json, write_table
from junkdna.files.sample_logs import read_log
from junkdna.provenance.record import record
from junkdna.tasks.logged import describe_questions, questions_of

params = snakemake.params
source, form = params.data["source"], params.data["format"]
log = read_log(Path(params.place), source["logs"], form, params.key)
questions, about = questions_of(log, form), record(params.made, snakemake.config)
write_table(snakemake.output.validation, questions, about)
manifest = describe_questions(log, questions, form) | {"name": params.name, "source": source}
write_json(snakemake.output.manifest, about | manifest)
