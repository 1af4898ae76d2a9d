"""Connectivity: is there a barrier on the straight line from the dense solution to a compressed one?

Needs checkpoints, tokens and the weights of runs. Gives results/connectivity/{checkpoint}/{recipe}/{task}/{regime}/
seed{seed}/{path,losses}.parquet and results/tables/{study}/connectivity.parquet, with CSV.
"""


# Eleven models on the way, each on the whole validation split.
rule interpolate:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        train=rules.tokenize_task.output.train,
        validation=rules.tokenize_task.output.validation,
        dense=expand(rules.finetune_kept.output.model, recipe="dense", regime="dense", allow_missing=True)[0],
        other=rules.finetune_kept.output.model,
    output:
        path="results/connectivity/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}/path.parquet",
        losses="results/connectivity/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}/losses.parquet",
    log:
        "logs/interpolate/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.log",
    benchmark:
        "benchmarks/runs/interpolate/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=16000,
        runtime=240,
    params:
        precision=lambda w: runs.training_of(config, w.checkpoint, w.task)["precision"],
        metric=lambda w: config["tasks"][w.task]["metric"],
        made=lambda w: config_hashes.made_of(MADE, config_hashes.RUN, w),
        dense=lambda w: config_hashes.made_of(
            MADE, config_hashes.RUN, {**w, "recipe": "dense", "regime": "dense"}
        ),
        code=code_digest("interpolate", without=MASK_MAKING),
    message:
        "Path from dense to {wildcards.checkpoint} / {wildcards.recipe} / {wildcards.task} / {wildcards.regime} / seed {wildcards.seed}"
    script:
        "../scripts/interpolate.py"


# The heights of the barriers, with intervals.
rule measure_connectivity:
    input:
        losses=for_runs(rules.interpolate.output.losses, where=CONNECTED),
    output:
        table="results/tables/{study}/connectivity.parquet",
        csv="results/tables/{study}/connectivity.csv",
    log:
        "logs/measure_connectivity/{study}.log",
    benchmark:
        "benchmarks/runs/measure_connectivity/{study}.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        runs=CONNECTED,
        recipes={slug: RECIPES[slug] for slug in sorted({run["recipe"] for run in CONNECTED})},
        tasks={
            task: {"metric": config["tasks"][task]["metric"]}
            for task in sorted({run["task"] for run in CONNECTED})
        },
        made=MADE_STUDY,
        parts=config_hashes.parts_of(MADE, CONNECTED),
        code=code_digest("measure_connectivity"),
    message:
        "Measuring the barriers of {wildcards.study}"
    script:
        "../scripts/measure_connectivity.py"
