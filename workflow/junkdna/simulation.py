"""Whole studies drawn from a known truth, in memory: what tests the tables, the intervals and the claims.

The truth of a run is its chance-corrected retention R, the mean over endless training seeds and examples. A
simulated run knows a share of the examples; it guesses evenly at the others. So its score above chance is
that share, for accuracy, mcc (any number of classes, equally frequent) and pearson alike:

    share of the dense run of seed s     d_s = dense + dense_sd * z_s
    share of a compressed run of seed s  d_s * (R + seed_sd * u_s + run_sd * v_run)

u is one draw a seed, the same for all runs of that seed; v is private. All noise has mean zero and is
independent of d, so the mean retention over seeds is R exactly. Which examples a run knows depends on
difficulties that all runs of the same examples share: their predictions are correlated, as real ones are.
A run that collapses predicts one class and its training loss stays at the prior entropy.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from junkdna.stacks import KEYS, Stack

Array = np.ndarray
# Noise is cut here (symmetrically, so its mean stays zero) to keep every share between 0 and 1.
CUT = 2.5
SHARES = (0.0, 0.995)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How runs vary around the truth of their cell.

    dense_sd: share known by the dense runs of a task, between seeds. seed_sd: retention, shared by all
    compressed runs of a seed. run_sd: retention, private to a run. item_sd: chance in which examples a run
    knows, relative to the spread of their difficulties (1). skew: 0 for normal noise of seeds and runs, 1 for
    exponential noise with a long tail downwards. selective: runs whose private noise is below its mean collapse
    at twice the rate, the others never: those that train are then better than the cell's truth.
    """

    dense_sd: float = 0.02
    seed_sd: float = 0.02
    run_sd: float = 0.04
    item_sd: float = 0.5
    skew: float = 0.0
    selective: bool = False


USUAL = Spread()


def logistic(level: float, middle: float, width: float = 8.0) -> float:
    """Retention at a level (% of weights removed): one half at `middle`, 1 at level 0 up to exp(-middle / width)."""
    return float(1 / (1 + np.exp((level - middle) / width)))


def recipe(family: str, level: float, *, method: str = "prune", **more: object) -> dict:
    """An expanded recipe, as far as the tables look at it; `more` adds keys (`like`, `selection`)."""
    selection = {"selection": "global"} if method == "prune" else {}
    return {"family": family, "level": float(level), "method": method, **selection, **more}


