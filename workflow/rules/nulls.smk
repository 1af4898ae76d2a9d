"""Nulls: the dense run of each task once more, on inputs without text.

Needs checkpoints and tokens. Gives results/nulls/{checkpoint}/{task}/seed{seed}/ with predictions, history and
metrics: what can be told of the labels without the input.
"""


# As cheap as a run gets: sequences of nothing but special tokens.
rule finetune_null:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        train=rules.tokenize_task.output.train,
        validation=rules.tokenize_task.output.validation,
    output:
        predictions="results/nulls/{checkpoint}/{task}/seed{seed}/predictions.parquet",
        history="results/nulls/{checkpoint}/{task}/seed{seed}/history.parquet",
        metrics="results/nulls/{checkpoint}/{task}/seed{seed}/metrics.parquet",
    log:
        "logs/finetune_null/{checkpoint}/{task}/seed{seed}.log",
    benchmark:
        "benchmarks/runs/finetune_null/{checkpoint}/{task}/seed{seed}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=16000,
        runtime=240,
    params:
        recipe=RECIPES["dense"],
        training=lambda w: runs.training_of(config, w.checkpoint, w.task),
        made=lambda w: config_hashes.made_of(MADE, config_hashes.NULL, w),
        code=code_digest("finetune_null", without=MASK_MAKING + ROUNDING),
    message:
        "Run without input {wildcards.checkpoint} / {wildcards.task} / seed {wildcards.seed}"
    script:
        "../scripts/finetune_null.py"
