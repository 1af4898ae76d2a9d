"""junkdna: which tasks does a pre-trained language model lose when it is compressed?

The stages in order of execution, each a file of rules. A study is a config; `config/README.md` explains
every key. `snakemake --cores 2` runs the embedded default.
"""


configfile: "config/catalog/checkpoints.yaml"
configfile: "config/catalog/tasks.yaml"
configfile: "config/catalog/axes.yaml"


# A config file given on the command line is a study of its own, not an edit of the default one.
if "study" not in config:

    configfile: "config/config.yaml"


include: "workflow/common.smk"
include: "workflow/rules/checkpoints.smk"
include: "workflow/rules/tasks.smk"
include: "workflow/rules/calibration.smk"
include: "workflow/rules/masks.smk"
include: "workflow/rules/quantized.smk"
include: "workflow/rules/sequential.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/asked.smk"
include: "workflow/rules/logs.smk"
include: "workflow/rules/nulls.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/connectivity.smk"
include: "workflow/rules/difficulty.smk"
include: "workflow/rules/replication.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/start.smk"


rule all:
    default_target: True
    input:
        expand(rules.render_report.output.page, study=STUDY),
        expand(rules.write_config.output.config, study=STUDY),
        expand(rules.measure_connectivity.output.table, study=STUDY if CONNECTED else []),
        *LOST,
