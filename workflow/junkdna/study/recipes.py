"""What a sweep of the config stands for: one recipe a level, and what each may be combined with.

Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Mapping
from typing import Any

from junkdna.study.elsewhere import stated_levels
from junkdna.study.problems import problem, raise_all
from junkdna.study.specs import SCALE_BITS, WEIGHT_BITS

DENSE = {"family": "dense", "level": 0.0, "method": "none"}
# Scores that look at the inputs of each layer on calibration text.
CALIBRATED = ("wanda", "ria", "sparsegpt")
# What a sweep that quantizes may hold.
QUANTIZE_KEYS = ("quantizer", "bits", "group", "symmetric")
# Weights that share a scale in NF4: blocks that the kernels know.
NF4_GROUPS = (32, 64, 128, 256, 512, 1024, 2048, 4096)
# What decides the mask of a pruning recipe.
SPEC_KEYS = ("allocation", "group", "keep", "like", "per_mille", "scope", "score", "seed", "selection")


def expand_recipes(sweeps: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Expand each sweep to one flat recipe a level, by slug; `dense` comes first.

    `level` is the percent of weights removed. The N:M recipes of sweep `x` are of the family `x-nm`: at equal
    level they are another point than the unstructured recipe, so the two never share a curve. The recipes of a
    sweep `like` another carry in `like` the slug of the recipe whose layers they copy, and its selection.
    Of a quantized recipe `level` is the percent of the bytes of 16-bit weights that are saved (see `_quantized`). What
    others made states its level (see `elsewhere`).
    Raises ValueError, one line for each wrong level or name.
    """
    recipes, problems = {"dense": dict(DENSE)}, []
    for name, sweep in sweeps.items():
        where = f"sweeps.{name}"
        problems += _misplaced(where, sweep)
        levels = _levels(name, sweep, problems)
        if name == "dense":
            problems.append(f"{where}: found the name 'dense'; legal: any other, dense is always there")
        if "source" in sweep:
            recipes |= levels
            continue
        if "quantizer" in sweep:
            common = {"method": "quantize", "quantizer": sweep["quantizer"]}
            recipes |= {slug: dict(sorted({**common, **level}.items())) for slug, level in levels.items()}
            continue
        if "score" not in sweep:
            continue
        if not {"sparsity", "keep"} & set(sweep):
            problems.append(f"{where}: found no level; legal: a list of levels under sparsity, keep, or both")
        if "keep" in sweep and f"{name}-nm" in sweeps:
            taken = f"{where}.keep names its N:M recipes {name}-nm"
            problems.append(f"sweeps.{name}-nm: found the name {name + '-nm'!r}; legal: any other, {taken}")
        problems += _unmatched(where, sweep)
        if "like" in sweep:
            levels = _followers(name, sweeps, levels, problems)
        common = {"method": "prune", "score": sweep["score"], "scope": sweep["scope"], "seed": sweep["seed"]}
        common |= {"allocation": sweep["allocation"]} if "allocation" in sweep else {}
        recipes |= {slug: dict(sorted({**common, **level}.items())) for slug, level in levels.items()}
    for name in sorted(set(sweeps) & set(recipes) - {"dense"}):
        problems.append(f"sweeps.{name}: found the name of a recipe of another sweep; legal: any other")
    raise_all(problems)
    return recipes


def sweep_recipes(sweeps: Mapping[str, Any]) -> dict[str, list[str]]:
    """The slugs of the recipes of each sweep, by its name; of sweeps that `expand_recipes` accepts."""
    return {name: list(_levels(name, sweep, [])) for name, sweep in sweeps.items()}


def _levels(name: str, sweep: Mapping[str, Any], problems: list[str]) -> dict[str, dict[str, Any]]:
    """What tells the recipes of one sweep apart, by slug: unstructured levels, then N:M; or numbers of bits."""
    where = f"sweeps.{name}"
    if "source" in sweep:
        return stated_levels(name, sweep, problems)
    if "quantizer" in sweep:
        return _quantized(name, sweep)
    return {**_unstructured(where, name, sweep, problems), **_structured(where, name, sweep, problems)}


