"""Difficulty: how hard each task is by every measure, whether they agree, and which examples of a task are hard.

Needs runs and their table, runs without input, and the confidences of traced runs where the study asks for
them. Gives results/tables/{study}/{difficulty,agreement,orders,strata}.parquet, with CSV.
"""


# All measures at once: they share the reading and the resamples of the predictions.
rule score_difficulty:
    input:
        runs=rules.aggregate_runs.output.runs,
        predictions=for_runs(rules.finetune.output.predictions),
        nulls=nulls_of_study(),
        confidences=for_runs(rules.finetune_traced.output.confidences, where=TRACED_RUNS),
        human="resources/reference/human.csv",
    output:
        difficulty="results/tables/{study}/difficulty.parquet",
        agreement="results/tables/{study}/agreement.parquet",
        orders="results/tables/{study}/orders.parquet",
        strata="results/tables/{study}/strata.parquet",
        difficulty_csv="results/tables/{study}/difficulty.csv",
        agreement_csv="results/tables/{study}/agreement.csv",
        orders_csv="results/tables/{study}/orders.csv",
        strata_csv="results/tables/{study}/strata.csv",
    log:
        "logs/score_difficulty/{study}.log",
    benchmark:
        "benchmarks/runs/score_difficulty/{study}.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        nulls=NULL_RUNS,
        confidences=TRACED_RUNS,
        tasks={
            name: {key: task[key] for key in ("format", "human", "metric") if key in task}
            for name, task in USED["tasks"].items()
        },
        axes={
            name: {key: axis[key] for key in ("task", "tasks", "values", "vary") if key in axis}
            for name, axis in USED["axes"].items()
        },
        made=MADE_STUDY,
        runs=RUNS,
        parts=config_hashes.parts_of(MADE, RUNS),
        code=code_digest("score_difficulty"),
    message:
        "Measuring the difficulty of the tasks of {wildcards.study}"
    script:
        "../scripts/score_difficulty.py"