def sweep(family: str, levels: Iterable[float], *, method: str = "prune", like: str = "") -> dict[str, dict]:
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
    recipes: Mapping[str, Mapping],
    seeds: Sequence[int],
    retention: Callable[[dict], float],
    regimes: Sequence[str] = ("sparse",),
    collapse: Callable[[dict], float] = lambda run: 0.0,
    checkpoint: str = "simulated",
) -> pd.DataFrame:
    """List the runs of a study with their truth, one row a run.

    recipes: slug -> recipe, `dense` among them; every other recipe is run in every regime, `scratch` goes with
    `dense`. retention, collapse: the truth R and the chance that training fails, of a cell given as a mapping
    with checkpoint, recipe, task, regime, family, level (asked for dense runs too, where R is taken as 1).
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
                retained = 1.0 if regime == "dense" else retention(cell)
                truth = {"retention": retained, "collapse": collapse(cell)}
                rows += [cell | truth | {"seed": seed, "bits": 16.0 if whole else bits} for seed in seeds]
    return pd.DataFrame(rows)


def simulate(
    runs: pd.DataFrame,
    tasks: Mapping[str, Mapping],
    *,
    examples: int,
    rng: np.random.Generator,
    spread: Spread = USUAL,
) -> tuple[pd.DataFrame, dict[str, Stack]]:
    """Draw a study: the facts and stacks that `stacks.read_runs` would read from its files.

    runs: from `design`. tasks: slug -> {"metric", "format", "classes" (not for pearson), and optionally
    "dense": the share that dense runs know (0.85), "train_examples" (2000), "pool": a name; tasks of the same
    pool are tested on the same examples}. examples: per task.
    ValueError for a metric other than accuracy, mcc and pearson, or a task that is not described.
    """
    facts = _facts(runs, examples)
    shares, collapsed = _shares(runs, tasks, spread, rng)
    pools: dict[str, tuple[Array, Array, Array]] = {}
    stacks = {}
    for task, rows in runs.groupby("task", sort=False).indices.items():
        described = tasks[task]
        pool = described.get("pool", task)
        if pool not in pools:
            ids = np.arange(examples) + 1_000_000 * len(pools)
            pools[pool] = (ids, *_examples(described, examples, rng))
        ids, target, difficulty = pools[pool]
        draw = _regression if described["metric"] == "pearson" else _classes
        failed = collapsed[rows]
        prediction, loss = draw(described, target, difficulty, shares[rows], failed, spread.item_sd, rng)
        prior = float(np.var(target)) if described["metric"] == "pearson" else np.log(described["classes"])
        facts.loc[facts.index[rows], ["prior_entropy", "first_loss"]] = [prior, 1.02 * prior]
        for name in ("final_loss", "min_loss"):
            facts.loc[facts.index[rows], name] = np.where(failed, 0.99, 0.2) * prior
        facts.loc[facts.index[rows], "train_examples"] = described.get("train_examples", 2000)
        stacks[task] = Stack(
            row=rows,
            example_id=ids,
            target=target,
            prediction=prediction,
            loss=loss,
            finite=np.ones(len(rows), dtype=bool),
            options=np.full(examples, described["classes"]) if described["format"] == "choice" else None,
        )
    return facts, stacks


def _shares(
    runs: pd.DataFrame, tasks: Mapping[str, Mapping], spread: Spread, rng: np.random.Generator
) -> tuple[Array, Array]:
    """The share of examples that each run knows, and whether it collapsed: two arrays [runs]."""
    unknown = sorted(set(runs["task"]) - set(tasks))
    if unknown:
        raise ValueError(f"simulation: no task {unknown[0]!r} is described; there are {sorted(tasks)}")
    seeds, seed = np.unique(runs["seed"], return_inverse=True)
    slugs, task = np.unique(runs["task"].to_numpy(dtype=str), return_inverse=True)
    known = np.array([tasks[slug].get("dense", 0.85) for slug in slugs])
    dense = known[:, None] + spread.dense_sd * _noise(rng, (len(slugs), len(seeds)), 0.0)
    truth = runs["retention"].to_numpy()
    private = _noise(rng, len(runs), spread.skew)
    noise = spread.seed_sd * _noise(rng, len(seeds), spread.skew)[seed] + spread.run_sd * private
    # Near zero there is no room for noise of full size without a share below zero.
    noise *= np.minimum(1, truth / max(CUT * (spread.seed_sd + spread.run_sd), 1e-12))
    noise[(runs["regime"] == "dense").to_numpy()] = 0.0
    rate = runs["collapse"].to_numpy()
    if spread.selective:
        rate = np.where(private < 0, np.minimum(2 * rate, 1), 0.0)
    collapsed = rng.random(len(runs)) < rate
    return np.clip(dense[task, seed] * (truth + noise), *SHARES), collapsed


def _noise(rng: np.random.Generator, size: int | tuple[int, ...], skew: float) -> Array:
    """Noise of mean zero and spread (nearly) 1: normal, cut symmetrically; with skew minus an exponential."""
    if skew:
        return 1 - rng.exponential(size=size)
    return np.clip(rng.standard_normal(size), -CUT, CUT)


def _examples(described: Mapping, examples: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Targets (classes as equal in number as can be, or normal values) and difficulties of a pool [n] each."""
    if described["metric"] not in ("accuracy", "mcc", "pearson"):
        raise ValueError(f"simulation: metric {described['metric']!r}; legal are accuracy, mcc, pearson")
    difficulty = rng.standard_normal(examples)
    if described["metric"] == "pearson":
        return rng.standard_normal(examples), difficulty
    return rng.permutation(np.arange(examples) % described["classes"]).astype(float), difficulty


def _classes(
    described: Mapping,
    target: Array,
    difficulty: Array,
    shares: Array,
    collapsed: Array,
    item_sd: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Predicted classes [R, n] and mean losses [R] of runs that know `shares` [R] of the examples."""
    shape, classes = (len(shares), len(target)), described["classes"]
    place = (difficulty + item_sd * rng.standard_normal(shape)) / np.hypot(1, item_sd)
    guess = rng.integers(classes, size=shape).astype(np.float32)
    prediction = np.where(place < ndtri(shares)[:, None], target, guess).astype(np.float32)
    prediction[collapsed] = 0.0
    wrong = (prediction != target).mean(axis=1)
    loss = -np.log(0.9) * (1 - wrong) - np.log(0.1 / (classes - 1)) * wrong
    return prediction, np.where(collapsed, np.log(classes), loss)


def _regression(
    described: Mapping,
    target: Array,
    difficulty: Array,
    shares: Array,
    collapsed: Array,
    item_sd: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Predicted values [R, n] whose correlation with the target is `shares` [R], and squared errors [R]."""
    noise = difficulty + item_sd * rng.standard_normal((len(shares), len(target)))
    noise /= np.hypot(1, item_sd)
    share = shares[:, None]
    prediction = (share * target + np.sqrt(1 - share**2) * noise).astype(np.float32)
    prediction[collapsed] = 0.1
    return prediction, ((prediction - target) ** 2).mean(axis=1)


def _facts(runs: pd.DataFrame, examples: int) -> pd.DataFrame:
    """The row of `metrics.parquet` of every run, its losses still empty."""
    facts = runs[[*KEYS, "family", "level"]].reset_index(drop=True)
    same = {
        "train_examples": 0,
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
    unknown = ("first_loss", "final_loss", "min_loss", "prior_entropy", "body_bytes")
    same |= {"sparsity": facts["level"] / 100, "effective_bits": runs["bits"].to_numpy()}
    return facts.assign(**dict.fromkeys(unknown, np.nan), **same)
