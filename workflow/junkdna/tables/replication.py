"""A study set against the values of the paper's figures, point by point.

The paper shows means over all its runs, collapsed ones too, as percent of the mean dense score. So here, unlike
in every other table, our side is the mean over *all* seeds; a failed training is counted, and stays in. Two measures:

- percent = 100 mean(score) / mean(dense score), what the paper plots;
- retention = (mean(score) - chance) / (mean(dense score) - chance), the same with chance taken off.

Ours carry a 95 % interval over seeds and examples. Theirs carry the binomial standard error of the counted
answers, where a count could be recovered; the variance of their training seeds cannot be.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from junkdna.statistics.bootstrap import Replicates, interval, mean_over_seeds, seed_weights, variance_parts
from junkdna.tables.predictions import Draws
from junkdna.tables.retention import is_dense
from junkdna.tables.runs import CORRELATIONS

CELL = ["checkpoint", "recipe", "task", "regime"]
# What a point of ours and a point of the paper must share.
MATCH = ["paper_task", "train_percent", "regime", "method", "selection", "level", "pattern"]
MEASURES = {"percent": "percent of dense", "retention": "retention"}
TEXT = ("figure", "checkpoint", "panel", "series", "task", "regime", "method", "selection", "pattern")
THEIRS = ("percent", "retention", "score", "dense_score", "chance", "out_of", "n_runs", "collapsed")


def read_values(path: str | Path) -> pd.DataFrame:
    """Read the paper's values (`resources/reference/paper/values.csv`) and add what follows from them.

    retention: chance-corrected, from the recovered scores, or from the percentage where the chance level is 0.
    percent_se, retention_se: binomial standard errors, NaN where no count is known.
    """
    text = dict.fromkeys((*TEXT, "unit", "flag", "reason"), "str")
    values = pd.read_csv(path, dtype=text)
    values[list(text)] = values[list(text)].fillna("")
    score, dense, chance = (values[name] for name in ("score", "dense_score", "chance"))
    ratio = (score - chance) / (dense - chance)
    values["retention"] = ratio.where(score.notna() | (chance != 0), values["percent"] / 100)
    of_score, of_dense = (each * (1 - each) / values["out_of"] for each in (score, dense))
    # Of s / d to first order, s and d apart by the same constant: (s - c) / (d - c) as well.
    values["percent_se"] = 100 * np.sqrt(of_score + (score / dense) ** 2 * of_dense) / dense
    values["retention_se"] = np.sqrt(of_score + ratio**2 * of_dense) / (dense - chance)
    return values


def replication_table(
    runs: pd.DataFrame,
    draws: Draws,
    replicates: Replicates,
    values: pd.DataFrame,
    *,
    figures: Sequence[str],
    tasks: Mapping[str, Mapping[str, Any]],
    recipes: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Set every cell of ours that stands in one of `figures` against the paper's value there.

    runs: from `runs_table`, with `dense_row`; draws: from `score_draws`; values: from
    `read_values`. tasks: slug -> {"paper", "train_percent", "cut"}. recipes: slug -> expanded recipe.
    One row a pair of points, in the order of `values`. Where the study has the figure's own model, only that one is
    compared. Columns: `replication_columns.REPLICATION`.
    ValueError when no cell stands at any point of a figure.
    """
    theirs = values[values["figure"].isin(figures)].rename(columns={"task": "paper_task"})
    theirs = theirs.rename(
        columns={name: f"paper_{name}" for name in (*THEIRS, "percent_se", "retention_se", "checkpoint")}
    )
    theirs["order"] = range(len(theirs))
    ours, measured = _our_cells(runs, draws, replicates, tasks, recipes)
    table = theirs.merge(ours, on=MATCH, suffixes=("", "_ours")) if len(ours) else theirs.iloc[:0]
    if missing := [figure for figure in figures if figure not in set(table["figure"])]:
        raise ValueError(
            f"study.replicates: no run of the study stands at a point of {missing[0]}; a point is a task "
            f"({', '.join(MATCH[:2])}), a regime and a recipe ({', '.join(MATCH[3:])})"
        )
    table["same_checkpoint"] = table["checkpoint"] == table["paper_checkpoint"]
    own = table.groupby("figure")["same_checkpoint"].transform("any")
    table = table[table["same_checkpoint"] | ~own].sort_values(["order", "cell"], kind="stable")
    for name in MEASURES:
        table = table.assign(**_differences(name, table, measured[name][table["cell"]], replicates))
    # A share of a dense score that is chance itself tells nothing either.
    untaught = table["comparable"] & table["retention"].isna()
    table["comparable"] &= ~untaught
    table.loc[untaught, "reason"] = "our dense score does not exceed chance"
    return table[_columns()].reset_index(drop=True)


