"""Logs: what lm-evaluation-harness or inspect logged of single questions, as checkpoints, tasks and runs of a study.

Needs the logs. Gives resources/checkpoints/{checkpoint}/manifest.json, resources/tasks/{task}/ and the same files of a
run as a training does.
"""

# The questions are those of the first logged checkpoint; the logs of all runs must hold the same.
LOGGED_FROM = [name for name, entry in USED["checkpoints"].items() if elsewhere.is_logged(entry)][:1]


# Which model was logged; its weights are not needed.
rule fetch_logged_checkpoint:
    output:
        manifest="resources/checkpoints/{checkpoint}/manifest.json",
    log:
        "logs/fetch_logged_checkpoint/{checkpoint}.log",
    benchmark:
        "benchmarks/runs/fetch_logged_checkpoint/{checkpoint}.tsv"
    wildcard_constraints:
        checkpoint=checkpoints_from("logs"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        place=lambda w: config["checkpoints"][w.checkpoint]["source"]["logs"],
        tasks=lambda w: [tasks.data_of(USED["tasks"][task]) for task in LOGGED],
        key="checkpoints.{checkpoint}.source.logs",
        name="{checkpoint}",
        made=lambda w: config_hashes.made_of(MADE, ("checkpoint",), w),
        local=lambda w: LOCAL.get(f"checkpoints.{w.checkpoint}", {}),
        code=code_digest("fetch_logged_checkpoint"),
    message:
        "Reading the logs of {wildcards.checkpoint}"
    script:
        "../scripts/fetch_logged_checkpoint.py"


# The questions of a task, as the dense model was asked them.
rule fetch_logged_task:
    output:
        validation="resources/tasks/{task}/validation.parquet",
        manifest="resources/tasks/{task}/manifest.json",
    log:
        "logs/fetch_logged_task/{task}.log",
    benchmark:
        "benchmarks/runs/fetch_logged_task/{task}.tsv"
    wildcard_constraints:
        task="|".join(LOGGED) or "(?!)",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        place=lambda w: config["checkpoints"][LOGGED_FROM[0]]["source"]["logs"],
        data=lambda w: tasks.data_of(config["tasks"][w.task]),
        key=lambda w: f"checkpoints.{LOGGED_FROM[0]}.source.logs",
        name="{task}",
        made=lambda w: config_hashes.made_of(MADE, ("task",), w),
        local=lambda w: LOCAL.get(f"checkpoints.{LOGGED_FROM[0]}", {}),
        code=code_digest("fetch_logged_task"),
    message:
        "Taking the questions of {wildcards.task} from its log"
    script:
        "../scripts/fetch_logged_task.py"


# What one model answered.
rule read_log:
    input:
        validation=rules.fetch_logged_task.output.validation,
    output:
        **rules.finetune.output,
    log:
        "logs/read_log/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.log",
    benchmark:
        "benchmarks/runs/read_log/{checkpoint}/{recipe}/{task}/{regime}/seed{seed}.tsv"
    wildcard_constraints:
        task="|".join(LOGGED) or "(?!)",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        recipe=lambda w: RECIPES[w.recipe],
        place=lambda w: elsewhere.log_of(config, RECIPES, w.checkpoint, w.recipe)[1],
        key=lambda w: elsewhere.log_of(config, RECIPES, w.checkpoint, w.recipe)[0],
        wanted=lambda w: config["tasks"][w.task]["source"]["logs"],
        format=lambda w: config["tasks"][w.task]["format"],
        score=lambda w: config["tasks"][w.task].get("score", ""),
        made=lambda w: config_hashes.made_of(MADE, config_hashes.LOGGED, w),
        local=lambda w: LOCAL.get(
            f"checkpoints.{w.checkpoint}" if w.recipe == "dense" else f"recipes.{w.recipe}", {}
        ),
        code=code_digest("read_log"),
    message:
        "Reading the log of {wildcards.checkpoint} / {wildcards.recipe} / {wildcards.task}"
    script:
        "../scripts/read_log.py"


ruleorder: fetch_logged_task > fetch_task
ruleorder: read_log > evaluate > finetune_traced_and_kept > finetune_traced > finetune_kept > finetune
