"""Which figures a study fills.

Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from junkdna.study.elsewhere import effect_of
from junkdna.study.recipes import expand_recipes
from junkdna.study.regimes import CURVED
from junkdna.study.tasks import study_tasks, writes


def figure_names(config: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The figures of a study, in the order of the report.

    `claims` and `difficulty`, of an axis those that its runs can fill (`performance-`, `regimes-`; `equal-bytes-` and
    `equal-damage-` where it is both pruned and quantized; `budget-` where it varies the budget), `perplexity-` of each
    task of running text, `answers` where there are free ones, `connectivity`, `replication-` those in
    `study.replicates`, and `dense`.
    """
    names = ["claims"]
    methods = {slug: effect_of(recipe) for slug, recipe in expand_recipes(config["sweeps"]).items()}
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
    answered = {run["task"] for run in runs}
    free = any(writes(task) for task in map(config["tasks"].get, answered))
    names += (
        ["answers"] * free + ["difficulty"] + ["connectivity"] * bool(config["study"]["mode_connectivity"])
    )
    return [*names, *(f"replication-{figure}" for figure in config["study"]["replicates"]), "dense"]
