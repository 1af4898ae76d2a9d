"""Masks: score the weights once, then cut at each level.

Needs checkpoints and, for some scores, calibration. Gives results/rankings/{checkpoint}/{ranking}.safetensors (how the scores of each tensor
are distributed) and results/masks/{checkpoint}/{recipe}.safetensors (one bit a weight; of a
method that moves the weights it keeps, these too).
"""


# One pass over the weights that serves every level of every sweep with this score.
rule rank_weights:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
    output:
        ranking="results/rankings/{checkpoint}/{ranking}.safetensors",
    log:
        "logs/rank_weights/{checkpoint}/{ranking}.log",
    benchmark:
        "benchmarks/runs/rank_weights/{checkpoint}/{ranking}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        score=lambda w: RANKINGS[w.ranking]["score"],
        seed=lambda w: RANKINGS[w.ranking]["seed"],
        made=lambda w: config_hashes.made_of(MADE, config_hashes.RANKING, w),
        code=code_digest("rank_weights"),
    message:
        "Ranking the weights of {wildcards.checkpoint} by {wildcards.ranking}"
    script:
        "../scripts/rank_weights.py"


# Which weights of a checkpoint a recipe keeps; one that is `like` another takes from that one's mask how many
# go in each layer (or in each row).
rule build_mask:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        ranking=needed("ranking"),
        like=needed("like"),
        calibration=needed("calibration"),
    output:
        mask="results/masks/{checkpoint}/{recipe}.safetensors",
    log:
        "logs/build_mask/{checkpoint}/{recipe}.log",
    benchmark:
        "benchmarks/runs/build_mask/{checkpoint}/{recipe}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        recipe=lambda w: recipes.spec_of(RECIPES[w.recipe]),
        made=lambda w: config_hashes.made_of(MADE, config_hashes.MASK, w),
        code=code_digest("build_mask"),
    message:
        "Masking {wildcards.checkpoint} by {wildcards.recipe}"
    script:
        "../scripts/build_mask.py"
