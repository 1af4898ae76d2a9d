"""Encode the questions of a task as a language model is asked them, with the examples that a seed shows."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.files.artifacts import read_table
from junkdna.provenance.record import check_inputs, record
from junkdna.tasks.asked import ask, room_of, write_asked
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
if lost := int((asked.lost_shots > 0).sum()):
    script.progress(f"warning: {lost} of {len(asked)} questions were too long for all their shots")
write_asked(snakemake.output.asked, asked, record(params.made, snakemake.config))
