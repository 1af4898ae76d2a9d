"""Asked tasks: the questions of a language model that is compressed and then asked, and the runs that answer them.

Needs checkpoints, tasks, masks and quantized weights. Gives results/prompts/{checkpoint}/{task}/seed{seed}.safetensors
and the same files of a run as a training does.
"""


# What a language model is asked, with the examples that a seed shows: the same for every recipe.
rule encode_prompts:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        train=rules.fetch_task.output.train,
        validation=rules.fetch_task.output.validation,
    output:
        asked="results/prompts/{checkpoint}/{task}/seed{seed}.safetensors",
    log:
        "logs/encode_prompts/{checkpoint}/{task}/seed{seed}.log",
    benchmark:
        "benchmarks/runs/encode_prompts/{checkpoint}/{task}/seed{seed}.tsv"
    wildcard_constraints:
        task="|".join(ASKED) or "(?!)",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        asked=lambda w: tasks.asked_of(config["tasks"][w.task]),
        max_length=lambda w: config["tasks"][w.task]["max_length"],
        made=lambda w: config_hashes.made_of(MADE, config_hashes.TOKENS, w),
        code=code_digest("encode_prompts"),
    message:
        "Encoding the questions of {wildcards.task} for {wildcards.checkpoint}, seed {wildcards.seed}"
    script:
        "../scripts/encode_prompts.py"


# A run that is asked as it is, by options or in free text: another way to the same files.
rule evaluate:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        asked=rules.encode_prompts.output.asked,
        validation=rules.fetch_task.output.validation,
        mask=needed("mask"),
        quantized=needed("quantized"),
        given=needed("given"),
    output:
        **rules.finetune.output,
    log:
        "logs/evaluate/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.log",
    benchmark:
        "benchmarks/runs/evaluate/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.tsv"
    wildcard_constraints:
        task="|".join(ASKED) or "(?!)",
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=16000,
        runtime=240,
    params:
        recipe=lambda w: RECIPES[w.recipe],
        asked=lambda w: tasks.asked_of(config["tasks"][w.task]),
        precision=lambda w: runs.training_of(config, w.checkpoint, w.task)["precision"],
        made=lambda w: config_hashes.made_of(MADE, config_hashes.RUN, w),
        code=code_digest("evaluate", without=MASK_MAKING),
    message:
        "Asking {wildcards.checkpoint} / {wildcards.recipe} / {wildcards.task} / seed {wildcards.seed}"
    script:
        "../scripts/evaluate.py"


# Fewer options than a question has, read off the run that compared all of them.
rule keep_fewer_options:
    input:
        predictions=of_all_options(rules.evaluate.output.predictions),
        history=of_all_options(rules.evaluate.output.history),
        metrics=of_all_options(rules.evaluate.output.metrics),
    output:
        **rules.finetune.output,
    log:
        "logs/keep_fewer_options/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.log",
    benchmark:
        "benchmarks/runs/keep_fewer_options/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.tsv"
    wildcard_constraints:
        task="|".join(FEWER) or "(?!)",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        recipe=lambda w: RECIPES[w.recipe],
        options=lambda w: config["tasks"][w.task]["options"],
        read=lambda w: config_hashes.made_of(
            MADE, config_hashes.RUN, {**w, "task": config["tasks"][w.task]["options_of"]}
        ),
        made=lambda w: config_hashes.made_of(MADE, config_hashes.RUN, w),
        code=code_digest("keep_fewer_options"),
    message:
        "Fewer options: {wildcards.checkpoint} / {wildcards.recipe} / {wildcards.task} / seed {wildcards.seed}"
    script:
        "../scripts/keep_fewer_options.py"


ruleorder: keep_fewer_options > evaluate > finetune_traced_and_kept > finetune_traced > finetune_kept > finetune
