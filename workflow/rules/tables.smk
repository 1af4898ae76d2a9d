"""Tables: all runs of the study as tidy data, with an interval on every number.

Needs runs. Gives results/tables/{study}/{runs,drops,cells,curves,equal_terms,claims}.parquet, and of asked tasks
{score_rules,answer_kinds,examples}.parquet, with CSV of the small ones.
"""


# One row a run, checked to be complete.
rule aggregate_runs:
    input:
        metrics=for_runs(rules.finetune.output.metrics),
        predictions=for_runs(rules.finetune.output.predictions),
        # What a guess that has seen only the training labels would say.
        labels=expand(rules.fetch_task.output.train, task=LABELLED),
    output:
        runs="results/tables/{study}/runs.parquet",
        drops="results/tables/{study}/drops.parquet",
        cells="results/tables/{study}/cells.parquet",
        curves="results/tables/{study}/curves.parquet",
        equal_terms="results/tables/{study}/equal_terms.parquet",
        claims="results/tables/{study}/claims.parquet",
        runs_csv="results/tables/{study}/runs.csv",
        drops_csv="results/tables/{study}/drops.csv",
        cells_csv="results/tables/{study}/cells.csv",
        curves_csv="results/tables/{study}/curves.csv",
        equal_terms_csv="results/tables/{study}/equal_terms.csv",
        claims_csv="results/tables/{study}/claims.csv",
    log:
        "logs/aggregate_runs/{study}.log",
    benchmark:
        "benchmarks/runs/aggregate_runs/{study}.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        runs=RUNS,
        labelled=LABELLED,
        tasks={name: {key: task[key] for key in ("format", "metric")} for name, task in USED["tasks"].items()},
        recipes={name: RECIPES[name] for name in sorted({run["recipe"] for run in RUNS})},
        axes=USED["axes"],
        margin=config["study"]["margin"],
        made=MADE_STUDY,
        parts=config_hashes.parts_of(MADE, RUNS),
        code=code_digest("aggregate_runs"),
    message:
        "Aggregating the runs of {wildcards.study}"
    script:
        "../scripts/aggregate_runs.py"


# What a language model answered that was asked: by every score rule, in free text, a few questions in full.
rule gather_answers:
    input:
        metrics=for_runs(rules.finetune.output.metrics, where=ANSWERING),
        predictions=for_runs(rules.finetune.output.predictions, where=ANSWERING),
        questions=expand(rules.fetch_task.output.validation, task=ANSWERED),
    output:
        score_rules="results/tables/{study}/score_rules.parquet",
        answer_kinds="results/tables/{study}/answer_kinds.parquet",
        examples="results/tables/{study}/examples.parquet",
        score_rules_csv="results/tables/{study}/score_rules.csv",
        answer_kinds_csv="results/tables/{study}/answer_kinds.csv",
        examples_csv="results/tables/{study}/examples.csv",
    log:
        "logs/gather_answers/{study}.log",
    benchmark:
        "benchmarks/runs/gather_answers/{study}.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        runs=ANSWERING,
        tasks=ANSWERED,
        rules={task: config["tasks"][task].get("score", "") for task in ANSWERED},
        made=MADE_STUDY,
        parts=config_hashes.parts_of(MADE, ANSWERING),
        code=code_digest("gather_answers"),
    message:
        "Gathering the answers of {wildcards.study}"
    script:
        "../scripts/gather_answers.py"
