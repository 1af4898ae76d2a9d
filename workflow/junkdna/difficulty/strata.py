"""Within one task: do the examples that are hard for the dense model fall further when it is compressed?

Same data, same model, same metric, so nothing but difficulty differs. The examples are cut into terciles of
PVI (see `information`), cross-fitted: for a run of seed s the PVI comes from the dense and null-input runs of
the other seeds. An example that seed s happened to get right or wrong would otherwise land in its stratum for
that very reason, and the dense accuracy there, the reference of the drop, would be off by the luck of the
draw (regression to the mean). The held-out dense run of seed s has no part in the strata, so its accuracy is
an honest reference. Needs two dense seeds that trained.

Read with care: in the easy tercile the dense run is near the ceiling. In the hard one it may be below chance:
a run that forgets then moves UP towards chance, in accuracy and in loss, so its drop is negative and
`hard - easy` says nothing against the claim. The note marks this, and `middle - easy` compares the two strata
where there is something to lose. The rise of the loss in nats stands beside the drop of the accuracy, since
accuracy has unequal room to fall. The strata are held as they are in every replicate.

Shapes: R runs, S seeds, n examples, 3 strata (easy, middle, hard).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from junkdna.difficulty.answers import Outcomes
from junkdna.difficulty.estimates import Study
from junkdna.difficulty.information import prior_loss, pvi
from junkdna.statistics.bootstrap import Replicates, distinct_weights, interval, spread

Array = np.ndarray
STRATA = ("easy", "middle", "hard")
CONTRASTS = {"middle - easy": 1, "hard - easy": 2}
CEILING = 0.99
CELL = ["recipe", "regime"]
KEYS = ["checkpoint", "recipe", "family", "level", "selection", "task", "regime", "stratum"]
VALUES = ("accuracy", "dense_accuracy", "drop", "loss_rise")
COLUMNS = [*KEYS, "n_seeds", "n_examples", "pvi"]
COLUMNS += [f"{name}{end}" for name in VALUES for end in ("", "_low", "_high")] + ["note"]


def cross_fitted_strata(information: Mapping[int, Array]) -> dict[int, Array]:
    """The stratum (0 easy, 1 middle, 2 hard) of each example for runs of each seed: seed -> int [n].

    information: seed -> PVI [n] in bits of that seed's dense run. The mean over the OTHER seeds is cut into
    thirds of equal size; ties go by the order of the examples. ValueError with fewer than two seeds.
    """
    if len(information) < 2:
        raise ValueError(f"strata: found {len(information)} dense seeds; legal: at least two")
    out = {}
    for seed in information:
        others = np.mean([values for other, values in information.items() if other != seed], axis=0)
        place = np.argsort(np.argsort(-others, kind="stable"), kind="stable")
        out[seed] = len(STRATA) * place // len(place)
    return out


def strata_table(outcomes: Mapping[tuple[str, str], Outcomes], study: Study) -> pd.DataFrame:
    """Accuracy, drop and rise of the loss by stratum, one row a cell and stratum.

    A cell is (checkpoint, recipe, task, regime) of runs that trained, whose dense twin trained too; each value is a
    mean over its seeds. Tasks without classes or options, or with a single dense seed, are left out. Columns:
    `strata_columns.STRATA_TABLE`.
    """
    rows = []
    for each in outcomes.values():
        if each.discrete and len(each.dense()) > 1:
            rows += _task_rows(each, study)
    return pd.DataFrame(rows, columns=COLUMNS)


def _task_rows(outcomes: Outcomes, study: Study) -> list[dict[str, Any]]:
    dense = dict(zip(outcomes.seeds(outcomes.dense()), outcomes.dense(), strict=True))
    information = _information(outcomes, dense, study)
    strata = cross_fitted_strata(information)
    runs = outcomes.runs
    measured = runs.index[runs["trained"] & runs["seed"].isin(list(dense))].to_numpy()
    of_run = [strata[seed] for seed in outcomes.seeds(measured)]
    accuracy, loss = _by_stratum(outcomes, measured, of_run, study)
    place = {row: at for at, row in enumerate(measured)}
    twins = set(dense.values())
    chance = float(runs["chance"].iloc[0])
    rows = []
    for _, cell in runs.loc[[row for row in measured if row not in twins]].groupby(CELL, sort=False):
        at = [place[row] for row in cell.index]
        twin = [place[dense[seed]] for seed in cell["seed"]]
        seeds = [int(seed) for seed in cell["seed"]]
        values = {
            "accuracy": accuracy[at],
            "dense_accuracy": accuracy[twin],
            "drop": accuracy[twin] - accuracy[at],
            "loss_rise": loss[at] - loss[twin],
        }
        # [3, size] each, averaged over seeds.
        drawn = {
            name: np.stack([study.average(value[:, stratum], seeds) for stratum in range(len(STRATA))])
            for name, value in values.items()
        }
        key = {name: cell[name].iloc[0] for name in KEYS if name != "stratum"}
        bits = [
            float(np.mean([_others(information, seed)[strata[seed] == stratum].mean() for seed in seeds]))
            for stratum in range(len(STRATA))
        ]
        rows += _cell_rows(key, drawn, bits, study.replicates, chance, n_seeds=len(seeds), n=len(of_run[0]))
    return rows


def _cell_rows(
    key: dict[str, Any],
    drawn: Mapping[str, Array],
    bits: list[float],
    replicates: Replicates,
    chance: float,
    *,
    n_seeds: int,
    n: int,
) -> list[dict[str, Any]]:
    # [measure, 3 strata and their contrasts, size]: one interval call for the cell.
    values = np.stack(
        [
            np.concatenate([value, [value[other] - value[0] for other in CONTRASTS.values()]])
            for value in drawn.values()
        ]
    )
    low, high = interval(values, replicates)
    dense = list(drawn).index("dense_accuracy")
    notes = [_note(accuracy, chance) for accuracy in values[dense, : len(STRATA), 0]]
    rows = []
    for at, name in enumerate([*STRATA, *CONTRASTS]):
        other = CONTRASTS.get(name)
        row = key | {
            "stratum": name,
            "n_seeds": n_seeds,
            "n_examples": _size(n, at) if other is None else _size(n, 0) + _size(n, other),
            "pvi": bits[at] if other is None else bits[other] - bits[0],
        }
        for number, measure in enumerate(drawn):
            row[measure] = float(values[number, at, 0])
            row[f"{measure}_low"] = float(low[number, at])
            row[f"{measure}_high"] = float(high[number, at])
        rows.append(row | {"note": notes[at] if other is None else notes[other]})
    return rows


def _size(n: int, stratum: int) -> int:
    """How many of n examples `cross_fitted_strata` puts into a stratum."""
    return -(-n * (stratum + 1) // len(STRATA)) - -(-n * stratum // len(STRATA))


def _note(dense: float, chance: float) -> str:
    if dense >= CEILING:
        return "dense near the ceiling"
    return (
        "dense not above chance: forgetting moves it up, the drop cannot show it" if dense <= chance else ""
    )


def _information(outcomes: Outcomes, dense: Mapping[int, int], study: Study) -> dict[int, Array]:
    """PVI [n] of each dense seed, against the null-input run of that seed, else the label prior."""
    choice = study.tasks[outcomes.task]["format"] == "choice"
    nulls = dict(zip(outcomes.null_seeds, outcomes.null_loss, strict=True))
    prior = prior_loss(outcomes.target, outcomes.classes, choice=choice)
    return {seed: pvi(outcomes.loss[row], nulls.get(seed, prior)) for seed, row in dense.items()}


def _others(information: Mapping[int, Array], seed: int) -> Array:
    return np.mean([values for other, values in information.items() if other != seed], axis=0)


def _by_stratum(outcomes: Outcomes, rows: Array, of_run: list[Array], study: Study) -> tuple[Array, Array]:
    """Accuracy and mean loss [rows, 3, size] of runs inside the strata [n] of each run."""
    inside = np.stack([[of == stratum for stratum in range(len(STRATA))] for of in of_run]).astype(np.float32)
    right = outcomes.correct[rows][:, None] * inside
    losses = outcomes.loss[rows][:, None] * inside
    parts = []
    for weights in distinct_weights(outcomes.example_id, study.replicates.draws, study.seed):
        held = (inside @ weights.T).astype(np.float64)
        held = np.where(held > 0, held, np.nan)
        parts.append(np.stack([(right @ weights.T) / held, (losses @ weights.T) / held]))
    accuracy, loss = spread(np.concatenate(parts, axis=-1), study.replicates)
    return accuracy, loss
