"""What a recipe's mask or quantized weights, and a run, are made from beside the checkpoint and the tokens.

Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Mapping
from typing import Any

from junkdna.study.recipes import CALIBRATED


def inputs_of(
    slug: str,
    recipes: Mapping[str, Mapping[str, Any]],
    calibration: Mapping[str, Any],
    regime: str | None = None,
) -> dict[str, str]:
    """Kind of file -> slug in its name: of what the file of a recipe, or a run of it in `regime`, reads.

    recipes: expanded. calibration: section of the config. Kinds: of a recipe's own file `ranking`, `like` (the mask
    that it copies) and `calibration`; of a run `mask`, `quantized` and `given` (a model that someone else compressed).
    """
    recipe = recipes[slug]
    if regime is not None:
        method = recipe["method"]
        kinds = {
            "mask": not masks_itself(recipe, regime),
            "quantized": method == "quantize",
            "given": method == "given",
        }
        return {kind: slug for kind, read in kinds.items() if read}
    one_pass = needs_calibration(recipe) and not goes_by_blocks(recipe, calibration)
    text = calibration_slug(calibration) if one_pass else None
    slugs = {"ranking": ranking_of(recipe), "like": copied_mask(recipe), "calibration": text}
    return {kind: each for kind, each in slugs.items() if each}


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
    return recipe.get("score") in CALIBRATED or recipe.get("allocation") == "owl" or needs_hessians(recipe)


def goes_by_blocks(recipe: Mapping[str, Any], calibration: Mapping[str, Any]) -> bool:
    """Whether a recipe looks at inputs block by block, so that its own file is made from the text itself."""
    return needs_calibration(recipe) and calibration["sequential"]


def sequential_recipes(recipes: Mapping[str, Mapping[str, Any]], calibration: Mapping[str, Any]) -> list[str]:
    """The slugs of the recipes that go block by block."""
    return [slug for slug, recipe in recipes.items() if goes_by_blocks(recipe, calibration)]


def text_of(calibration: Mapping[str, Any]) -> dict[str, Any]:
    """What of the section `calibration` decides which sequences the text is."""
    return {key: value for key, value in calibration.items() if key != "sequential"}


def calibration_slug(calibration: Mapping[str, Any]) -> str:
    """The name of the text that the section `calibration` asks for."""
    size = "n{sequences}-l{max_length}-s{seed}".format(**calibration)
    return f"{calibration['task']}-{size}{'-joined' if calibration['join'] else ''}"


def masks_itself(recipe: Mapping[str, Any], regime: str) -> bool:
    """Whether a run needs no mask file: nothing is masked, the mask grows, or it covers the run's own head."""
    return recipe["method"] != "prune" or regime == "gradual" or recipe["scope"] == "paper"


def code_of_run(recipe: Mapping[str, Any], regime: str) -> str:
    """Which part of the code that not every run needs this one executes: it `masks`, `rounds`, or does `neither`."""
    if recipe["method"] == "quantize":
        return "rounds"
    return "masks" if recipe["method"] == "prune" and masks_itself(recipe, regime) else "neither"
