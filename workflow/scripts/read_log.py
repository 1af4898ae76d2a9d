"""Read a sample log that was made elsewhere as a run."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.files.artifacts import read_table
from junkdna.files.runs import write_run
from junkdna.files.sample_logs import read_log
from junkdna.inference.logged import logged_facts, logged_predictions
from junkdna.inference.untrained import no_history
from junkdna.provenance.record import check_inputs, record
from junkdna.tasks.logged import check_questions

paths, out, params = snakemake.input, snakemake.output, snakemake.params
check_inputs(paths, {"task": params.made["task"]})
log = read_log(Path(params.place), params.wanted, params.format, params.key)
if others := check_questions(log, read_table(paths.validation)):
    script.progress(
        f"warning: {log.path}: {others} questions were asked with another prompt than of the dense model"
    )
predictions = logged_predictions(log, params.format, params.score)
keys = {**snakemake.wildcards, "seed": int(snakemake.wildcards.seed)}
keys |= {key: params.recipe[key] for key in ("family", "level")}
write_run(
    (out.predictions, predictions),
    (out.history, no_history()),
    (out.metrics, logged_facts(log, predictions, params.recipe, params.format)),
    keys=keys,
    code=params.code,
    about=record(params.made, snakemake.config),
)
