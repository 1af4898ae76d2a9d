"""Shared by all stages: the checked config, the runs of the study, which code made what.

Including this file also puts `workflow/` on the module search path, of this process and of every script.
"""

import csv
import sys
from pathlib import Path

from junkdna.provenance import config_hashes, local_hashes
from junkdna.provenance.code import code_digest
from junkdna.study import (
    check,
    duplicate_keys,
    elsewhere,
    figure_names,
    inputs,
    local_paths,
    mode_connectivity,
    paper_points,
    recipes,
    regimes,
    runs,
    sizes,
    tasks,
)
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError

with open("resources/reference/human.csv", encoding="utf-8", newline="") as file:
    HUMAN = {row["slug"]: row["metric"] for row in csv.DictReader(file)}
with open("resources/reference/paper/values.csv", encoding="utf-8", newline="") as file:
    PAPER = paper_points.paper_points(csv.DictReader(file))

try:
    if workflow.is_main_process:
        duplicate_keys.refuse_duplicates(workflow.configfiles)
    config = check.check(config, load_configfile("workflow/schemas/config.schema.yaml"), human=HUMAN)
    RUNS = runs.valid_runs(config)
    CONNECTED = mode_connectivity.connected_runs(config, RUNS)
    RECIPES = recipes.expand_recipes(config["sweeps"])
    REPLICATED = paper_points.replicated_runs(config, RUNS, RECIPES, PAPER)
    USED = runs.used_parts(config, RUNS)
    if workflow.is_main_process:
        # What was fetched already may be gone from where it came.
        local_paths.check_paths(
            USED, lambda part, name: any(Path("resources").glob(f"{part}/{name}/manifest.json"))
        )
except ValueError as error:
    raise WorkflowError(f"the config is wrong:\n{error}")

NULL_RUNS = runs.null_runs(config, RUNS)
TRACED_RUNS = runs.traced_runs(config, RUNS)
KEPT_RUNS = mode_connectivity.kept_runs(config, CONNECTED)
STUDY = config["study"]["name"]
RANKINGS = {name: recipe for recipe in RECIPES.values() if (name := inputs.ranking_of(recipe))}
FIGURES = figure_names.figure_names(config, RUNS)
# What is asked of a language model as it is, what is read off such a run, and what has classes.
ASKED = [name for name, task in USED["tasks"].items() if tasks.is_asked(task) and "options_of" not in task]
FEWER = [name for name, task in USED["tasks"].items() if "options_of" in task]
LOGGED = [name for name, task in USED["tasks"].items() if elsewhere.is_logged(task)]
ANSWERING = [run for run in RUNS if run["task"] in ASKED + LOGGED]
ANSWERED = list(dict.fromkeys(run["task"] for run in ANSWERING))
LABELLED = [name for name, task in USED["tasks"].items() if task["format"] in ("classification", "pair")]
# What the files at `source.path` hold, and with what each file of the study is made, in short hashes.
LOCAL = local_hashes.local_hashes(USED, Path("resources/local-files.json"))
MADE = config_hashes.hash_parts(config, RECIPES, LOCAL)
MADE_STUDY = {"study": config_hashes.hash_study(USED, RUNS, MADE)}


wildcard_constraints:
    checkpoint=runs.SLUG,
    recipe=runs.SLUG,
    ranking=runs.SLUG,
    calibration=runs.SLUG,
    task=runs.SLUG,
    regime=runs.SLUG,
    study=runs.SLUG,
    figure=runs.SLUG,
    seed=r"\d+",


def for_runs(pattern, where=RUNS):
    """The path of `pattern` for each run of the study (or of those in `where`), in config order."""
    return [pattern.format(**run) for run in where]


def nulls_of_study():
    """The predictions of the runs without input, in the order of NULL_RUNS."""
    return for_runs(rules.finetune_null.output.predictions, where=NULL_RUNS)


def evidence_for(wildcards):
    """The tables that a figure of the evidence shows."""
    if wildcards.evidence == "answers":
        return {"kinds": rules.gather_answers.output.answer_kinds}
    if wildcards.evidence == "claims":
        return {"claims": rules.aggregate_runs.output.claims}
    if wildcards.evidence == "difficulty":
        return {
            "difficulty": rules.score_difficulty.output.difficulty,
            "curves": rules.aggregate_runs.output.curves,
        }
    return {
        "connectivity": rules.measure_connectivity.output.table,
        "paths": for_runs(rules.interpolate.output.path, where=CONNECTED),
    }


def exactly(chosen):
    """A constraint on the wildcard `checkpoint`, where a path of runs starts, that lets only these runs pass.

    It looks ahead over the wildcards that follow, so a rule for some runs has the wildcards of the rule for all.
    """
    folders = for_runs("{checkpoint}/{recipe}/{task}/{regime}/seed{seed}", where=chosen)
    return f"(?=(?:{'|'.join(folders)})/){runs.SLUG}" if folders else "(?!)"


def checkpoints_from(*kinds):
    """A regular expression for the checkpoints whose source is one of `kinds`."""
    names = [name for name, entry in config["checkpoints"].items() if set(kinds) & set(entry["source"])]
    return "|".join(names) or "(?!)"


def of_all_options(pattern):
    """An input function: the file of the run that compared all options, of which this task keeps some."""
    return lambda w: pattern.format(**{**w, "task": config["tasks"][w.task]["options_of"]})


def needed(kind, without_training=None):
    """An input function: the file of this kind (`inputs.inputs_of`) that a recipe or a run is made from, if any.

    without_training: the regime, where the wildcards have none.
    """

    def path_of(wildcards):
        recipe, regime = wildcards.recipe, wildcards.get("regime", without_training)
        slug = inputs.inputs_of(recipe, RECIPES, config["calibration"], regime).get(kind)
        files = {
            "ranking": rules.rank_weights.output.ranking,
            "calibration": rules.calibrate.output.statistics,
            "like": rules.build_mask.output.mask,
            "mask": rules.build_mask.output.mask,
            "quantized": rules.quantize_weights.output.weights,
            "given": rules.fetch_given.output.manifest,
        }
        names = {"checkpoint": wildcards.checkpoint, "ranking": slug, "calibration": slug, "recipe": slug}
        return files[kind].format(**names) if slug else []

    return path_of