def _unstructured(
    where: str, name: str, sweep: Mapping[str, Any], problems: list[str]
) -> dict[str, dict[str, Any]]:
    levels: dict[str, dict[str, Any]] = {}
    for percent in sweep.get("sparsity", []):
        per_mille = round(percent * 10)
        if abs(percent * 10 - per_mille) > 1e-9 or not 0 < per_mille < 1000:
            legal = "percent of the weights removed, from 1 to 99.9 with at most one decimal"
            problems.append(problem(f"{where}.sparsity", percent, legal))
            continue
        whole, tenth = divmod(per_mille, 10)
        level = {"family": name, "level": per_mille / 10, "selection": sweep["selection"]}
        slug = f"{name}-u{whole}-{tenth}" if tenth else f"{name}-u{whole}"
        levels[slug] = {**level, "per_mille": per_mille, "keep": 0, "group": 0}
    return levels


def _structured(
    where: str, name: str, sweep: Mapping[str, Any], problems: list[str]
) -> dict[str, dict[str, Any]]:
    levels: dict[str, dict[str, Any]] = {}
    for pattern in sweep.get("keep", []):
        keep, group = (int(number) for number in pattern.split("of"))
        if not 0 < keep < group <= 32:
            problems.append(problem(f"{where}.keep", pattern, "NofM with 0 < N < M <= 32, such as 2of8"))
            continue
        removed = round(100 * (group - keep) / group, 4)
        level = {"family": f"{name}-nm", "level": removed, "selection": "nm"}
        levels[f"{name}-{pattern}"] = {**level, "per_mille": 0, "keep": keep, "group": group}
    return levels


