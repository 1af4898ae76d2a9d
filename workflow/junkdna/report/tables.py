"""The tables of the report, as headers and formatted rows."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

DASH = "\N{EN DASH}"
TEXT: tuple[str, ...] = ("checkpoint", "recipe", "family", "selection", "task", "regime", "state", "metric")
TEXT += (
    "resampled",
    "stratum",
    "note",
    "axis",
    "measure",
    "verdict",
    "asserted",
    "implied",
    "figure",
    "label",
)


def cell_rows(cells: pd.DataFrame) -> dict[str, Any]:
    """Header and formatted rows of the table of cells."""
    columns = {
        "checkpoint": cells["checkpoint"],
        "recipe": cells["recipe"],
        "task": cells["task"],
        "regime": cells["regime"],
        "level %": _numbers(cells["level"], ".4g"),
        "trained": [f"{row.n_trained} of {row.n_seeds}" for row in cells.itertuples()],
        "failed %": _intervals(cells, "fail_rate", 100, ".0f"),
        "score": _intervals(cells, "score_trained", 1, ".3f"),
        "retention %": _intervals(cells, "retention_trained", 100, ".1f"),
        "if failed kept nothing, %": _intervals(cells, "retention_with_failed", 100, ".1f"),
        "drop": _intervals(cells, "drop_trained", 1, ".3f"),
        "chance": _numbers(cells["chance"], ".3f"),
        "metric": cells["metric"],
        "resampled": cells["resampled"],
    }
    likely = cells["metric"] == "log-likelihood"
    if likely.any():
        ends = {"": "", "_low": "_high", "_high": "_low"}  # The higher likelihood is the lower perplexity.
        made = {
            f"perplexity{end}": np.exp(-cells[f"score_trained{of}"].where(likely)) for end, of in ends.items()
        }
        columns["perplexity"] = _intervals(cells.assign(**made), "perplexity", 1, ".2f")
    return rows_of(columns)


def run_rows(runs: pd.DataFrame) -> dict[str, Any]:
    """Header and formatted rows of the table of runs."""
    columns = {
        "checkpoint": runs["checkpoint"],
        "recipe": runs["recipe"],
        "task": runs["task"],
        "regime": runs["regime"],
        "seed": runs["seed"].map(str),
        "removed %": _numbers(100 * runs["sparsity"], ".4g"),
        "bits": _numbers(runs["effective_bits"], ".3g"),
        "state": runs["outcome"],
        "score": _intervals(runs, "score", 1, ".3f"),
        "retention %": _numbers(100 * runs["retention"], ".1f"),
        "chance": _numbers(runs["chance"], ".3f"),
        "metric": runs["metric"],
        "loss": _numbers(runs["loss"], ".3f"),
        "steps": _numbers(runs["steps"], ".0f"),
        "seconds": _numbers(runs["total_seconds"], ".1f"),
        "examples/s": _numbers(runs["examples_per_second"], ".0f"),
        "peak MB": _numbers(runs["peak_memory_mb"], ".0f"),
    }
    return rows_of(columns)


def curve_rows(curves: pd.DataFrame) -> dict[str, Any]:
    """Header and rows of s50 and s90, by the logistic and by the isotonic fit."""
    columns = {name: curves[name] for name in ("checkpoint", "family", "selection", "task", "regime")}
    for name in ("s50", "s50_isotonic", "s90", "s90_isotonic"):
        columns[name.replace("_", ", ")] = [_level(row, name) for row in curves.to_dict("records")]
    columns["levels"] = _numbers(curves["n_levels"], ".0f")
    columns["runs"] = _numbers(curves["n_runs"], ".0f")
    columns["failed"] = _numbers(curves["n_failed"], ".0f")
    return rows_of(columns)


def _level(row: Mapping[str, Any], name: str) -> str:
    """A level with its limits; a limit beyond the sweep is left open."""
    side = row[f"{name}_reached"]
    if side != "reached":
        return f"> {row['max_level']:g}" if side == "beyond" else f"< {row['min_level']:g}"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    left = f"{low:.1f}" if pd.notna(low) else f"< {row['min_level']:g}"
    right = f"{high:.1f}" if pd.notna(high) else f"> {row['max_level']:g}"
    return f"{row[name]:.1f} [{left}, {right}]"


def difficulty_rows(difficulty: pd.DataFrame) -> dict[str, Any]:
    """Header and rows of difficulty: a row a checkpoint and task, a column a measure that is known somewhere."""
    known = difficulty[difficulty["value"].notna()]
    shown = known.assign(
        text=_intervals(known.rename(columns={"low": "value_low", "high": "value_high"}), "value", 1, ".3g")
    )
    wide = shown.pivot(index=["checkpoint", "task"], columns="measure", values="text")
    order = list(difficulty[["checkpoint", "task"]].drop_duplicates().itertuples(index=False, name=None))
    wide = wide.reindex(pd.MultiIndex.from_tuples(order, names=["checkpoint", "task"])).fillna(DASH)
    units = known.drop_duplicates("measure").set_index("measure")
    columns: dict[str, Any] = {name: wide.index.get_level_values(name) for name in ("checkpoint", "task")}
    for measure in dict.fromkeys(known["measure"]):
        side = "\N{UPWARDS ARROW}" if units.loc[measure, "harder"] > 0 else "\N{DOWNWARDS ARROW}"
        columns[f"{measure} {side}, {units.loc[measure, 'unit']}"] = wide[measure]
    return rows_of(columns)


def order_rows(orders: pd.DataFrame) -> dict[str, Any]:
    """Header and rows of the orders of the axes against the measures."""
    columns = {
        name: orders[name] for name in ("checkpoint", "axis", "measure", "verdict", "asserted", "implied")
    }
    columns["hardest minus easiest"] = _intervals(
        orders.rename(columns={"low": "difference_low", "high": "difference_high"}), "difference", 1, ".3g"
    )
    columns["share of resamples"] = _numbers(orders["share"], ".0%")
    return rows_of(columns)


def equal_terms_rows(terms: pd.DataFrame) -> dict[str, Any]:
    """Header and rows of damage and separation by level, from `equal_terms_table`."""
    columns = {name: terms[name] for name in ("checkpoint", "family", "selection", "axis", "regime")}
    columns["level %"] = _numbers(terms["level"], ".4g")
    columns["bits"] = _numbers(terms["effective_bits"], ".3g")
    columns["seeds"] = _numbers(terms["n_seeds"], ".0f")
    columns["damage"] = _intervals(terms, "damage", 100, ".1f")
    columns["separation"] = _intervals(terms, "separation", 100, ".1f")
    return rows_of(columns)


def strata_rows(strata: pd.DataFrame) -> dict[str, Any]:
    """Header and rows of the terciles of examples within a task, and their contrasts."""
    columns = {name: strata[name] for name in ("checkpoint", "recipe", "task", "regime", "stratum")}
    columns["accuracy"] = _intervals(strata, "accuracy", 1, ".3f")
    columns["dense accuracy"] = _intervals(strata, "dense_accuracy", 1, ".3f")
    columns["drop"] = _intervals(strata, "drop", 1, ".3f")
    columns["rise of the loss, nats"] = _intervals(strata, "loss_rise", 1, ".3f")
    columns["note"] = strata["note"]
    return rows_of(columns)


def barrier_rows(connectivity: pd.DataFrame) -> dict[str, Any]:
    """Header and rows of the barriers between dense and compressed solutions."""
    columns = {name: connectivity[name] for name in ("checkpoint", "recipe", "task", "regime")}
    columns["seeds"] = _numbers(connectivity["seeds"], ".0f")
    columns["barrier, loss"] = _intervals(connectivity, "barrier", 1, ".3f")
    columns["at alpha"] = _numbers(connectivity["barrier_alpha"], ".2f")
    columns["barrier, score"] = _intervals(connectivity, "score_barrier", 1, ".3f")
    columns["metric"] = connectivity["metric"]
    return rows_of(columns)


def replication_rows(summary: pd.DataFrame) -> dict[str, Any]:
    """Header and rows of the comparison with the paper, a row a figure, checkpoint and measure."""
    columns: dict[str, Any] = {}
    for name in summary.columns.drop("sentence"):
        numeric = pd.api.types.is_float_dtype(summary[name])
        columns[name.replace("_", " ")] = (
            _numbers(summary[name], ".3g") if numeric else summary[name].map(str)
        )
    return rows_of(columns)


def rows_of(columns: Mapping[str, Any], text: Collection[str] = TEXT) -> dict[str, Any]:
    """Header and rows of a table, from its formatted columns; `text` names those that are no numbers."""
    header = [{"name": name, "numeric": name not in text} for name in columns]
    return {"header": header, "rows": list(zip(*columns.values(), strict=True))}


def _numbers(values: pd.Series, form: str) -> list[str]:
    return [DASH if pd.isna(value) else format(value, form) for value in values]


def _intervals(table: pd.DataFrame, name: str, factor: float, form: str) -> list[str]:
    triples = (factor * table[[name, f"{name}_low", f"{name}_high"]]).itertuples(index=False, name=None)
    return [
        DASH if pd.isna(mean) else f"{mean:{form}}" + f" [{low:{form}}, {high:{form}}]" * pd.notna(low)
        for mean, low, high in triples
    ]
