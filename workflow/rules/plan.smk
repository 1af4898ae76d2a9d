"""Plan: what the study will cost, before it runs: `snakemake --cores 1 plan`.

Needs the merged config. Gives no result, only an answer.
"""


# What Snakemake would do for the whole study; asked of a second Snakemake, which runs nothing.
rule ask_for_plan:
    input:
        config=expand(rules.write_config.output.config, study=STUDY),
    output:
        summary=temp("results/plan/summary.tsv"),
    log:
        "logs/ask_for_plan/plan.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        python=sys.executable,
        snakefile=workflow.main_snakefile,
    message:
        "Asking what is missing ..."
    shell:
        "{params.python:q} -m snakemake --snakefile {params.snakefile:q} --configfile {input.config:q} "
        "--nolock --summary all > {output.summary:q} 2> {log:q}"


# Jobs by stage, present and missing, with estimated device hours and disk. No benchmark: its file would count as
# an output, and a second question would find it there and stay unanswered.
rule plan:
    input:
        summary=rules.ask_for_plan.output.summary,
    log:
        "logs/plan/plan.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        sizes=lambda w: lookups.run_sizes(config, RUNS, KEPT_RUNS),
        files=lambda w: for_runs(rules.finetune.output.predictions),
        patterns=lambda w: {rule.name: [str(path) for path in rule.output] for rule in workflow.rules},
        finished="results/runs",
        flops=config["plan"]["flops_per_second"],
        code=code_digest("plan"),
    message:
        "Pricing what is missing"
    script:
        "../scripts/plan.py"
