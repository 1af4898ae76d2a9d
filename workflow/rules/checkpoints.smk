"""Checkpoints: from the hub or a folder, or pre-trained here on the toy world; models that others made of them.

Needs nothing. Gives resources/checkpoints/{checkpoint}/ (weights, config, tokenizer) with its manifest, and
resources/given/{checkpoint}/{recipe}/ likewise.
"""

GIVEN = [slug for slug, recipe in RECIPES.items() if recipe["method"] == "given"]


# The weights, the config and the tokenizer of one pinned model.
rule fetch_checkpoint:
    output:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
    log:
        "logs/fetch_checkpoint/{checkpoint}.log",
    benchmark:
        "benchmarks/runs/fetch_checkpoint/{checkpoint}.tsv"
    wildcard_constraints:
        checkpoint=checkpoints_from("hub", "path"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        source=lambda w: config["checkpoints"][w.checkpoint]["source"],
        name="{checkpoint}",
        made=lambda w: config_hashes.made_of(MADE, ("checkpoint",), w),
        local=lambda w: LOCAL.get(f"checkpoints.{w.checkpoint}", {}),
        code=code_digest("fetch_checkpoint"),
    message:
        "Fetching checkpoint {wildcards.checkpoint}"
    script:
        "../scripts/fetch_checkpoint.py"


# The toy encoder, trained from nothing on sentences about a generated world.
rule pretrain_checkpoint:
    output:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
    log:
        "logs/pretrain_checkpoint/{checkpoint}.log",
    benchmark:
        "benchmarks/runs/pretrain_checkpoint/{checkpoint}.tsv"
    wildcard_constraints:
        checkpoint=checkpoints_from("pretrain"),
    conda:
        "../../envs/cpu.yaml"
    # Two threads that wait for each other are slower than one when other jobs share the cores.
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        source=lambda w: config["checkpoints"][w.checkpoint]["source"],
        name="{checkpoint}",
        made=lambda w: config_hashes.made_of(MADE, ("checkpoint",), w),
        code=code_digest("pretrain_checkpoint"),
    message:
        "Pre-training checkpoint {wildcards.checkpoint}"
    script:
        "../scripts/pretrain_checkpoint.py"


# A model that someone else compressed, measured against the checkpoint that it was made from.
rule fetch_given:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
    output:
        manifest="resources/given/{checkpoint}/{recipe}/manifest.json",
    log:
        "logs/fetch_given/{checkpoint}/{recipe}.log",
    benchmark:
        "benchmarks/runs/fetch_given/{checkpoint}/{recipe}.tsv"
    wildcard_constraints:
        recipe="|".join(GIVEN) or "(?!)",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        recipe=lambda w: RECIPES[w.recipe],
        key=lambda w: elsewhere.key_of(w.recipe, RECIPES[w.recipe]),
        made=lambda w: config_hashes.made_of(MADE, config_hashes.GIVEN, w),
        local=lambda w: LOCAL.get(f"recipes.{w.recipe}", {}),
        code=code_digest("fetch_given"),
    message:
        "Fetching {wildcards.recipe} of {wildcards.checkpoint}"
    script:
        "../scripts/fetch_given.py"
