"""Whole studies drawn from a known truth, in memory: what tests the tables, the intervals and the claims.

The truth of a run is its chance-corrected retention R, the mean over endless training seeds and examples. A
simulated run knows a share of the examples and guesses at the others by the shares of the classes. Its score above
chance is linear in that share, and zero at a floor f that the classes set (see `simulated_runs.floor_of`), so

    share of the dense run of seed s     d_s = dense + dense_sd * z_s
    share of a compressed run of seed s  f + (dense - f) * (R + seed_sd * u_s + run_sd * v_run) + R * dense_sd * z_run

u is one draw a seed, the same for all compressed runs of that seed; v and z_run are private. All noise has mean zero,
so the score above chance is on average exactly R times that of the dense runs. With `paired` the noise of the dense
twin enters its compressed runs instead of z_run. Which examples a run knows depends on difficulties that all runs of
the same examples share: their predictions are correlated, as real ones are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from junkdna.simulation.simulated_runs import FAILINGS, class_shares, examples_of, floor_of, predict
from junkdna.tables.predictions import CLASSES, KEYS, Stack

Array = np.ndarray
# Normal noise is cut here (symmetrically, so its mean stays zero).
CUT = 2.5
SHARES = (0.0, 0.995)
SHAPES = ("normal", "heavy", "skewed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How runs vary around the truth of their cell.

    dense_sd: share known by the runs of a task that are not compressed, between seeds. seed_sd: retention, shared
    by all compressed runs of a seed. run_sd: retention, private to a run. item_sd: chance in which examples a run
    knows, relative to the spread of their difficulties (1). shape: of all noise of runs, `normal`, `heavy`
    (Student's t with 3 degrees of freedom) or, but for that of dense runs, `skewed` (exponential, with a long tail
    downwards). paired: whether the noise of a dense run is in its compressed ones too. failing: how trainings fail,
    one of `simulated_runs.FAILINGS`, or `mixed`: each of the first three by chance. selective: runs whose private noise
    is below its mean collapse at twice the rate, the others only where that is not enough: those that train are
    then better than the cell's truth.
    """

    dense_sd: float = 0.02
    seed_sd: float = 0.02
    run_sd: float = 0.04
    item_sd: float = 0.5
    shape: str = "normal"
    paired: bool = False
    failing: str = "constant"
    selective: bool = False

    def __post_init__(self) -> None:
        assert self.shape in SHAPES, self.shape
        assert self.failing in (*FAILINGS, "mixed"), self.failing


USUAL = Spread()


def logistic(level: float, middle: float, width: float = 8.0) -> float:
    """Retention at a level (% of weights removed): one half at `middle`, 1 at level 0 up to exp(-middle / width)."""
    return float(1 / (1 + np.exp((level - middle) / width)))


def recipe(family: str, level: float, *, method: str = "prune", **more: object) -> dict[str, Any]:
    """An expanded recipe, as far as the tables look at it; `more` adds keys (`like`, `selection`)."""
    selection = {"selection": "global"} if method == "prune" else {}
    return {"family": family, "level": float(level), "method": method, **selection, **more}


def sweep(
    family: str, levels: Iterable[float], *, method: str = "prune", like: str = ""
) -> dict[str, dict[str, Any]]:
    """Recipes of a family at several levels. like: the sweep whose layers' sparsities a random mask copies."""
    made = {}
    for level in levels:
        slug = f"u{level:g}".replace(".", "p")
        more = {"like": f"{like}-{slug}"} if like else {}
        made[f"{family}-{slug}"] = recipe(family, level, method=method, **more)
    return made


def design(
    *,
    tasks: Iterable[str],
    recipes: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[int],
    retention: Callable[[dict[str, Any]], float],
    regimes: Sequence[str] = ("sparse",),
    collapse: Callable[[dict[str, Any]], float] = lambda run: 0.0,
    checkpoint: str = "simulated",
) -> pd.DataFrame:
    """List the runs of a study with their truth, one row a run.

    recipes: slug -> recipe, `dense` among them; every other recipe is run in every regime, `scratch` goes with
    `dense`. retention, collapse: the truth R and the chance that training fails, of a run given as a mapping
    with checkpoint, recipe, task, regime, family, level, seed (of dense runs R is 1).
    Columns: the keys of a run, family, level, retention, collapse, bits (that a weight takes).
    """
    rows = []
    for task in tasks:
        for name, described in recipes.items():
            dense = described["family"] == "dense"
            legal = [name for name in regimes if (name == "scratch") == dense]
            for regime in ["dense"] * dense + legal:
                cell = {"checkpoint": checkpoint, "recipe": name, "task": task, "regime": regime}
                cell |= {"family": described["family"], "level": described["level"]}
                whole = dense or (described["method"] == "prune" and regime not in ("sparse", "gradual"))
                bits = 16 * (1 - described["level"] / 100) + (described["method"] == "prune")
                for seed in seeds:
                    run = cell | {"seed": seed}
                    truth = {"retention": 1.0 if regime == "dense" else retention(run)}
                    rows.append(run | truth | {"collapse": collapse(run), "bits": 16.0 if whole else bits})
    return pd.DataFrame(rows)


def simulate(
    runs: pd.DataFrame,
    tasks: Mapping[str, Mapping[str, Any]],
    *,
    examples: int,
    rng: np.random.Generator,
    spread: Spread = USUAL,
) -> tuple[pd.DataFrame, dict[str, Stack]]:
    """Draw a study: the facts and stacks that `predictions.read_runs` would read from its files.

    runs: from `design`. tasks: slug -> {"metric", "format", "classes" (but for pearson), and optionally "shares": of
    the classes, instead of "classes"; "drawn": classes are drawn, not equal in number; "dense": the share that
    dense runs know (0.85); "noise": all noise of its runs is so many times larger; "train_examples" (2000); "pool": a
    name; tasks of the same pool are tested on the same examples}. examples: per task.
    ValueError for a metric other than accuracy, mcc and pearson, or a task that is not described.
    """
    return facts_of(runs, tasks, examples), stacks_of(runs, tasks, examples=examples, rng=rng, spread=spread)


