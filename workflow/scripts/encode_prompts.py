"""Encode the questions of a task as a language model is asked them, with the examples that a seed shows."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.files.artifacts import read_table
from junkdna.provenance.record import check_inputs, record
from junkdna.tasks.ask import ask, room_of
from junkdna.tasks.asked import SHORTCOMINGS, write_asked
from junkdna.tasks.prompts import PromptSpec
from junkdna.tasks.tokens import load_tokenizer

paths, params = snakemake.input, snakemake.params
check_inputs(paths, params.made)
tokenizer = load_tokenizer(Path(paths.manifest).parent)
asked = ask(
    read_table(paths.validation),
    read_table(paths.train),
    tokenizer,
    PromptSpec.from_mapping(params.asked),
    seed=int(snakemake.wildcards.seed),
    room=room_of(tokenizer, params.max_length, params.asked.get("max_new_tokens", 0)),
    add_bos=params.asked.get("add_bos"),
    key=f"tasks.{snakemake.wildcards.task}",
)
for name, words in SHORTCOMINGS.items():
    if count := int((getattr(asked, name) > 0).sum()):
        script.progress(f"warning: {count} of {len(asked)} questions {words}")
write_asked(snakemake.output.asked, asked, record(params.made, snakemake.config))