def _quantized(name: str, sweep: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The levels of a quantized sweep.

    `level` counts the codes, and the scales and zeros of groups. What those of whole rows take depends on the
    layer and is left out; the table of runs has it.
    """
    levels: dict[str, dict[str, Any]] = {}
    group, kept = sweep["group"], {key: sweep[key] for key in ("group", "symmetric") if key in sweep}
    symmetric = sweep.get("symmetric", True)
    for bits in sweep.get("bits", []):
        own = bits + ((SCALE_BITS + (0 if symmetric else bits)) / group if group else 0)
        level = {"family": name, "level": round(100 * (1 - own / WEIGHT_BITS), 4), "bits": bits}
        slug = f"{name}-w{bits}g{group}" if group else f"{name}-w{bits}"
        levels[slug] = {**level, **kept}
    return levels


def _misplaced(where: str, sweep: Mapping[str, Any]) -> list[str]:
    """Keys of pruning beside `quantizer`, keys of quantization without it, and neither."""
    if "source" in sweep:
        others = [key for key in sweep if key != "source"]
        return [f"{where}.{key}: found beside source; legal there: no other key" for key in others]
    quantizes = "quantizer" in sweep
    if not quantizes and "score" not in sweep:
        return [
            f"{where}: found neither score, quantizer nor source; legal: score (pruning), quantizer (quantization) or "
            "source (made elsewhere)"
        ]
    lines = []
    if quantizes and "bits" not in sweep:
        lines.append(f"{where}.bits: missing; needed: a list of bits for each weight")
    for key in sweep:
        if quantizes and key not in QUANTIZE_KEYS:
            lines.append(f"{where}.{key}: found beside quantizer; legal there: {', '.join(QUANTIZE_KEYS)}")
        elif not quantizes and key in QUANTIZE_KEYS:
            lines.append(f"{where}.{key}: found without quantizer; legal: beside quantizer only")
    return lines + (_unlike_nf4(where, sweep) if sweep.get("quantizer") == "nf4" else [])


def _unlike_nf4(where: str, sweep: Mapping[str, Any]) -> list[str]:
    """What NF4, whose 16 values are given, leaves no choice in."""
    lines = []
    if sweep.get("bits", [4]) != [4]:
        lines.append(f"{where}.bits: found {sweep['bits']}; legal: [4] beside quantizer nf4")
    if sweep["group"] not in NF4_GROUPS:
        legal = ", ".join(str(group) for group in NF4_GROUPS)
        lines.append(f"{where}.group: found {sweep['group']}; legal: {legal} beside quantizer nf4")
    if "symmetric" in sweep:
        lines.append(f"{where}.symmetric: found beside quantizer nf4; legal: beside rtn and gptq only")
    return lines


def _unmatched(where: str, sweep: Mapping[str, Any]) -> list[str]:
    """What does not go with the score of a sweep."""
    score, selection, lines = sweep["score"], sweep["selection"], []
    if "sparsity" in sweep and score == "sparsegpt" and selection != "layer":
        # Its scores hang on what it has removed and moved before in the same layer.
        lines.append(f"{where}.selection: found {selection!r}; legal: layer beside score sparsegpt")
    whole = score in CALIBRATED or score == "shuffled" or selection == "row" or "allocation" in sweep
    if whole and sweep["scope"] != "body":
        # The head is drawn by each run; these need its inputs, or a mask file.
        lines.append(
            f"{where}.scope: found {sweep['scope']!r}; legal: body for this score, selection or allocation"
        )
    if "allocation" in sweep and (selection == "global" or "keep" in sweep or "like" in sweep):
        legal = "beside selection row or layer and sparsity, without keep or like"
        lines.append(f"{where}.allocation: found {sweep['allocation']!r}; legal: {legal}")
    if score == "shuffled" and ("like" not in sweep or "keep" in sweep):
        lines.append(f"{where}.score: found 'shuffled'; legal: beside like (what is shuffled), without keep")
    return lines


def _followers(
    name: str, sweeps: Mapping[str, Any], levels: Mapping[str, dict[str, Any]], problems: list[str]
) -> dict[str, dict[str, Any]]:
    """The levels of a sweep that copies from each layer how much another sweep removes there.

    A random order has no threshold that could differ from layer to layer, so `like` goes with the random
    scores only. N:M levels remove the same share of every layer whatever the score: they only carry the name.
    """
    sweep = sweeps[name]
    where, other = f"sweeps.{name}.like", sweep["like"]
    if sweep["score"] not in ("random", "shuffled"):
        legal = "beside score random or shuffled only"
        problems.append(f"{where}: found beside score {sweep['score']!r}; legal: {legal}")
    if other == name or other not in sweeps:
        problems.append(problem(where, other, [known for known in sweeps if known != name], what="sweep"))
        return {}
    model = sweeps[other]
    if "like" in model:
        problems.append(
            f"{where}: found {other!r}, which is itself like another; legal: a sweep without like"
        )
        return {}
    for found in (sweep, model):
        if found["scope"] != "body":
            owner = name if found is sweep else other
            # The head that scope `paper` prunes too is drawn by each run, so there is no mask file to copy.
            problems.append(f"{where}: found scope {found['scope']!r} of {owner}; legal: scope body on both")
    theirs = _levels(other, model, [])
    followers = {}
    for slug, level in levels.items():
        copied = other + slug.removeprefix(name)
        if copied not in theirs:
            legal = ", ".join(name + known.removeprefix(other) for known in theirs)
            problems.append(f"{where}: found {slug}, a level that {other} lacks; legal: {legal}")
            continue
        followers[slug] = {**level, "like": copied, "selection": theirs[copied]["selection"]}
    return followers


def spec_of(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the mask (or the codes) of a recipe, of these keys those that it has; keys sorted."""
    keys = sorted(QUANTIZE_KEYS) if recipe["method"] == "quantize" else SPEC_KEYS
    return {key: recipe[key] for key in keys if key in recipe}
