"""The table of difficulty, and what each measure is called, measured in and taken from."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from junkdna.difficulty.estimates import Estimate
from junkdna.statistics.bootstrap import Replicates, interval


@dataclass(frozen=True, slots=True)
class Measure:
    """What a measure is.

    unit: its natural one. harder: +1 where larger means harder, -1 where smaller does. source: definition.
    least: the smallest value it can have; a t interval does not know it.
    """

    unit: str
    harder: int
    source: str
    least: float = -np.inf


MEASURES = {
    "dense-error": Measure("share of the room above chance", +1, "1 - (score - chance) / (1 - chance)"),
    "human-gap": Measure("% of the human score", +1, "Yin et al. 2024: (human - dense) / human"),
    "v-information": Measure("bits", -1, "Ethayarajh et al. 2022: H_V(Y) - H_V(Y|X)"),
    "v-information-share": Measure("share of H(Y)", -1, "Ethayarajh et al. 2022, divided by H(Y)"),
    "codelength": Measure("bits per example", +1, "Blier & Ollivier 2018; Perez et al. 2021", 0.0),
    "learning-exponent": Measure("exponent", -1, "Cortes et al. 1993: b of a n^-b + e", 0.0),
    "confidence": Measure("probability", -1, "Swayamdipta et al. 2020: mean over epochs of p(gold)", 0.0),
    "variability": Measure("probability", +1, "Swayamdipta et al. 2020: sd over epochs of p(gold)", 0.0),
    "rasch": Measure("logits", +1, "Rasch 1960; Vania et al. 2021: mean item difficulty"),
    "seed-sd": Measure("share of the mean score", +1, "sd over seeds / mean", 0.0),
}


def difficulty_table(estimates: Iterable[Estimate], replicates: Replicates) -> pd.DataFrame:
    """One row a checkpoint, task and measure, in the order of `MEASURES` within a task.

    Columns: `tables_columns.DIFFICULTY`. ValueError without estimates.
    """
    estimates = list(estimates)
    if not estimates:
        raise ValueError("difficulty: found no dense run; legal: at least one")
    low, high = interval(np.stack([each.values for each in estimates]), replicates)
    rows = []
    for number, each in enumerate(estimates):
        measure = MEASURES[each.measure]
        rows.append(
            {
                "checkpoint": each.checkpoint,
                "task": each.task,
                "measure": each.measure,
                "value": float(each.values[0]),
                "low": max(float(low[number]), measure.least),
                "high": float(high[number]),
                "unit": measure.unit,
                "harder": measure.harder,
                "n_seeds": each.n_seeds,
                "n_examples": each.n_examples,
                "source": measure.source,
                "note": each.note,
            }
        )
    table = pd.DataFrame(rows)
    tasks = list(dict.fromkeys(zip(table["checkpoint"], table["task"], strict=True)))
    order = [
        (tasks.index((each.checkpoint, each.task)), list(MEASURES).index(each.measure)) for each in estimates
    ]
    return table.iloc[sorted(range(len(rows)), key=order.__getitem__)].reset_index(drop=True)
