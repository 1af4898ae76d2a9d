"""Shared by all stages: the checked config, the runs of the study, which code made what.

Including this file also puts `workflow/` on the module search path, of this process and of every script.
"""

import csv
import sys
from pathlib import Path

from junkdna import (
    checking,
    config_files,
    extras,
    grid,
    lineage,
    local_files,
    local_hashes,
    lookups,
    recipes,
    reference,
)
from junkdna.provenance import code_digest
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError

with open("resources/reference/human.csv", encoding="utf-8", newline="") as file:
    HUMAN = {row["slug"]: row["metric"] for row in csv.DictReader(file)}
with open("resources/reference/paper/values.csv", encoding="utf-8", newline="") as file:
    PAPER = reference.paper_points(csv.DictReader(file))

try:
    if workflow.is_main_process:
        config_files.refuse_duplicates(workflow.configfiles)
    config = checking.check(config, load_configfile("workflow/schemas/config.schema.yaml"), human=HUMAN)
    RUNS = grid.valid_runs(config)
    CONNECTED = extras.connected_runs(config, RUNS)
    RECIPES = recipes.expand_recipes(config["sweeps"])
    REPLICATED = reference.replicated_runs(config, RUNS, RECIPES, PAPER)
    USED = lookups.used_parts(config, RUNS)
    if workflow.is_main_process:
        # What was fetched already may be gone from where it came.
        local_files.check_paths(
            USED, lambda part, name: Path(f"resources/{part}/{name}/manifest.json").exists()
        )
except ValueError as error:
    raise WorkflowError(f"the config is wrong:\n{error}")

NULL_RUNS = extras.null_runs(config, RUNS)
TRACED_RUNS = extras.traced_runs(config, RUNS)
KEPT_RUNS = extras.ends_of(CONNECTED)
STUDY = config["study"]["name"]
RANKINGS = {lookups.ranking_of(recipe): recipe for recipe in RECIPES.values() if lookups.ranking_of(recipe)}
FIGURES = lookups.figure_names(config, RUNS)
LABELLED = [name for name, task in USED["tasks"].items() if task["format"] in ("classification", "pair")]
# What the files at `source.path` hold, and with what each file of the study is made, in short hashes.
LOCAL = local_hashes.local_hashes(USED, Path("resources/local-files.json"))
MADE = lineage.hash_parts(config, RECIPES, LOCAL)
MADE_STUDY = {"study": lineage.hash_study(USED, RUNS, MADE)}


wildcard_constraints:
    checkpoint=grid.SLUG,
    recipe=grid.SLUG,
    ranking=grid.SLUG,
    calibration=grid.SLUG,
    task=grid.SLUG,
    regime=grid.SLUG,
    study=grid.SLUG,
    figure=grid.SLUG,
    seed=r"\d+",


def for_runs(pattern, where=RUNS):
    """The path of `pattern` for each run of the study (or of those in `where`), in config order."""
    return [pattern.format(**run) for run in where]


def nulls_of_study():
    """The predictions of the runs without input, in the order of NULL_RUNS."""
    return for_runs(rules.finetune_null.output.predictions, where=NULL_RUNS)


def evidence_for(wildcards):
    """The tables that a figure of the evidence shows."""
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


def exactly(runs):
    """A constraint on the wildcard `checkpoint`, where a path of runs starts, that lets only these runs pass.

    It looks ahead over the wildcards that follow, so a rule for some runs has the wildcards of the rule for all.
    """
    folders = for_runs("{checkpoint}/{recipe}/{task}/{regime}/seed{seed}", where=runs)
    return f"(?=(?:{'|'.join(folders)})/){grid.SLUG}" if folders else "(?!)"


def checkpoints_from(*kinds):
    """A regular expression for the checkpoints whose source is one of `kinds`."""
    names = [name for name, entry in config["checkpoints"].items() if set(kinds) & set(entry["source"])]
    return "|".join(names) or "(?!)"


def ranking_for(wildcards):
    """The ranking that a recipe cuts, if its selection needs one."""
    ranking = lookups.ranking_of(RECIPES[wildcards.recipe])
    return f"results/rankings/{wildcards.checkpoint}/{ranking}.safetensors" if ranking else []


def mask_to_copy(wildcards):
    """The mask from which a recipe that is `like` another takes how many weights go in each layer."""
    slug = lookups.copied_mask(RECIPES[wildcards.recipe])
    return f"results/masks/{wildcards.checkpoint}/{slug}.safetensors" if slug else []


def quantized_for(wildcards):
    """The quantized weights of a run whose recipe quantizes."""
    if RECIPES[wildcards.recipe]["method"] != "quantize":
        return []
    return f"results/quantized/{wildcards.checkpoint}/{wildcards.recipe}.safetensors"


def calibration_for(wildcards):
    """The statistics of calibration text that a recipe needs, if any."""
    if not lookups.needs_calibration(RECIPES[wildcards.recipe]):
        return []
    text = lookups.calibration_slug(config["calibration"])
    return f"results/calibration/{wildcards.checkpoint}/{text}/statistics.safetensors"


def mask_for(wildcards):
    """The mask of a run; none if nothing is masked, or if the run must make it itself (scope paper, gradual)."""
    if lookups.masks_itself(RECIPES[wildcards.recipe], wildcards.regime):
        return []
    return f"results/masks/{wildcards.checkpoint}/{wildcards.recipe}.safetensors"
