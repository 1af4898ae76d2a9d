"""Write the tables of docs/decoders.md from the tables of the study `decoders`, and count how often an order holds.

    python benchmarks/decoders.py results/tables/decoders > tables.md

An order is a pair of methods that the literature puts this way round. It is judged level by level: the difference
of their log-likelihoods on the same texts, with a 95 % interval from paired resamples of the texts.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from junkdna.statistics.bootstrap import distinct_weights

TASK = "tinystories-small"
# Better first, where the literature has a clear word.
ORDERS = (
    ("sparsegpt", "wanda"),
    ("wanda", "uniform"),
    ("sparsegpt", "uniform"),
    ("ria", "wanda"),
    ("outliers", "wanda"),
    ("magnitude", "random-like"),
    ("gptq", "rtn"),
    ("gptq-group", "rtn-group"),
    ("gptq-zero", "rtn-zero"),
    ("sparsegpt-nm", "wanda-nm"),
    ("wanda-nm", "magnitude-nm"),
)
DRAWS = 2000


def shown(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def table_of(cells: pd.DataFrame, levels: list[str]) -> list[str]:
    """A Markdown table: a row a family, a column a level; perplexity with its interval over texts."""
    lines = ["| method | " + " | ".join(levels) + " |", "| --- |" + " --- |" * len(levels)]
    for family, rows in cells.groupby("family", sort=False):
        at = {row.column: row for row in rows.itertuples()}
        entries = []
        for level in levels:
            if level not in at:
                entries.append("")
                continue
            row = at[level]
            low, high = np.exp(-row.score_high), np.exp(-row.score_low)
            entries.append(f"{shown(np.exp(-row.score))} [{shown(low)}, {shown(high)}]")
        lines.append(f"| {family} | " + " | ".join(entries) + " |")
    return lines


def likelihoods(runs: Path, checkpoint: str, recipe: str, weights: np.ndarray) -> np.ndarray:
    """Log-likelihood of a run under each weighting of the texts."""
    regime = "dense" if recipe == "dense" else "zero-shot"
    path = runs / checkpoint / recipe / TASK / regime / "seed1/predictions.parquet"
    table = pd.read_parquet(path).sort_values("example_id")
    tokens = table["target"].to_numpy()
    return (weights @ (tokens * table["prediction"].to_numpy())) / (weights @ tokens)


def order_lines(cells: pd.DataFrame, runs: Path, checkpoint: str) -> list[str]:
    """For each order: at how many levels it holds, is reversed, or is not told apart."""
    own = cells[cells["checkpoint"] == checkpoint]
    size = len(pd.read_parquet(next((runs / checkpoint).rglob("predictions.parquet"))))
    weights = np.concatenate(list(distinct_weights(np.arange(size), DRAWS, 0))).astype(float)
    lines = [
        "| expected | levels | holds | not told apart | reversed, by nats a token |",
        "| --- |" + " --- |" * 4,
    ]
    for better, worse in ORDERS:
        two = [own[own["family"] == name].set_index("column")["recipe"] for name in (better, worse)]
        counts, turned = [0, 0], []
        shared = [column for column in two[0].index if column in two[1].index]
        for column in shared:
            gap = np.subtract(*(likelihoods(runs, checkpoint, each[column], weights) for each in two))
            low, high = np.percentile(gap[1:], [2.5, 97.5])
            if high < 0:
                turned.append(f"{column} ({-gap[0]:.3f})")
            else:
                counts[0 if low > 0 else 1] += 1
        lines.append(
            f"| {better} better than {worse} | {len(shared)} | {counts[0]} | {counts[1]} | {', '.join(turned)} |"
        )
    return lines


def main() -> None:
    folder = Path(sys.argv[1])
    runs = folder.parents[1] / "runs"
    cells = pd.read_parquet(folder / "cells.parquet")
    facts = pd.read_parquet(folder / "runs.parquet").set_index(["checkpoint", "recipe"])
    bits = cells["recipe"].str.extract(r"-w(\d)")[0]
    cells["column"] = np.where(
        bits.notna(),
        bits + " bits",
        np.where(cells["selection"].str.startswith("N:"), cells["recipe"].str.split("-").str[-1], ""),
    )
    plain = cells["column"] == ""
    cells.loc[plain, "column"] = cells.loc[plain, "level"].map("{:g} %".format)
    for checkpoint, own in cells.groupby("checkpoint", sort=False):
        dense = own[own["family"] == "dense"].iloc[0]
        low, high = np.exp(-dense["score_high"]), np.exp(-dense["score_low"])
        print(f"## {checkpoint}\n")
        print(
            f"Dense: perplexity {shown(np.exp(-dense['score']))} [{shown(low)}, {shown(high)}]; unigram model "
            f"{shown(np.exp(-dense['chance']))}.\n"
        )
        pruned = own[(own["family"] != "dense") & (own["selection"] != "none")]
        patterned = pruned["selection"].str.startswith("N:")
        quantized = own[(own["family"] != "dense") & (own["selection"] == "none")]
        for part, kind in (
            (pruned[~patterned], "weights removed"),
            (pruned[patterned], "N:M"),
            (quantized, "bits of a code"),
        ):
            print(f"Perplexity by {kind}:\n")
            print("\n".join(table_of(part, list(dict.fromkeys(part["column"])))), end="\n\n")
        own_facts = facts.loc[checkpoint]
        print("Bits a weight, scales and zeros included:\n")
        for family, rows in quantized.groupby("family", sort=False):
            values = [f"{own_facts.loc[recipe, 'effective_bits']:.2f}" for recipe in rows["recipe"]]
            print(f"- {family}: {', '.join(values)}")
        print("\nOrders, level by level:\n")
        print("\n".join(order_lines(cells, runs, checkpoint)), end="\n\n")


if __name__ == "__main__":
    main()
