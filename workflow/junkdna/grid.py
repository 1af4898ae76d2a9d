"""What a study consists of: recipes, tasks, runs.

Every function takes the config, or a part of it, as `checking.check` returns it.
Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from typing import Any

DENSE = {"family": "dense", "level": 0.0, "method": "none"}
SLUG = "[a-z0-9]+(?:-[a-z0-9]+)*"
# What decides the mask of a pruning recipe, and what decides the examples of a task.
SPEC_KEYS = ("group", "keep", "per_mille", "scope", "score", "seed", "selection")
DATA_KEYS = ("columns", "format", "labels", "source", "splits", "subset_seed")
DATA_KEYS += ("train_examples", "validation_examples", "version")
SOURCE_KINDS = ("hub", "path", "generate", "pretrain")


def problem(where: str, found: object, legal: str | Iterable[str], *, what: str = "") -> str:
    """One line about the wrong value `found` of the key `where`.

    legal: all legal names (the line then proposes the nearest), or words that describe what is legal.
    what: what `found` is, where the key does not tell ("regime").
    """
    shown = repr(found) if isinstance(found, str | int | float) else str(found)
    line = f"{where}: found {what} {shown}" if what else f"{where}: found {shown}"
    if isinstance(legal, str):
        return f"{line}; legal: {legal}"
    names = list(legal)
    near = get_close_matches(str(found), names, n=1)
    if len(names) > 30:  # a whole catalog would drown the message
        close = get_close_matches(str(found), names, n=10, cutoff=0) or names[:10]
        names = [*close, f"and {len(names) - len(close)} more"]
    line += f"; legal: {', '.join(names) or 'nothing, none is defined'}"
    return f"{line}; did you mean {near[0]!r}?" if near else line


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `over` on `under`, key by key; lists, and a `source` of another kind, are replaced as a whole."""
    merged = dict(under)
    for key, value in over.items():
        held = merged.get(key)
        both = isinstance(held, Mapping) and isinstance(value, Mapping)
        merged[key] = (
            merge(held, value) if both and not (key == "source" and _kind_differs(held, value)) else value
        )
    return merged


