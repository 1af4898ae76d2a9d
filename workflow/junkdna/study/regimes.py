"""The regimes: what happens to a model after a recipe has decided about its weights. One table, read by all.

Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Kinds of recipes (`kind_of`): nothing is compressed; a mask; one that can follow the magnitudes as they train;
# codes on an even grid; NF4 codes; a given model with weights removed, or with rounded ones; the log of a model.
KINDS = ("dense", "mask", "magnitude-mask", "grid", "nf4", "given-sparse", "given", "logged")


@dataclass(frozen=True, kw_only=True, slots=True)
class Regime:
    """What a run does with a recipe.

    phrase: what that is, in a few words for a reader of figures.
    fits: kinds of recipes that it goes with, of KINDS.
    starts: the body's weights before training: `pre-trained`; `compressed`, as the recipe leaves them; `redrawn`, where
        what the mask removes, or without a mask everything, is drawn anew.
    moves: what training may change of the body: `nothing` (there is no training), `kept` (what the mask keeps), `all`,
        `adapters`.
    ends: the body's weights after it: `compressed`, so that they can be stored as small as the recipe says, or `whole`.
    curved: whether performance against level is drawn for it.
    """

    phrase: str
    fits: tuple[str, ...]
    starts: str
    moves: str
    ends: str
    curved: bool = False


MASKED = ("mask", "magnitude-mask")
REGIMES = {
    "zero-shot": Regime(
        phrase="compressed weights as they are",
        fits=(*MASKED, "grid", "nf4", "given-sparse", "given", "logged"),
        starts="compressed",
        moves="nothing",
        ends="compressed",
        curved=True,
    ),
    "dense": Regime(
        phrase="nothing compressed",
        fits=("dense",),
        starts="pre-trained",
        moves="all",
        ends="whole",
    ),
    "sparse": Regime(
        phrase="small weights removed",
        fits=(*MASKED, "given-sparse"),
        starts="compressed",
        moves="kept",
        ends="compressed",
        curved=True,
    ),
    "freeze": Regime(
        phrase="small weights kept as pre-trained, never trained",
        fits=MASKED,
        starts="pre-trained",
        moves="kept",
        ends="whole",
    ),
    "regrow": Regime(
        phrase="small weights removed, then all weights train",
        fits=(*MASKED, "given-sparse"),
        starts="compressed",
        moves="all",
        ends="whole",
    ),
    # Gradual magnitude pruning: its mask grows while it trains.
    "gradual": Regime(
        phrase="small weights removed little by little while training",
        fits=("magnitude-mask",),
        starts="pre-trained",
        moves="kept",
        ends="compressed",
    ),
    "reinit": Regime(
        phrase="small weights drawn anew, then all weights train",
        fits=MASKED,
        starts="redrawn",
        moves="all",
        ends="whole",
    ),
    "scratch": Regime(
        phrase="every weight drawn anew, nothing pre-trained",
        fits=("dense",),
        starts="redrawn",
        moves="all",
        ends="whole",
    ),
    "qat": Regime(
        phrase="trained with quantized weights",
        fits=("grid",),
        starts="compressed",
        moves="all",
        ends="compressed",
        curved=True,
    ),
    "qlora": Regime(
        phrase="quantized weights frozen, adapters trained",
        fits=("nf4",),
        starts="compressed",
        moves="adapters",
        ends="compressed",
        curved=True,
    ),
}
CURVED = tuple(name for name, regime in REGIMES.items() if regime.curved)


# What of a recipe says which regimes fit it.
ABOUT = ("method", "counts_as", "quantizer", "score", "selection", "allocation")


def kind_of(recipe: Mapping[str, Any]) -> str:
    """The kind of an expanded recipe, of KINDS. ValueError for a method that is none of ours."""
    method = recipe["method"]
    if method == "none":
        return "dense"
    if method == "given":
        return "given-sparse" if recipe["counts_as"] == "prune" else "given"
    if method == "logged":
        return "logged"
    if method == "quantize":
        return "nf4" if recipe.get("quantizer") == "nf4" else "grid"
    if method != "prune":
        raise ValueError(f"recipe: found method {method!r}; legal: none, prune, quantize, given, logged")
    grows = recipe["score"] == "magnitude" and recipe["selection"] in ("global", "layer")
    return "magnitude-mask" if grows and "allocation" not in recipe else "mask"


def legal_regimes(recipe: Mapping[str, Any]) -> tuple[str, ...]:
    """The regimes that fit an expanded recipe."""
    kind = kind_of(recipe)
    return tuple(name for name, regime in REGIMES.items() if kind in regime.fits)


def check_pair(recipe: Mapping[str, Any], regime: str) -> None:
    """Raise ValueError if a regime is none, or does not fit a recipe."""
    if regime not in REGIMES:
        raise ValueError(f"regime: found {regime!r}; legal: {', '.join(REGIMES)}")
    if regime not in (legal := legal_regimes(recipe)):
        about = ", ".join(f"{key} {recipe[key]!r}" for key in ABOUT if key in recipe)
        raise ValueError(f"regime: {regime!r} does not fit a recipe of {about}; legal: {', '.join(legal)}")
