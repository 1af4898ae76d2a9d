"""Figures: what the tables say, to look at (html), to print (svg, png) and for the report (json).

Needs tables. Gives results/figures/{study}/{figure}.{html,svg,png,json}; those over the paper's values come from
the rules of replication.
"""


# A figure of scores and retentions.
rule plot_figure:
    input:
        runs=rules.aggregate_runs.output.runs,
        cells=rules.aggregate_runs.output.cells,
        equal_terms=rules.aggregate_runs.output.equal_terms,
    output:
        html="results/figures/{study}/{figure}.html",
        svg="results/figures/{study}/{figure}.svg",
        png="results/figures/{study}/{figure}.png",
        spec="results/figures/{study}/{figure}.json",
    log:
        "logs/plot_figure/{study}/{figure}.log",
    benchmark:
        "benchmarks/runs/plot_figure/{study}/{figure}.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figure="{figure}",
        axes=USED["axes"],
        made=MADE_STUDY,
        code=code_digest("plot_figure"),
    message:
        "Plotting {wildcards.figure} of {wildcards.study}"
    script:
        "../scripts/plot_figure.py"


# A figure of the evidence: the claims, difficulty, the paths between solutions.
rule plot_evidence:
    input:
        unpack(evidence_for),
    output:
        html="results/figures/{study}/{evidence}.html",
        svg="results/figures/{study}/{evidence}.svg",
        png="results/figures/{study}/{evidence}.png",
        spec="results/figures/{study}/{evidence}.json",
    log:
        "logs/plot_evidence/{study}/{evidence}.log",
    benchmark:
        "benchmarks/runs/plot_evidence/{study}/{evidence}.tsv"
    wildcard_constraints:
        evidence="claims|difficulty|connectivity|answers",
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figure="{evidence}",
        tasks=tasks.study_tasks(config),
        connected=CONNECTED,
        made=MADE_STUDY,
        code=code_digest("plot_evidence"),
    message:
        "Plotting {wildcards.evidence} of {wildcards.study}"
    script:
        "../scripts/plot_evidence.py"


# Its names are also some that `plot_figure` could make; this is the rule that can.
ruleorder: plot_evidence > plot_figure


# `snakemake figure_performance` and so on: a kind of figure of this study, with all that it needs.
rule figure_performance:
    input:
        expand(
            rules.plot_figure.output.png,
            study=STUDY,
            figure=[figure for figure in FIGURES if figure.startswith("performance-")],
        ),


rule figure_regimes:
    input:
        expand(
            rules.plot_figure.output.png,
            study=STUDY,
            figure=[figure for figure in FIGURES if figure.startswith("regimes-")],
        ),


rule figure_equal:
    input:
        expand(
            rules.plot_figure.output.png,
            study=STUDY,
            figure=[figure for figure in FIGURES if figure.startswith("equal-")],
        ),


rule figure_dense:
    input:
        expand(rules.plot_figure.output.png, study=STUDY, figure="dense"),


rule figure_perplexity:
    input:
        expand(
            rules.plot_figure.output.png,
            study=STUDY,
            figure=[figure for figure in FIGURES if figure.startswith("perplexity-")],
        ),
