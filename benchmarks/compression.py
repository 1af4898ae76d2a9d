"""Time, memory and output errors of the pruning methods on a checkpoint and the texts of a table.

    OMP_NUM_THREADS=1 python benchmarks/compression.py CHECKPOINT TABLE [--levels 500 700]

TABLE: parquet with a column `text` (a task as the workflow fetches it). The first table has the processor time and
the peak of the resident memory so far (methods run in the order of the rows, so it only grows); the second the
squared error of a layer's output on texts that were not calibrated on, relative to the output, median over layers.
"""

import argparse
import os
import resource
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd
import torch

from junkdna.calibration import choose_sequences, collect_statistics
from junkdna.compression.calibrated import build_layerwise_mask
from junkdna.compression.masks import unpack
from junkdna.models import load_classifier, prunable_weights
from junkdna.specs import PruneSpec
from junkdna.tokens import load_tokenizer, tokenize

METHODS = (("magnitude", "row"), ("wanda", "row"), ("ria", "row"), ("sparsegpt", "layer"))


def timed(label: str, function, *arguments, **options):
    start = time.process_time()
    result = function(*arguments, **options)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {label} | {time.process_time() - start:.1f} | {peak:.0f} |", flush=True)
    return result


def spec_of(score: str, selection: str, level: int) -> PruneSpec:
    """Level 0 stands for 2:4."""
    pattern = (
        {"per_mille": level, "keep": 0, "group": 0} if level else {"per_mille": 0, "keep": 2, "group": 4}
    )
    return PruneSpec(score=score, selection=selection if level else "nm", scope="body", seed=0, **pattern)


def errors_of(weights: dict, dims: dict, mask, hessians: dict) -> list[float]:
    errors = []
    for name, weight in weights.items():
        kept = unpack(mask.bits[name], mask.shapes[name])
        new = mask.weights.get(name, weight * kept)
        turn = dims[name] == 0
        old, change = (matrix.T if turn else matrix for matrix in (weight, weight - new))
        hessian = hessians[f"hessians:{name}"]
        errors.append(float(((change @ hessian) * change).sum() / ((old @ hessian) * old).sum()))
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--levels", type=int, nargs="+", default=[500, 700])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = load_classifier(arguments.checkpoint, 2, 0)
    table = pd.read_parquet(arguments.table)[["text"]].assign(label=0).head(192)
    table["example_id"] = range(len(table))
    tokens = tokenize(
        table,
        load_tokenizer(arguments.checkpoint),
        format="classification",
        max_length=128,
        num_labels=2,
    )
    everything = choose_sequences(tokens, sequences=192, max_length=128, seed=0)
    calibration = choose_sequences(tokens, sequences=128, max_length=128, seed=0)
    found = prunable_weights(model, "body")
    weights = {name: entry.tensor.detach() for name, entry in found.items()}
    dims = {name: entry.input_dim for name, entry in found.items()}
    print(f"{len(weights)} layers, {sum(w.numel() for w in weights.values())} weights, ", end="")
    print(f"{len(calibration.input_ids)} tokens\n\n| stage | seconds | peak MiB |\n| --- | --- | --- |")
    timed("calibration, norms", collect_statistics, model, calibration, hessians=False)
    statistics = timed("calibration, Hessians too", collect_statistics, model, calibration, hessians=True)
    # The texts that were not calibrated on: all less those that were.
    both = collect_statistics(model, everything, hessians=True)
    held_out = {name: both[name] - statistics[name] for name in both}
    rows = []
    levels = [*arguments.levels, 0]
    for score, selection in METHODS:
        for level in levels:
            what, shown = spec_of(score, selection, level), f"{level / 10:g} %" if level else "2:4"
            mask = timed(f"{score}, {shown}", build_layerwise_mask, weights, dims, what, statistics)
            values = pd.Series(errors_of(weights, dims, mask, held_out), index=list(weights))
            rows.append({"score": score, "level": shown, "error": values.median(), "values": values})
    print(f"\n| score | {' | '.join(row['level'] for row in rows[: len(levels)])} |")
    print(f"| --- |{' --- |' * len(levels)}")
    for start in range(0, len(rows), len(levels)):
        part = rows[start : start + len(levels)]
        cells = " | ".join(format(row["error"], ".4f") for row in part)
        print(f"| {part[0]['score']} | {cells} |")
    by = {(row["score"], row["level"]): row["values"] for row in rows}
    for better, worse in (("sparsegpt", "wanda"), ("wanda", "magnitude")):
        for level in [row["level"] for row in rows[: len(levels)]]:
            share = (by[better, level] <= by[worse, level]).mean()
            print(f"{better} <= {worse} at {level}: in {share:.0%} of the layers")


if __name__ == "__main__":
    main()
