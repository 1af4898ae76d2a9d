"""Calibration: the inputs of each layer on a little text, for the scores and roundings that ask for them.

Needs checkpoints and tokens. Gives results/calibration/{checkpoint}/{calibration}/statistics.safetensors: for each
prunable weight the sum of the squares of its inputs and, where a recipe of the study asks for it, a factor of the
inverse of their Hessian (junkdna.compression.hessian).
"""


# One look at the text serves every method and level.
rule calibrate:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        train=f"results/tokens/{{checkpoint}}/{config['calibration'].get('task')}/train.safetensors",
    output:
        statistics="results/calibration/{checkpoint}/{calibration}/statistics.safetensors",
    log:
        "logs/calibrate/{checkpoint}/{calibration}.log",
    benchmark:
        "benchmarks/runs/calibrate/{checkpoint}/{calibration}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=16000,
        runtime=60,
    params:
        text=inputs.text_of(config["calibration"]),
        hessians=any(map(inputs.needs_hessians, RECIPES.values())),
        made=lambda w: config_hashes.made_of(
            MADE, config_hashes.CALIBRATION, {**w, "task": config["calibration"]["task"]}
        ),
        code=code_digest("calibrate"),
    message:
        "Calibrating {wildcards.checkpoint} on {wildcards.calibration}"
    script:
        "../scripts/calibrate.py"
