"""Turn the texts of one task into tokens of one checkpoint."""

from junkdna.jobs import script

script.start()

from pathlib import Path

from junkdna.files.artifacts import read_table, write_json
from junkdna.provenance.record import check_inputs, record
from junkdna.tasks.cautions import length_cautions
from junkdna.tasks.tokens import describe_lengths, load_tokenizer, tokenize, write_tokens

params, lengths = snakemake.params, {}
check_inputs(snakemake.input, params.made)
tokenizer = load_tokenizer(Path(snakemake.input.manifest).parent)
for split in ("train", "validation"):
    table = read_table(snakemake.input[split])
    tokens = tokenize(table, tokenizer, format=params.format, max_length=params.max_length)
    write_tokens(snakemake.output[split], tokens, record(params.made, snakemake.config))
    lengths[split] = describe_lengths(tokens, params.max_length)
write_json(snakemake.output.lengths, lengths)
for line in length_cautions(snakemake.wildcards.checkpoint, snakemake.wildcards.task, lengths):
    script.progress(f"warning: {line}")
