"""Report: one self-contained page.

Needs tables and figures. Gives results/report/{study}/: index.html, verdicts.txt and the merged config.
"""

# Checkpoint and task, each pair once.
TOKENIZED = list(
    dict.fromkeys(
        (run["checkpoint"], run["task"]) for run in RUNS if run["task"] not in (*ASKED, *FEWER, *LOGGED)
    )
)


# The whole config of the study as it was run, with every default.
rule write_config:
    input:
        # It is written when there are tables of it, and not before.
        runs=rules.aggregate_runs.output.runs,
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
        made=MADE_STUDY,
        code=code_digest("write_config"),
    message:
        "Writing the config of {wildcards.study}"
    script:
        "../scripts/write_config.py"


# What was found, how sure that is, and how it was made.
rule render_report:
    input:
        claims=rules.aggregate_runs.output.claims,
        cells=rules.aggregate_runs.output.cells,
        runs=rules.aggregate_runs.output.runs,
        curves=rules.aggregate_runs.output.curves,
        equal_terms=(
            rules.aggregate_runs.output.equal_terms
            if any(name.startswith("equal-") for name in FIGURES)
            else []
        ),
        difficulty=rules.score_difficulty.output.difficulty,
        orders=rules.score_difficulty.output.orders,
        strata=rules.score_difficulty.output.strata,
        score_rules=rules.gather_answers.output.score_rules if ANSWERED else [],
        answer_kinds=rules.gather_answers.output.answer_kinds if ANSWERED else [],
        examples=rules.gather_answers.output.examples if ANSWERED else [],
        connectivity=rules.measure_connectivity.output.table if CONNECTED else [],
        replication=rules.replicate.output.summary if config["study"]["replicates"] else [],
        figures=expand(rules.plot_figure.output.spec, figure=FIGURES, allow_missing=True),
        manifests=expand(
            "resources/checkpoints/{checkpoint}/manifest.json", checkpoint=sorted(USED["checkpoints"])
        ),
        tasks=expand(rules.fetch_task.output.manifest, task=sorted({run["task"] for run in RUNS})),
        lengths=[rules.tokenize_task.output.lengths.format(checkpoint=c, task=t) for c, t in TOKENIZED],
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
        tokenized=TOKENIZED,
        config=USED,
        codes={
            rule: code_digest(rule)
            for rule in ("build_mask", "finetune", "aggregate_runs", "score_difficulty")
        },
        made=MADE_STUDY,
        code=code_digest("render_report"),
    message:
        "Writing the report of {wildcards.study}"
    script:
        "../scripts/render_report.py"
