"""What a rule asks about the config: files a run needs, figures a study fills, what a reader must know.

Standard library only: Snakemake imports this on every dry run. Every function takes the config as
`checking.check` returns it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from junkdna.grid import study_tasks, training_of
from junkdna.recipes import CALIBRATED, expand_recipes
from junkdna.shares import percent_of
from junkdna.specs import CURVED


def ranking_of(recipe: Mapping[str, Any]) -> str | None:
    """Slug of the ranking that a recipe's mask is cut from; None where scores are compared in small groups."""
    if (
        recipe["method"] != "prune"
        or recipe["selection"] not in ("global", "layer")
        or recipe["scope"] != "body"
    ):
        return None
    if recipe["score"] in CALIBRATED or recipe["score"] == "shuffled":
        return None
    return f"random-seed{recipe['seed']}" if recipe["score"] == "random" else recipe["score"]


def copied_mask(recipe: Mapping[str, Any]) -> str | None:
    """Slug of the recipe whose mask says how much a recipe's own removes of each layer; None where none does.

    N:M removes the same share of every layer whatever the score, so there is nothing to copy.
    """
    return recipe.get("like") if recipe.get("selection") != "nm" else None


def needs_hessians(recipe: Mapping[str, Any]) -> bool:
    """Whether a recipe looks at how the inputs of a layer go together."""
    return recipe.get("score") == "sparsegpt" or recipe.get("quantizer") == "gptq"


def needs_calibration(recipe: Mapping[str, Any]) -> bool:
    """Whether a recipe looks at the inputs of the layers on calibration text."""
    return recipe.get("score") in CALIBRATED or recipe.get("budget") == "owl" or needs_hessians(recipe)


def calibration_slug(calibration: Mapping[str, Any]) -> str:
    """The name of the text that the section `calibration` asks for."""
    size = "n{sequences}-l{max_length}-s{seed}".format(**calibration)
    return f"{calibration['task']}-{size}"


def masks_itself(recipe: Mapping[str, Any], regime: str) -> bool:
    """Whether a run needs no mask file: nothing is masked, the mask grows, or it covers the run's own head."""
    return recipe["method"] != "prune" or regime == "gradual" or recipe["scope"] == "paper"


def code_of_run(recipe: Mapping[str, Any], regime: str) -> str:
    """Which part of the code that not every run needs this one executes: it `masks`, `rounds`, or does `neither`."""
    if recipe["method"] == "quantize":
        return "rounds"
    return "masks" if recipe["method"] == "prune" and masks_itself(recipe, regime) else "neither"


def figure_names(config: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The figures of a study, in the order of the report.

    `claims` and `difficulty`, of an axis those that its runs can fill (`performance-`, `regimes-`; `equal-bytes-` and
    `equal-damage-` where it is both pruned and quantized; `budget-` where it varies the budget), `perplexity-` of each
    task of running text, `connectivity`,
    `replication-` those in `study.replicates`, and `dense`.
    """
    names = ["claims"]
    methods = {slug: recipe["method"] for slug, recipe in expand_recipes(config["sweeps"]).items()}
    for axis in config["study"]["axes"]:
        tasks = config["axes"][axis]["tasks"]
        regimes = {run["regime"] for run in runs if run["task"] in tasks} - {"dense", "scratch"}
        curved = regimes & set(CURVED)
        if config["axes"][axis].get("vary") == "budget":
            names += [f"budget-{axis}"] * bool(regimes)
            continue
        names += [f"performance-{axis}"] * bool(curved)
        names += [f"regimes-{axis}"] * bool(regimes - curved)
        if {"prune", "quantize"} <= {methods[run["recipe"]] for run in runs if run["task"] in tasks}:
            names += [f"equal-bytes-{axis}", f"equal-damage-{axis}"]
    likely = [task for task in study_tasks(config) if config["tasks"][task]["format"] == "lm"]
    names += [f"perplexity-{task}" for task in likely]
    names += ["difficulty"] + ["connectivity"] * bool(config["study"]["mode_connectivity"])
    return [*names, *(f"replication-{figure}" for figure in config["study"]["replicates"]), "dense"]


def used_parts(config: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The config without the catalog entries that this study does not touch."""
    checkpoints = {run["checkpoint"] for run in runs}
    axes = set(config["study"]["axes"])
    tasks = {*study_tasks(config), config["calibration"].get("task")}
    keep = {"checkpoints": checkpoints, "tasks": tasks, "axes": axes}
    return {
        section: {name: entry for name, entry in content.items() if name in keep[section]}
        if section in keep
        else content
        for section, content in config.items()
    }


def notice_of(config: Mapping[str, Any]) -> str:
    """What a reader must know before any number: which checkpoints and tasks were made up."""
    made = [name for name, entry in config["checkpoints"].items() if "pretrain" in entry["source"]]
    made += [name for name, entry in config["tasks"].items() if "generate" in entry["source"]]
    if not made:
        return ""
    return (
        f"A toy world: {', '.join(made)} were generated, not taken from the world. "
        "What this page shows is how the instrument works, not a fact about language models."
    )


def run_sizes(
    config: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], kept: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """What the config tells of the work of each run; None for what only the data can tell.

    kept: the runs whose trained weights stay on disk.
    """
    sizes: dict[tuple[str, str], dict[str, Any]] = {}
    for checkpoint, task in {(run["checkpoint"], run["task"]) for run in runs}:
        entry, training = config["tasks"][task], training_of(config, checkpoint, task)
        rows = _rows(entry)
        sizes[checkpoint, task] = {
            "weights": config["checkpoints"][checkpoint].get("parameters"),
            "train_rows": train_rows(entry),
            "validation_rows": entry.get("validation_examples", rows.get("validation")),
            "tokens": _tokens(entry),
            "epochs": 0 if entry["format"] == "lm" else training["epochs"],
            "max_steps": training["max_steps"],
            "batch": training["batch_size"] * training["accumulation"],
        }
    return [{**run, **sizes[run["checkpoint"], run["task"]], "kept": run in kept} for run in runs]


def train_rows(task: Mapping[str, Any]) -> int | None:
    """Size of a task's training set; None where only its source knows."""
    rows = task.get("train_examples", _rows(task).get("train"))
    return None if rows is None else percent_of(rows, task.get("train_percent", 100))


def _tokens(task: Mapping[str, Any]) -> int:
    """Tokens of an average example; where only `max_length` is known, at most so many."""
    longest = task["max_length"]
    # Of a choice every option is an input of its own, each cut by itself.
    return (
        task.get("tokens", longest)
        if task["format"] == "choice"
        else min(task.get("tokens", longest), longest)
    )


def _rows(task: Mapping[str, Any]) -> Mapping[str, int]:
    """Examples in each split of a task's source, as far as the config tells."""
    return task.get("source", {}).get("generate", task.get("rows", {}))
