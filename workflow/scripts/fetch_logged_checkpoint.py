"""Say of which model the sample logs of a checkpoint are; there are no weights."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.files.artifacts import write_json
from junkdna.files.sample_logs import read_log
from junkdna.provenance.record import record
from junkdna.tasks.logged import describe_model

params = snakemake.params
logs = [
    read_log(Path(params.place), task["source"]["logs"], task["format"], params.key) for task in params.tasks
]
source = {"name": params.name, "source": {"logs": params.place}}
write_json(
    snakemake.output.manifest,
    record(params.made, snakemake.config) | source | describe_model(logs, params.key),
)
