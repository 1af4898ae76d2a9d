"""Report: the figures and one self-contained page.

Needs tables. Gives results/figures/{study}/{figure}.{html,svg,png} and results/report/{study}/: index.html,
verdicts.txt and the merged config.
"""


# The whole config of the study as it was run, with every default.
rule write_config:
    output:
        config="results/report/{study}/config.yaml",
    log:
        "logs/write_config/{study}.log",
    benchmark:
        "benchmarks/runs/write_config/{study}.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        config=USED,
        code=code_digest("write_config"),
    message:
        "Writing the config of {wildcards.study}"
    script:
        "../scripts/write_config.py"


# One figure, to look at (html), to print (svg, png) and for the report (json).
rule plot_figure:
    input:
        runs=rules.aggregate_runs.output.runs,
        cells=rules.aggregate_runs.output.cells,
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
        code=code_digest("plot_figure"),
    message:
        "Plotting {wildcards.figure} of {wildcards.study}"
    script:
        "../scripts/plot_figure.py"


# What was found, how sure that is, and how it was made.
rule render_report:
    input:
        claims=rules.aggregate_runs.output.claims,
        cells=rules.aggregate_runs.output.cells,
        runs=rules.aggregate_runs.output.runs,
        figures=expand(rules.plot_figure.output.spec, figure=FIGURES, allow_missing=True),
        manifests=expand(
            "resources/checkpoints/{checkpoint}/manifest.json", checkpoint=sorted(USED["checkpoints"])
        ),
        template="workflow/report/page.html.j2",
        style="workflow/report/page.css",
        behaviour="workflow/report/page.js",
    output:
        page="results/report/{study}/index.html",
        verdicts="results/report/{study}/verdicts.txt",
    log:
        "logs/render_report/{study}.log",
    benchmark:
        "benchmarks/runs/render_report/{study}.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        study="{study}",
        figures=FIGURES,
        config=USED,
        notice=lookups.notice_of(USED),
        codes={rule: code_digest(rule) for rule in ("build_mask", "finetune", "aggregate_runs")},
        code=code_digest("render_report"),
    message:
        "Writing the report of {wildcards.study}"
    script:
        "../scripts/render_report.py"


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


rule figure_dense:
    input:
        expand(rules.plot_figure.output.png, study=STUDY, figure="dense"),
