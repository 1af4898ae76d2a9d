"""Quantized weights: codes, scales and zeros of a checkpoint's body.

Needs checkpoints and, for gptq, calibration. Gives results/quantized/{checkpoint}/{recipe}.safetensors, as small as the recipe says, from
which the rounded weights come back bit for bit.
"""


# One file a level: the levels of a sweep share nothing but the reading.
rule quantize_weights:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        calibration=needed("calibration"),
    output:
        weights="results/quantized/{checkpoint}/{recipe}.safetensors",
    log:
        "logs/quantize_weights/{checkpoint}/{recipe}.log",
    benchmark:
        "benchmarks/runs/quantize_weights/{checkpoint}/{recipe}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        recipe=lambda w: recipes.spec_of(RECIPES[w.recipe]),
        made=lambda w: config_hashes.made_of(MADE, config_hashes.MASK, w),
        code=code_digest("quantize_weights"),
    message:
        "Quantizing {wildcards.checkpoint} by {wildcards.recipe}"
    script:
        "../scripts/quantize_weights.py"