def _columns() -> list[str]:
    columns = ["figure", "panel", "series", "checkpoint", "paper_checkpoint", "same_checkpoint", *CELL[1:]]
    columns += [
        "scope",
        "cut",
        *(name for name in MATCH if name != "regime"),
        "metric",
        "n_seeds",
        "fail_rate",
    ]
    columns += ["score", "dense_score", "chance"]
    columns += [f"paper_{name}" for name in THEIRS if name not in MEASURES]
    for name in MEASURES:
        columns += [name, f"{name}_low", f"{name}_high", f"paper_{name}", f"paper_{name}_se"]
        columns += [f"{name}_difference{end}" for end in ("", "_low", "_high")]
        columns += [f"{name}_z", f"{name}_inside"]
    return [*columns, "comparable", "reason"]


def _our_cells(
    runs: pd.DataFrame,
    draws: Draws,
    replicates: Replicates,
    tasks: Mapping[str, Mapping[str, Any]],
    recipes: Mapping[str, Mapping[str, Any]],
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Our compressed cells of the paper's tasks, and each measure of them along the replicates [cells, R]."""
    weights = seed_weights(replicates)
    chosen = runs[~is_dense(runs) & runs["task"].isin(list(tasks)) & (runs["dense_row"] >= 0)]
    rows: list[dict[str, Any]] = []
    measured: dict[str, list[np.ndarray]] = {name: [] for name in MEASURES}
    for key, group in chosen.groupby(CELL, sort=False):
        cell = dict(zip(CELL, key, strict=True))
        recipe, task, first = recipes[cell["recipe"]], tasks[cell["task"]], group.iloc[0]
        seeds = group["seed"].tolist()
        score, dense = (
            mean_over_seeds(draws.score[at], seeds, weights) for at in (group.index, group["dense_row"])
        )
        excess, room = (
            mean_over_seeds(draws.excess[at], seeds, weights) for at in (group.index, group["dense_row"])
        )
        if first["metric"] in CORRELATIONS and (group["outcome"] == "constant").all():
            score[1:] = excess[1:] = np.nan  # a 0 by convention has no spread
        # As in the other tables: nothing can be retained of a dense score that is not clearly above the floor.
        low, _ = interval(dense, replicates)
        measured["percent"].append(100 * score / np.where((dense > 0) & (low > 0), dense, np.nan))
        measured["retention"].append(excess / np.where((room > 0) & first["measurable"], room, np.nan))
        pattern = f"{recipe['keep']}of{recipe['group']}" if recipe.get("keep") else ""
        cell |= {"cell": len(rows), "paper_task": task["paper"]}
        cell |= {"train_percent": task["train_percent"], "cut": task["cut"]}
        rows.append(
            cell
            | {
                "scope": recipe.get("scope", ""),
                "method": recipe.get("score", recipe["method"]),
                "selection": "N:M" if pattern else first["selection"],
                "level": float(first["level"]),
                "pattern": pattern,
                "metric": first["metric"],
                "n_seeds": len(seeds),
                "fail_rate": float(1 - group["trained"].mean()),
                "score": float(score[0]),
                "dense_score": float(dense[0]),
                "chance": float(group["chance"].bfill().iloc[0]),
            }
        )
    return pd.DataFrame(rows), {name: np.array(drawn) for name, drawn in measured.items()}


def _differences(
    name: str, table: pd.DataFrame, measured: np.ndarray, replicates: Replicates
) -> dict[str, np.ndarray]:
    """The columns of one measure: ours with its interval, and the difference to the paper's with its own."""
    theirs = table[f"paper_{name}"].to_numpy(dtype=float)
    low, high = interval(measured, replicates)
    parts = variance_parts(measured, replicates)
    both = parts.variance + np.nan_to_num(table[f"paper_{name}_se"].to_numpy(dtype=float)) ** 2
    difference = parts.estimate - theirs
    with np.errstate(divide="ignore", invalid="ignore"):
        # Satterthwaite: the paper's part has plenty of degrees of freedom.
        freedom = parts.freedom * np.where(parts.variance > 0, both / parts.variance, 1) ** 2
        z = np.where(both > 0, difference / np.sqrt(both), np.nan)
    reach = -stdtrit(np.minimum(freedom, 1e9), 0.025) * np.sqrt(both)
    known = np.isfinite(low) & np.isfinite(theirs)
    return {
        name: parts.estimate,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_difference": difference,
        f"{name}_difference_low": difference - reach,
        f"{name}_difference_high": difference + reach,
        f"{name}_z": z,
        f"{name}_inside": pd.array(
            np.where(known, (low <= theirs) & (theirs <= high), None), dtype="boolean"
        ),
    }


def replication_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Sum a replication table up: one row a figure, checkpoint and measure, over comparable points only.

    table: from `replication_table`. Columns: `replication_columns.SUMMARY`.
    """
    rows = []
    for (figure, checkpoint), group in table.groupby(["figure", "checkpoint"], sort=False):
        label = "the paper's model" if group["same_checkpoint"].iloc[0] else "another model"
        label += ", tasks cut" if group["cut"].any() else ""
        for name, words in MEASURES.items():
            difference = group[f"{name}_difference"] * (1 if name == "percent" else 100)
            chosen = group["comparable"] & difference.notna()
            pairs = group.loc[chosen, [name, f"paper_{name}"]]
            varied = len(pairs) > 2 and (pairs.nunique() > 1).all()
            row = {
                "figure": figure,
                "checkpoint": checkpoint,
                "label": label,
                "measure": words,
                "points": len(group),
                "left_out": int((~group["comparable"]).sum()),
                "compared": int(chosen.sum()),
                "paper_collapsed": int(group.loc[chosen, "paper_collapsed"].sum()),
                "with_interval": int((chosen & group[f"{name}_inside"].notna()).sum()),
                "inside_share": _mean(group.loc[chosen, f"{name}_inside"]),
                "mean_difference": _mean(difference[chosen]),
                "mean_absolute_difference": _mean(difference[chosen].abs()),
                "rank_correlation": pairs.rank().corr().iloc[0, 1] if varied else np.nan,
            }
            rows.append(row | {"sentence": _sentence(row)})
    return pd.DataFrame(rows)


def _mean(values: pd.Series) -> float:
    return float(values.astype(float).mean()) if len(values) else np.nan


def _sentence(row: Mapping[str, Any]) -> str:
    start = f"{row['figure']} on {row['checkpoint']} ({row['label']}), {row['measure']}: "
    if not row["compared"]:
        return f"{start}none of {row['points']} points can be compared."
    known = row["with_interval"]
    inside = round(row["inside_share"] * known) if known else 0
    text = (
        f"{start}{inside} of {known} of the paper's values lie in our 95 % interval; over {row['compared']} ours are "
        f"off by {row['mean_absolute_difference']:.1f} points on average ({row['mean_difference']:+.1f} with sign)"
    )
    if np.isfinite(row["rank_correlation"]):
        text += f"; rank correlation {row['rank_correlation']:.2f}"
    parts = [f"collapsed trainings of the paper among them: {row['paper_collapsed']}"] * (
        row["paper_collapsed"] > 0
    )
    parts += [f"left out, not to be compared: {row['left_out']}"] * (row["left_out"] > 0)
    return "; ".join([text, *parts]) + "."
