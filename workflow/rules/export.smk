"""Export: what recipes and trainings make of a checkpoint as ordinary Hugging Face folders: `snakemake --cores 1 export`.

Needs masks, quantized weights and the weights of runs that keep theirs. Gives results/models/{checkpoint}/{recipe}/ and
results/trained/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}/, which transformers, lm-evaluation-harness and others
load like any checkpoint. No part of a study's report.
"""

# What others made is a folder already, or has no weights.
EXPORTED = list(
    dict.fromkeys(
        (run["checkpoint"], run["recipe"])
        for run in RUNS
        if RECIPES[run["recipe"]]["method"] not in elsewhere.METHODS.values() and run["task"] not in LOGGED
    )
)


# The weights as the recipe leaves them, zeros and rounded numbers written out, in the dtype of the checkpoint.
rule export_model:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        mask=needed("mask", "zero-shot"),
        quantized=needed("quantized", "zero-shot"),
    output:
        folder=directory("results/models/{checkpoint}/{recipe}"),
    log:
        "logs/export_model/{checkpoint}/{recipe}.log",
    benchmark:
        "benchmarks/runs/export_model/{checkpoint}/{recipe}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        mem_mb=16000,
        runtime=60,
    params:
        recipe=lambda w: RECIPES[w.recipe],
        made=lambda w: config_hashes.made_of(MADE, config_hashes.MASK, w),
        code=code_digest("export_model"),
    message:
        "Exporting {wildcards.checkpoint} / {wildcards.recipe}"
    script:
        "../scripts/export_model.py"


# The weights at the end of a run that keeps them, as a classifier with its head.
rule export_run:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        task=rules.fetch_task.output.manifest,
        train=rules.tokenize_task.output.train,
        model=rules.finetune_kept.output.model,
        given=needed("given"),
    output:
        folder=directory("results/trained/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}"),
    log:
        "logs/export_run/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.log",
    benchmark:
        "benchmarks/runs/export_run/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        mem_mb=16000,
        runtime=60,
    params:
        recipe=lambda w: RECIPES[w.recipe],
        made=lambda w: config_hashes.made_of(MADE, config_hashes.RUN, w),
        code=code_digest("export_run"),
    message:
        "Exporting {wildcards.checkpoint} / {wildcards.recipe} / {wildcards.task} / {wildcards.regime} / seed {wildcards.seed}"
    script:
        "../scripts/export_run.py"


# `snakemake export`: every recipe of the study, and every run that keeps its weights.
rule export:
    input:
        [rules.export_model.output.folder.format(checkpoint=c, recipe=r) for c, r in EXPORTED],
        for_runs(rules.export_run.output.folder, where=KEPT_RUNS),
