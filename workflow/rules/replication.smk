"""Replication: the study beside the values of the paper's figures, for the figures in `study.replicates`.

Needs runs and resources/reference/paper/values.csv. Gives results/tables/{study}/replication.parquet, its
summary, and results/figures/{study}/replication-{replicated}.{html,svg,png,json}.
"""


# Only runs at one of the paper's points are read, and their dense twins.
rule replicate:
    input:
        metrics=for_runs(rules.finetune.output.metrics, where=REPLICATED),
        predictions=for_runs(rules.finetune.output.predictions, where=REPLICATED),
        labels=rules.aggregate_runs.input.labels,
        values="resources/reference/paper/values.csv",
    output:
        table="results/tables/{study}/replication.parquet",
        table_csv="results/tables/{study}/replication.csv",
        summary="results/tables/{study}/replication-summary.parquet",
        summary_csv="results/tables/{study}/replication-summary.csv",
    log:
        "logs/replicate/{study}.log",
    benchmark:
        "benchmarks/runs/replicate/{study}.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        runs=REPLICATED,
        labelled=LABELLED,
        figures=config["study"]["replicates"],
        tasks=paper_points.replicated_tasks(config),
        recipes={name: RECIPES[name] for name in sorted({run["recipe"] for run in REPLICATED})},
        made=MADE_STUDY,
        parts=config_hashes.parts_of(MADE, REPLICATED),
        code=code_digest("replicate"),
    message:
        "Comparing {wildcards.study} with the paper"
    script:
        "../scripts/replicate.py"


# Its name is also one that `plot_figure` could make; this is the rule that can.
ruleorder: plot_replication > plot_figure


rule plot_replication:
    input:
        table=rules.replicate.output.table,
        values=rules.replicate.input.values,
    output:
        html="results/figures/{study}/replication-{replicated}.html",
        svg="results/figures/{study}/replication-{replicated}.svg",
        png="results/figures/{study}/replication-{replicated}.png",
        spec="results/figures/{study}/replication-{replicated}.json",
    log:
        "logs/plot_replication/{study}/{replicated}.log",
    benchmark:
        "benchmarks/runs/plot_replication/{study}/{replicated}.tsv"
    wildcard_constraints:
        replicated="|".join(PAPER),
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        replicated="{replicated}",
        made=MADE_STUDY,
        code=code_digest("plot_replication"),
    message:
        "Plotting {wildcards.study} over the paper's {wildcards.replicated}"
    script:
        "../scripts/plot_replication.py"


# `snakemake figure_replication`: all overlays of this study, with all that they need.
rule figure_replication:
    input:
        expand(rules.plot_replication.output.png, study=STUDY, replicated=config["study"]["replicates"]),
