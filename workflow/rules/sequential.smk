"""Calibration block by block: the same masks and quantized weights, where `calibration.sequential` is true.

Needs checkpoints and the tokens of the calibration text, no statistics. Gives
results/masks/{checkpoint}/{recipe}.safetensors and results/quantized/{checkpoint}/{recipe}.safetensors. What goes into
a block hangs on the blocks before it as they are compressed, so each level walks through the model by itself.
"""


rule mask_blocks:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        train=rules.calibrate.input.train,
    output:
        mask="results/masks/{checkpoint}/{recipe}.safetensors",
    log:
        "logs/mask_blocks/{checkpoint}/{recipe}.log",
    benchmark:
        "benchmarks/runs/mask_blocks/{checkpoint}/{recipe}.tsv"
    wildcard_constraints:
        recipe="|".join(inputs.sequential_recipes(RECIPES, config["calibration"])) or "(?!)",
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=16000,
        runtime=120,
    params:
        recipe=lambda w: recipes.spec_of(RECIPES[w.recipe]),
        text=inputs.text_of(config["calibration"]),
        made=lambda w: config_hashes.made_of(MADE, config_hashes.MASK, w),
        made_text=lambda w: config_hashes.made_of(
            MADE, config_hashes.TOKENS, {**w, "task": config["calibration"]["task"]}
        ),
        code=code_digest("mask_blocks"),
    message:
        "Masking {wildcards.checkpoint} block by block by {wildcards.recipe}"
    script:
        "../scripts/mask_blocks.py"


rule quantize_blocks:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        train=rules.calibrate.input.train,
    output:
        weights="results/quantized/{checkpoint}/{recipe}.safetensors",
    log:
        "logs/quantize_blocks/{checkpoint}/{recipe}.log",
    benchmark:
        "benchmarks/runs/quantize_blocks/{checkpoint}/{recipe}.tsv"
    wildcard_constraints:
        recipe="|".join(inputs.sequential_recipes(RECIPES, config["calibration"])) or "(?!)",
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=16000,
        runtime=120,
    params:
        recipe=lambda w: recipes.spec_of(RECIPES[w.recipe]),
        text=inputs.text_of(config["calibration"]),
        made=lambda w: config_hashes.made_of(MADE, config_hashes.MASK, w),
        made_text=lambda w: config_hashes.made_of(
            MADE, config_hashes.TOKENS, {**w, "task": config["calibration"]["task"]}
        ),
        code=code_digest("quantize_blocks"),
    message:
        "Quantizing {wildcards.checkpoint} block by block by {wildcards.recipe}"
    script:
        "../scripts/quantize_blocks.py"


# Another way to the same files.
ruleorder: mask_blocks > build_mask
ruleorder: quantize_blocks > quantize_weights