def _kind_differs(held: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    kinds = [kind for kind in SOURCE_KINDS if kind in value]
    return bool(kinds) and not any(kind in held for kind in kinds)


def resolve_tasks(tasks: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give each task what it inherits through `base`, and drop that key.

    Raises ValueError, one line for each base that does not exist or leads back to its own task.
    """
    resolved, problems = {}, []
    for name in tasks:
        chain = [name]
        while (base := tasks[chain[-1]].get("base")) is not None:
            if base not in tasks:
                others = [task for task in tasks if task != chain[-1]]
                problems.append(problem(f"tasks.{chain[-1]}.base", base, others))
            elif base == name:
                circle = " -> ".join([*chain, base])
                problems.append(
                    f"tasks.{name}.base: found a circle, {circle}; legal: a base that ends somewhere"
                )
            elif base not in chain:
                chain.append(base)
                continue
            break
        else:
            entry: dict[str, Any] = {}
            for link in reversed(chain):
                entry = merge(entry, tasks[link])
            resolved[name] = {key: value for key, value in entry.items() if key != "base"}
    _raise(problems)
    return resolved


def study_tasks(config: Mapping[str, Any]) -> list[str]:
    """The tasks of the study: those of its axes in their order, then its own; each once."""
    study = config["study"]
    on_axes = [task for axis in study["axes"] for task in config["axes"][axis]["tasks"]]
    return list(dict.fromkeys([*on_axes, *study["tasks"]]))


def expand_recipes(sweeps: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Expand each sweep to one flat recipe a level, by slug; `dense` comes first.

    `level` is the percent of weights removed. The N:M recipes of sweep `x` are of the family `x-nm`: at equal
    level they are another point than the unstructured recipe, so the two never share a curve.
    Raises ValueError, one line for each wrong level or name.
    """
    recipes, problems = {"dense": dict(DENSE)}, []
    for name, sweep in sweeps.items():
        where = f"sweeps.{name}"
        levels = {**_unstructured(where, name, sweep, problems), **_structured(where, name, sweep, problems)}
        if name == "dense":
            problems.append(f"{where}: found the name 'dense'; legal: any other, dense is always there")
        if not {"sparsity", "keep"} & set(sweep):
            problems.append(f"{where}: found no level; legal: a list of levels under sparsity, keep, or both")
        if "keep" in sweep and f"{name}-nm" in sweeps:
            taken = f"{where}.keep names its N:M recipes {name}-nm"
            problems.append(f"sweeps.{name}-nm: found the name {name + '-nm'!r}; legal: any other, {taken}")
        common = {"method": "prune", "score": sweep["score"], "scope": sweep["scope"], "seed": sweep["seed"]}
        recipes |= {slug: dict(sorted({**common, **level}.items())) for slug, level in levels.items()}
    for name in sorted(set(sweeps) & set(recipes) - {"dense"}):
        problems.append(f"sweeps.{name}: found the name of a recipe of another sweep; legal: any other")
    _raise(problems)
    return recipes


def _unstructured(where: str, name: str, sweep: Mapping[str, Any], problems: list[str]) -> dict[str, dict]:
    levels: dict[str, dict] = {}
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


def _structured(where: str, name: str, sweep: Mapping[str, Any], problems: list[str]) -> dict[str, dict]:
    levels: dict[str, dict] = {}
    for pattern in sweep.get("keep", []):
        keep, group = (int(number) for number in pattern.split("of"))
        if not 0 < keep < group <= 32:
            problems.append(problem(f"{where}.keep", pattern, "NofM with 0 < N < M <= 32, such as 2of8"))
            continue
        removed = round(100 * (group - keep) / group, 4)
        level = {"family": f"{name}-nm", "level": removed, "selection": "nm"}
        levels[f"{name}-{pattern}"] = {**level, "per_mille": 0, "keep": keep, "group": group}
    return levels


def spec_of(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the mask of a pruning recipe; keys sorted."""
    return {key: recipe[key] for key in SPEC_KEYS}


def data_of(task: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the examples of a task, of these keys those that it has; keys sorted."""
    return {key: task[key] for key in DATA_KEYS if key in task}


def legal_regimes(recipe: Mapping[str, Any]) -> tuple[str, ...]:
    """The regimes that fit a recipe.

    `dense` needs uncompressed weights, all others a mask. `gradual` is gradual magnitude pruning: its mask
    follows the magnitudes as they train, without a pattern.
    """
    if recipe["method"] == "none":
        return ("dense",)
    grows = recipe["score"] == "magnitude" and recipe["selection"] != "nm"
    return ("sparse", "freeze", "regrow", "gradual") if grows else ("sparse", "freeze", "regrow")


def valid_runs(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the runs of the study (checkpoint, recipe, regime, seed, task), each once.

    The dense twins come first (every drop is against the dense run of the same checkpoint, task and seed, so
    they are added whether a block names them or not), then the blocks in the order of the config.
    Raises ValueError, one line for each recipe that does not exist and each regime that does not fit.
    """
    study, recipes, tasks = config["study"], expand_recipes(config["sweeps"]), study_tasks(config)
    if not tasks:
        raise ValueError("study.tasks: found no task, here or on study.axes; legal: at least one")
    sweeps = {name: list(expand_recipes({name: sweep}))[1:] for name, sweep in config["sweeps"].items()}
    cells: dict[tuple, None] = {}
    problems: list[str] = []
    for number, block in enumerate(study["runs"]):
        where = f"study.runs[{number}]"
        chosen = _choose(f"{where}.recipes", block["recipes"], recipes, sweeps, problems)
        problems += _misfits(f"{where}.regimes", block["regimes"], {slug: recipes[slug] for slug in chosen})
        checkpoints, seeds = (
            block.get("checkpoints", study["checkpoints"]),
            block.get("seeds", study["seeds"]),
        )
        grid = product(checkpoints, block.get("tasks", tasks), chosen, block["regimes"], seeds)
        cells.update(dict.fromkeys(grid))
    _raise(problems)
    twins = dict.fromkeys(
        (checkpoint, task, "dense", "dense", seed) for checkpoint, task, _, _, seed in cells
    )
    return [
        {"checkpoint": checkpoint, "recipe": recipe, "regime": regime, "seed": seed, "task": task}
        for checkpoint, task, recipe, regime, seed in twins | cells
    ]


def _choose(
    where: str,
    names: Sequence[str],
    recipes: Mapping[str, Any],
    sweeps: Mapping[str, list[str]],
    problems: list[str],
) -> list[str]:
    """The slugs of the recipes that a block names, a sweep standing for all its levels."""
    chosen: dict[str, None] = {}
    for name in names:
        levels = sweeps.get(name, [name])
        if levels[0] in recipes:
            chosen.update(dict.fromkeys(levels))
            continue
        # A level that its sweep lacks: the longest sweep name that opens the slug.
        owner = max((sweep for sweep in sweeps if name.startswith(f"{sweep}-")), key=len, default=None)
        problems.append(problem(where, name, sweeps[owner] if owner else ["dense", *sweeps]))
    return list(chosen)


def _misfits(where: str, regimes: Sequence[str], chosen: Mapping[str, Any]) -> list[str]:
    """One line for each regime and each group of recipes that it does not fit alike."""
    lines = []
    for regime in regimes:
        groups: dict[tuple[str, ...], list[str]] = {}
        for slug, recipe in chosen.items():
            if regime not in (legal := legal_regimes(recipe)):
                groups.setdefault(legal, []).append(slug)
        for legal, slugs in groups.items():
            noun = "recipe" if len(slugs) == 1 else "recipes"
            lines.append(
                f"{where}: found {regime!r} with {noun} {', '.join(slugs)}; legal: {', '.join(legal)}"
            )
    return lines


def training_of(config: Mapping[str, Any], checkpoint: str, task: str) -> dict[str, Any]:
    """The hyper-parameters of a run: the study's, under the checkpoint's, under the task's; keys sorted."""
    entries = (config["checkpoints"][checkpoint], config["tasks"][task])
    merged = dict(config["training"])
    for entry in entries:
        merged |= entry.get("training", {})
    return dict(sorted(merged.items()))


def _raise(problems: Iterable[str]) -> None:
    if lines := list(dict.fromkeys(problems)):
        raise ValueError("\n".join(lines))
