"""Write the config of a study as it was run."""

import yaml

from junkdna.jobs import script

script.start()

from junkdna.files.artifacts import write_text
from junkdna.provenance.record import check_inputs

check_inputs(snakemake.input, snakemake.params.made)
text = yaml.safe_dump(snakemake.params.config, sort_keys=False, allow_unicode=True, width=110)
write_text(snakemake.output.config, text)
