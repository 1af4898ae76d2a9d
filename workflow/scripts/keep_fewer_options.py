"""Read off a run that compared all options of its questions what it says of fewer of them."""

from junkdna.jobs import script

script.start()

from junkdna.files.artifacts import read_table
from junkdna.files.runs import write_run
from junkdna.inference.option_count import facts_of_fewer, with_fewer_options
from junkdna.provenance.record import check_inputs, record

paths, params = snakemake.input, snakemake.params
check_inputs(paths, params.read)
predictions = with_fewer_options(read_table(paths.predictions), params.options)
facts = facts_of_fewer(read_table(paths.metrics).iloc[0].to_dict(), predictions, params.options)
keys = {**snakemake.wildcards, "seed": int(snakemake.wildcards.seed)}
keys |= {key: params.recipe[key] for key in ("family", "level")}
made = snakemake.output
write_run(
    (made.predictions, predictions),
    (made.history, read_table(paths.history)),
    (made.metrics, facts),
    keys=keys,
    code=params.code,
    about=record(params.made, snakemake.config),
)
