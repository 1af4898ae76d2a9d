"""Runs: fine-tune a compressed checkpoint on a task and predict the whole validation split.

Needs checkpoints, tokens and masks. Gives, for each run of the study,
results/runs/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}/ with predictions, history and metrics.
"""


# One run: the unit of every table. Half-done training goes on from its last saved step.
rule finetune:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        train=rules.tokenize_task.output.train,
        validation=rules.tokenize_task.output.validation,
        mask=mask_for,
    output:
        predictions="results/runs/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}/predictions.parquet",
        history="results/runs/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}/history.parquet",
        metrics="results/runs/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}/metrics.parquet",
    log:
        "logs/finetune/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.log",
    benchmark:
        "benchmarks/runs/finetune/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        # A retried job gets more memory.
        mem_mb=lambda w, attempt: 16000 * attempt,
        runtime=lambda w, attempt: 480 * attempt,
    params:
        run=lambda w: {**w, "seed": int(w.seed)},
        recipe=lambda w: RECIPES[w.recipe],
        training=lambda w: grid.training_of(config, w.checkpoint, w.task),
        code=finetune_code,
    message:
        "Run {wildcards.checkpoint} / {wildcards.recipe} / {wildcards.task} / {wildcards.regime} / seed {wildcards.seed}"
    script:
        "../scripts/finetune.py"
