"""How much each method of compression changes the outputs of the layers of a checkpoint.

    OMP_NUM_THREADS=1 python benchmarks/compression.py CHECKPOINT TABLE [--calibration 512] [--held-out 256]

TABLE: parquet with a column `text`, and `text_pair` if it has one; or several, the first for calibration. An error
is the squared error of a layer's output relative to the squared output, median over the layers, on texts that were
not calibrated on (and, where it says so, on those that were). Then how often the expected order of methods holds.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd
import torch
from torch import Tensor

from junkdna.compression.hessian import with_factors
from junkdna.compression.layerwise import build_layerwise_mask
from junkdna.compression.masks import unpack
from junkdna.compression.quantization import QuantSpec, as_matrix, dequantize
from junkdna.compression.quantize import quantize_weights
from junkdna.inference.calibration import collect_statistics
from junkdna.inference.calibration_text import choose_sequences
from junkdna.models.decoder import load_causal
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights
from junkdna.study.specs import PruneSpec
from junkdna.tasks.tokens import Tokens, load_tokenizer, tokenize

SELECTION = {"magnitude": "row", "wanda": "row", "ria": "row", "sparsegpt": "layer"}
LEVELS = {"50 %": (500, 0, 0), "70 %": (700, 0, 0), "2:4": (0, 2, 4), "4:8": (0, 4, 8)}
BITS = (4, 3, 2)
# Name -> group, symmetric.
GRIDS = {
    "rows, symmetric": (0, True),
    "rows, asymmetric": (0, False),
    "groups of 64, asymmetric": (64, False),
}

Matrices = dict[str, Tensor]


def read_tokens(checkpoint: Path, table: Path, count: int) -> Tokens:
    texts = pd.read_parquet(table)
    texts = texts[[c for c in ("text", "text_pair") if c in texts]].assign(
        label=0, example_id=range(len(texts))
    )
    kind = "pair" if "text_pair" in texts else "classification"
    tokens = tokenize(texts, load_tokenizer(checkpoint), format=kind, max_length=256, num_labels=2)
    return choose_sequences(tokens, sequences=count, max_length=256, seed=0)


def load(checkpoint: Path) -> torch.nn.Module:
    kind = json.loads((checkpoint / "config.json").read_text())["architectures"][0]
    return load_causal(checkpoint) if "CausalLM" in kind else load_classifier(checkpoint, 2, 0)


def errors(matrices: Matrices, made: Matrices, statistics: dict[str, Tensor]) -> pd.Series:
    """Relative squared error of each layer's output over the inputs of these statistics."""
    found = {}
    for name, old in matrices.items():
        hessian, change = statistics[f"hessians:{name}"].double(), (old - made[name]).double()
        old = old.double()
        found[name] = float(((change @ hessian) * change).sum() / ((old @ hessian) * old).sum())
    return pd.Series(found)


def prune(weights: Matrices, dims: dict[str, int], statistics: dict, score: str, level: tuple) -> Matrices:
    per_mille, keep, group = level
    spec = PruneSpec(
        score=score,
        selection="nm" if group else SELECTION[score],
        scope="body",
        seed=0,
        per_mille=per_mille,
        keep=keep,
        group=group,
    )
    mask = build_layerwise_mask(weights, dims, spec, statistics)
    return {
        n: as_matrix(mask.weights.get(n, w * unpack(mask.bits[n], mask.shapes[n])), dims[n])
        for n, w in weights.items()
    }


def quantize(
    weights: Matrices, dims: dict[str, int], statistics: dict, method: str, bits: int, grid: tuple
) -> Matrices:
    spec = QuantSpec(method=method, bits=bits, group=grid[0], symmetric=grid[1])
    made = quantize_weights(weights, dims, spec, statistics)
    return {name: dequantize(each, spec.group) for name, each in made.items()}


def show(title: str, columns: list[str], rows: dict[str, list[str]]) -> None:
    print(f"\n| {title} | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--calibration", type=int, default=512)
    parser.add_argument("--held-out", type=int, default=256)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load(options.checkpoint)
    found = prunable_weights(model, "body")
    weights = {name: entry.tensor.detach() for name, entry in found.items()}
    dims = {name: entry.input_dim for name, entry in found.items()}
    matrices = {name: as_matrix(weight, dims[name]) for name, weight in weights.items()}
    first, last = options.tables[0], options.tables[-1]
    texts = read_tokens(options.checkpoint, first, options.calibration)
    others = read_tokens(options.checkpoint, last, options.held_out)
    calibration = collect_statistics(model, texts, hessians=True)
    calibration |= dict(with_factors(calibration.items()))
    held_out = collect_statistics(model, others, hessians=True)
    size = sum(weight.numel() for weight in weights.values())
    print(
        f"{len(weights)} layers, {size:,} weights; {len(texts.input_ids):,} tokens of calibration text, ",
        end="",
    )
    print(f"{len(others.input_ids):,} held out")

    pruned = {
        (score, label): errors(matrices, prune(weights, dims, calibration, score, level), held_out)
        for score in SELECTION
        for label, level in LEVELS.items()
    }
    show(
        "pruned",
        list(LEVELS),
        {score: [f"{pruned[score, label].median():.4f}" for label in LEVELS] for score in SELECTION},
    )
    order = {}
    for better, worse in (("sparsegpt", "wanda"), ("wanda", "magnitude"), ("ria", "magnitude")):
        shares = [(pruned[better, label] <= pruned[worse, label]).mean() for label in LEVELS]
        order[f"{better} <= {worse}"] = [f"{share:.0%}" for share in shares]
    show("share of layers where", list(LEVELS), order)

    rows, order, columns = {}, {}, [f"{bits} bits" for bits in BITS]
    for title, grid in GRIDS.items():
        made = {
            (method, bits): quantize(weights, dims, calibration, method, bits, grid)
            for method in ("rtn", "gptq")
            for bits in BITS
        }
        for where, statistics in (("held out", held_out), ("calibration", calibration)):
            each = {key: errors(matrices, values, statistics) for key, values in made.items()}
            for method in ("rtn", "gptq"):
                cells = [f"{each[method, bits].median():.5f}" for bits in BITS]
                rows[f"{method}, {title}, {where}"] = cells
            shares = [(each["gptq", bits] <= each["rtn", bits]).mean() for bits in BITS]
            order[f"gptq <= rtn, {title}, {where}"] = [f"{share:.0%}" for share in shares]
    show("quantized", columns, rows)
    show("share of layers where", columns, order)


if __name__ == "__main__":
    main()
