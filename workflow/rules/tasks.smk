"""Tasks: labelled data in one normalised form, then as tokens.

Needs checkpoints (their tokenizers). Gives resources/tasks/{task}/{split}.parquet and
results/tokens/{checkpoint}/{task}/{split}.safetensors, and beside both what the report has to say of them.
"""


# The labelled examples of one task, from the hub, a file, or the generator.
rule fetch_task:
    output:
        train="resources/tasks/{task}/train.parquet",
        validation="resources/tasks/{task}/validation.parquet",
        manifest="resources/tasks/{task}/manifest.json",
    log:
        "logs/fetch_task/{task}.log",
    benchmark:
        "benchmarks/runs/fetch_task/{task}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        data=lambda w: tasks.data_of(config["tasks"][w.task]),
        name="{task}",
        made=lambda w: config_hashes.made_of(MADE, ("task",), w),
        local=lambda w: LOCAL.get(f"tasks.{w.task}", {}),
        code=code_digest("fetch_task"),
    message:
        "Fetching task {wildcards.task}"
    script:
        "../scripts/fetch_task.py"


# Each text becomes tokens once for a tokenizer; every run reads these.
rule tokenize_task:
    input:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
        train=rules.fetch_task.output.train,
        validation=rules.fetch_task.output.validation,
    output:
        train="results/tokens/{checkpoint}/{task}/train.safetensors",
        validation="results/tokens/{checkpoint}/{task}/validation.safetensors",
        lengths="results/tokens/{checkpoint}/{task}/lengths.json",
    log:
        "logs/tokenize_task/{checkpoint}/{task}.log",
    benchmark:
        "benchmarks/runs/tokenize_task/{checkpoint}/{task}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        format=lambda w: config["tasks"][w.task]["format"],
        max_length=lambda w: config["tasks"][w.task]["max_length"],
        made=lambda w: config_hashes.made_of(MADE, config_hashes.TOKENS, w),
        code=code_digest("tokenize_task"),
    message:
        "Tokenizing task {wildcards.task} for {wildcards.checkpoint}"
    script:
        "../scripts/tokenize_task.py"
