"""Export: what a recipe makes of a checkpoint as an ordinary Hugging Face folder: `snakemake --cores 1 export`.

Needs masks and quantized weights. Gives results/models/{checkpoint}/{recipe}/, which transformers, lm-evaluation-harness
and others load like any checkpoint. No part of a study's report.
"""

EXPORTED = list(dict.fromkeys((run["checkpoint"], run["recipe"]) for run in RUNS))


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


# `snakemake export`: every recipe of the study.
rule export:
    input:
        [rules.export_model.output.folder.format(checkpoint=c, recipe=r) for c, r in EXPORTED],
