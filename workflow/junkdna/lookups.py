"""What a rule asks about the config: files a run needs, figures a study fills, what a reader must know.

Standard library only: Snakemake imports this on every dry run. Every function takes the config as
`checking.check` returns it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from junkdna.grid import training_of


def ranking_of(recipe: Mapping[str, Any]) -> str | None:
    """Slug of the ranking that a recipe's mask is cut from; None where scores are compared in small groups."""
    if recipe["method"] == "none" or recipe["selection"] == "nm" or recipe["scope"] != "body":
        return None
    return f"random-seed{recipe['seed']}" if recipe["score"] == "random" else recipe["score"]


def masks_itself(recipe: Mapping[str, Any], regime: str) -> bool:
    """Whether a run needs no mask file: nothing is masked, the mask grows, or it covers the run's own head."""
    return recipe["method"] == "none" or regime == "gradual" or recipe["scope"] == "paper"


def figure_names(config: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The figures that the runs of a study can fill: `dense`, `performance-<axis>`, `regimes-<axis>`."""
    names = ["dense"]
    for axis in config["study"]["axes"]:
        regimes = {run["regime"] for run in runs if run["task"] in config["axes"][axis]["tasks"]}
        names += [f"performance-{axis}"] * ("sparse" in regimes)
        names += [f"regimes-{axis}"] * bool(regimes - {"dense", "sparse"})
    return names


def used_parts(config: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The config without the catalog entries that this study does not touch."""
    checkpoints, tasks = ({run[key] for run in runs} for key in ("checkpoint", "task"))
    keep = {"checkpoints": checkpoints, "tasks": tasks, "axes": set(config["study"]["axes"])}
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


def run_sizes(config: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the config tells of the work of each run; None for what only the data can tell."""
    sizes: dict[tuple[str, str], dict[str, Any]] = {}
    for checkpoint, task in {(run["checkpoint"], run["task"]) for run in runs}:
        entry, training = config["tasks"][task], training_of(config, checkpoint, task)
        made = entry["source"].get("generate", {})
        sizes[checkpoint, task] = {
            "weights": config["checkpoints"][checkpoint].get("parameters"),
            "train_rows": entry.get("train_examples", made.get("train")),
            "validation_rows": entry.get("validation_examples", made.get("validation")),
            "tokens": entry["max_length"],
            "epochs": training["epochs"],
            "max_steps": training["max_steps"],
            "batch": training["batch_size"] * training["accumulation"],
        }
    return [{**run, **sizes[run["checkpoint"], run["task"]]} for run in runs]
