"""Plan: what the study will cost, before it runs: `snakemake --cores 1 plan`.

Needs nothing. Gives no result, only an answer, and leaves no file that a second question could take for one.
"""


# Jobs by stage, present and missing, with estimated device hours and disk. A second Snakemake, which runs nothing,
# is asked what it would do for the whole study. No benchmark: its file would count as an output.
rule plan:
    log:
        "logs/plan/plan.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        python=sys.executable,
        snakefile=workflow.main_snakefile,
        config=USED,
        sizes=lambda w: sizes.run_sizes(config, RUNS, KEPT_RUNS),
        files=lambda w: for_runs(rules.finetune.output.predictions),
        patterns=lambda w: {rule.name: [str(path) for path in rule.output] for rule in workflow.rules},
        finished="results/runs",
        flops=config["plan"]["flops_per_second"],
        code=code_digest("plan"),
    message:
        "Asking what is missing, and pricing it ..."
    script:
        "../scripts/plan.py"
