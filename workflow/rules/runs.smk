"""Runs: fine-tune a compressed checkpoint on a task and predict the whole validation split.

Needs checkpoints, tokens, masks and quantized weights. Gives, for each run of the study,
results/runs/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}/ with predictions, history and metrics; for runs that
a later stage asks more of, also confidences.parquet (of the training examples, by epoch) and model.safetensors.
"""

# How masks are made concerns only the runs that make one themselves; the others read it from its file. Nor does it
# concern a run how weights are rounded if it rounds none.
MASK_MAKING = tuple(f"junkdna.compression.{name}" for name in ("scores", "ranking", "selection"))
ROUNDING = ("junkdna.compression.quantization", "junkdna.files.quantized")
FINETUNE_CODE = {
    "masks": code_digest("finetune", without=ROUNDING),
    "rounds": code_digest("finetune", without=MASK_MAKING),
    "neither": code_digest("finetune", without=MASK_MAKING + ROUNDING),
}


# One run: the unit of every table. Half-done training goes on from its last saved step.
rule finetune:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        train=rules.tokenize_task.output.train,
        validation=rules.tokenize_task.output.validation,
        mask=needed("mask"),
        quantized=needed("quantized"),
        given=needed("given"),
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
        # Plain numbers: a function here is called for each of thousands of runs at every dry run. What a retried
        # job gets more of stands in the profile.
        mem_mb=16000,
        runtime=480,
    params:
        recipe=lambda w: RECIPES[w.recipe],
        training=lambda w: runs.training_of(config, w.checkpoint, w.task, w.regime),
        made=lambda w: config_hashes.made_of(MADE, config_hashes.RUN, w),
        code=lambda w: FINETUNE_CODE[inputs.code_of_run(RECIPES[w.recipe], w.regime)],
    message:
        "Run {wildcards.checkpoint} / {wildcards.recipe} / {wildcards.task} / {wildcards.regime} / seed {wildcards.seed}"
    script:
        "../scripts/finetune.py"


# The same run with more files. Only these outputs differ, so the switch that asks for them reruns the runs that
# lack them, and switching it off again reruns nothing.
use rule finetune as finetune_traced with:
    output:
        **rules.finetune.output,
        confidences="results/runs/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}/confidences.parquet",
    wildcard_constraints:
        checkpoint=exactly(TRACED_RUNS),


use rule finetune as finetune_kept with:
    output:
        **rules.finetune.output,
        model="results/runs/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}/model.safetensors",
    wildcard_constraints:
        checkpoint=exactly(KEPT_RUNS),


use rule finetune as finetune_traced_and_kept with:
    output:
        **rules.finetune_traced.output,
        model=rules.finetune_kept.output.model,
    wildcard_constraints:
        checkpoint=exactly([run for run in KEPT_RUNS if run in TRACED_RUNS]),
