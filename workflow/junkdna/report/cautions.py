"""What a reader of this very study must keep in mind, found in its tables."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from junkdna.claims.caveats import unlike_sizes
from junkdna.report.origins import version_counts
from junkdna.tables.families import MIN_SEEDS
from junkdna.tables.retention import MEASURABLE, is_dense

# Seeds from which a claim is worth believing; fewer carry no trend over two or three tasks.
ENOUGH_SEEDS = 5
# What the outcomes of a failed training are called.
FAILURES = {
    "constant": "predict one class or number throughout",
    "uninformed": "know no more than the labels alone tell",
    "diverged": "diverged",
}


def study_cautions(
    runs: pd.DataFrame,
    claims: pd.DataFrame,
    axes: Mapping[str, Mapping[str, Any]],
    orders: pd.DataFrame | None = None,
) -> list[str]:
    """List the sentences that hold for this study; a study without a weakness gets none.

    runs: from `runs_table`. claims: from `claims_table`. axes: slug -> {"tasks", "matched", ...}. orders: from
    `order_table`; an axis that a measure contradicts is named.
    """
    return [
        *_failed(runs),
        *_at_chance(runs),
        *_seeds(runs, claims),
        *_unmatched(runs, axes),
        *number_formats(runs),
        *_bytes(claims),
        *_versions(runs),
        *(_contradicted(orders) if orders is not None else []),
    ]


def _failed(runs: pd.DataFrame) -> list[str]:
    failed = runs[~runs["trained"]]
    if failed.empty:
        return []
    cells = (
        failed.groupby(["recipe", "task", "regime"], sort=False)
        .size()
        .sort_values(ascending=False, kind="stable")
    )
    (recipe, task, regime), most = cells.index[0], cells.iloc[0]
    kinds = failed["outcome"].value_counts()
    words = ", ".join(f"{kinds[name]} {said}" for name, said in FAILURES.items() if name in kinds)
    return [
        f"{len(failed)} of {len(runs)} runs failed to train ({_share(len(failed), len(runs))}): {words}; most of them, "
        f"{most}, are of {recipe} / {task} / {regime}. They say that a training failed, not what the weights knew: "
        "they are in no mean and in no claim, and what remains may be the luckier runs. Each sentence that they touch "
        "says what it would be if they had kept nothing."
    ]


def _at_chance(runs: pd.DataFrame) -> list[str]:
    dense = runs[is_dense(runs)]
    out = []
    for (checkpoint, task), rows in dense[~dense["measurable"]].groupby(["checkpoint", "task"], sort=False):
        out.append(
            f"{checkpoint} does not do {task} even when it is dense: {rows['trained'].sum()} of {len(rows)} dense runs "
            f"trained, and their mean is not {MEASURABLE:g} standard errors above chance (mean of all "
            f"{rows['metric'].iloc[0]} {rows['score'].mean():.3f}, chance {rows['chance'].mean():.3f}). There is "
            "nothing there to lose, and retention is not defined."
        )
    return out


def _seeds(runs: pd.DataFrame, claims: pd.DataFrame) -> list[str]:
    trained = runs[runs["steps"] > 0]
    if trained.empty:  # Seeds decide nothing.
        return []
    number = trained["seed"].nunique()
    few = int((claims["verdict"] == "too few seeds").sum())
    out = []
    if number < MIN_SEEDS:
        out.append(f"There are {number} seeds: no claim can be judged with fewer than {MIN_SEEDS}.")
    elif number < ENOUGH_SEEDS:
        out.append(
            f"There are {number} seeds: enough for large effects only. Take {ENOUGH_SEEDS} before you believe a small "
            "one, and more at the levels that decide."
        )
    if few:
        out.append(f"{few} of {len(claims)} rows of the table of claims have too few seeds for a verdict.")
    return out


def _unmatched(runs: pd.DataFrame, axes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    out = []
    for name, axis in axes.items():
        own = runs[runs["task"].isin(axis["tasks"]) & is_dense(runs)]
        if axis.get("vary") or own["task"].nunique() < 2:
            continue
        unlike = [
            f"{words} ({own[column].min():,.0f} to {own[column].max():,.0f})"
            for column, words in (("train_examples", "training examples"), ("steps", "training steps"))
            if unlike_sizes(own[column])
        ]
        if unlike:
            out.append(
                f"The tasks of the axis {name} differ in {' and '.join(unlike)}: a difference between them may be "
                "one of data, not of difficulty."
            )
    return out


def number_formats(runs: pd.DataFrame) -> list[str]:
    """Compressed runs in another number format than the dense runs they are measured against."""
    keys = ["checkpoint", "task", "seed"]
    twins = runs[is_dense(runs)].set_index(keys)["precision"].rename("twin")
    others = runs[~is_dense(runs)].join(twins, on=keys)
    unlike = others[others["twin"].notna() & (others["precision"] != others["twin"])]
    if unlike.empty:
        return []
    cells = (
        unlike.groupby(["checkpoint", "task", "precision", "twin"])
        .size()
        .sort_values(ascending=False, kind="stable")
    )
    (checkpoint, task, own, twin), most = cells.index[0], cells.iloc[0]
    return [
        f"{len(unlike)} of {len(others)} compressed runs were computed in another number format than the dense runs "
        f"that they are measured against ({_share(len(unlike), len(others))}), most of them {most} of {task} on "
        f"{checkpoint}, in {own} against {twin}. What they lose may be lost in rounding: set `precision`."
    ]


def _bytes(claims: pd.DataFrame) -> list[str]:
    if not (claims["claim"] == "quantization-differs-bytes").any():
        return []
    return [
        "Bytes are those of the compressed body, as its method would store it: 16 bits a kept weight and one bit a "
        "weight for the mask (N:M could do with fewer), or codes, scales and zeros. Where all weights train again "
        "in the end (freeze, regrow, reinit) none are saved. What is not compressed, the embeddings above all, "
        "comes on top, and bytes saved are not time saved."
    ]


def _versions(runs: pd.DataFrame) -> list[str]:
    counts = version_counts(runs)
    if len(counts) < 2:
        return []
    return [f"{'; '.join(counts)}. A difference between them may be one of the libraries."]


def _contradicted(orders: pd.DataFrame) -> list[str]:
    wrong = orders[orders["verdict"] == "contradicts"]
    return [
        f"The order that the config asserts for the axis {axis} ({rows['asserted'].iloc[0]}, easy to hard) is "
        f"contradicted on {checkpoint} by {', '.join(rows['measure'])}."
        for (checkpoint, axis), rows in wrong.groupby(["checkpoint", "axis"], sort=False)
    ]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def notice_of(config: Mapping[str, Any]) -> str:
    """What a reader must know before any number: which checkpoints and tasks were made up."""
    made = [name for name, entry in config["checkpoints"].items() if "pretrain" in entry["source"]]
    made += [name for name, entry in config["tasks"].items() if "generate" in entry["source"]]
    if not made:
        return ""
    return (
        f"A toy world: {', '.join(made)} were generated, not taken from the world. "
        "What this page shows is how the instrument works, not a fact about language models."
    )
