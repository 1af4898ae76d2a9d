"""Plan: what the study will cost, before it runs. `snakemake --cores 1 plan`.

Needs nothing, makes no file.
"""


# Jobs by stage, present and missing, device hours and disk.
rule plan:
    log:
        "logs/plan/plan.log",
    benchmark:
        "benchmarks/runs/plan/plan.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        config=config,
        runs=RUNS,
        code=code_digest("plan"),
    message:
        "Asking Snakemake what is missing ..."
    script:
        "../scripts/plan.py"