def facts_of(runs: pd.DataFrame, tasks: Mapping[str, Mapping[str, Any]], examples: int) -> pd.DataFrame:
    """The rows of `metrics.parquet`; nothing in them is drawn, and training losses tell nothing."""
    facts = runs[[*KEYS, "family", "level"]].reset_index(drop=True)
    same = {
        "validation_examples": examples,
        "steps": 190,
        "train_seconds": 3.0,
        "eval_seconds": 0.2,
        "load_seconds": 0.4,
        "examples_per_second": 1900.0,
        "peak_memory_mb": 410.0,
        "precision": "fp32",
        "device": "cpu",
        "threads": 1,
    }
    same |= dict.fromkeys(("first_loss", "final_loss", "min_loss", "prior_entropy"), 1.0) | {
        "body_bytes": np.nan
    }
    same |= {"sparsity": facts["level"] / 100, "effective_bits": runs["bits"].to_numpy()}
    trained_on = [tasks.get(task, {}).get("train_examples", 2000) for task in facts["task"]]
    return facts.assign(train_examples=trained_on, **same)


def stacks_of(
    runs: pd.DataFrame,
    tasks: Mapping[str, Mapping[str, Any]],
    *,
    examples: int,
    rng: np.random.Generator,
    spread: Spread,
) -> dict[str, Stack]:
    """What the runs of each task predicted; arguments as `simulate` has them."""
    shares, failing = _shares(runs, tasks, spread, rng)
    pools: dict[str, tuple[Array, Array, Array]] = {}
    stacks = {}
    for task, rows in runs.groupby("task", sort=False).indices.items():
        described = tasks[task]
        pool = described.get("pool", task)
        if pool not in pools:
            ids = np.arange(examples) + 1_000_000 * len(pools)
            pools[pool] = (ids, *examples_of(described, examples, rng))
        ids, target, difficulty = pools[pool]
        prediction, losses = predict(
            described, target, difficulty, shares[rows], failing[rows], spread.item_sd, rng
        )
        choice = described["format"] == "choice"
        stacks[task] = Stack(
            row=rows,
            example_id=ids,
            target=target,
            prediction=prediction,
            losses=losses,
            options=np.full(examples, len(class_shares(described))) if choice else None,
            guess=float(class_shares(described).argmax()) if described["format"] in CLASSES else None,
        )
    return stacks


def _shares(
    runs: pd.DataFrame, tasks: Mapping[str, Mapping[str, Any]], spread: Spread, rng: np.random.Generator
) -> tuple[Array, Array]:
    """The share of examples that each run knows, and how its training failed (empty: it did not): [runs] each."""
    unknown = sorted(set(runs["task"]) - set(tasks))
    if unknown:
        raise ValueError(f"simulation: no task {unknown[0]!r} is described; there are {sorted(tasks)}")
    seeds, seed = np.unique(runs["seed"].to_numpy(), return_inverse=True)
    slugs, task = np.unique(runs["task"].to_numpy(dtype=str), return_inverse=True)
    known, floor, loud = (
        np.array([of(tasks[slug]) for slug in slugs])[task]
        for of in (lambda each: each.get("dense", 0.85), floor_of, lambda each: each.get("noise", 1.0))
    )
    truth, dense = runs["retention"].to_numpy(), (runs["regime"] == "dense").to_numpy()
    private = _noise(rng, len(runs), spread.shape)
    noise = spread.seed_sd * _noise(rng, len(seeds), spread.shape)[seed] + spread.run_sd * private
    # Near zero there is no room for noise of full size without a share below zero.
    noise *= np.minimum(loud, truth / max(CUT * (spread.seed_sd + spread.run_sd), 1e-12))
    noise[dense] = 0.0
    shape = "normal" if spread.shape == "skewed" else spread.shape
    twins = _noise(rng, (len(slugs), len(seeds)), shape)[task, seed]
    apart = _noise(rng, len(runs), shape)
    own = loud * spread.dense_sd * np.where(dense | spread.paired, twins, apart)
    middle = floor + (known - floor) * truth
    away = (known - floor) * noise + own * (truth + noise if spread.paired else truth)
    if spread.shape != "skewed":
        # Cut on both sides alike, wherever the nearer end of the possible is: so its mean stays zero.
        room = np.maximum(np.minimum(middle - SHARES[0], SHARES[1] - middle), 0)
        away = np.clip(away, -room, room)
    rate = runs["collapse"].to_numpy()
    if spread.selective:
        rate = np.where(private < 0, np.minimum(2 * rate, 1), np.maximum(2 * rate - 1, 0))
    ways = FAILINGS[:3] if spread.failing == "mixed" else (spread.failing,)
    failing = np.asarray(ways, dtype=object)[rng.integers(len(ways), size=len(runs))]
    failing[rng.random(len(runs)) >= rate] = ""
    return np.clip(middle + away, *SHARES), failing


def _noise(rng: np.random.Generator, size: int | tuple[int, ...], shape: str) -> Array:
    """Noise of mean zero and spread (nearly) 1."""
    if shape == "skewed":
        return 1 - rng.exponential(size=size)
    if shape == "heavy":
        return rng.standard_t(3, size=size) / np.sqrt(3)
    return np.clip(rng.standard_normal(size), -CUT, CUT)
