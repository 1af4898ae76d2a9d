"""Held-out perplexity of a decoder by how its calibration text is taken: rows or joined, one pass or block by block.

    OMP_NUM_THREADS=1 python benchmarks/calibration.py CHECKPOINT TRAIN HELD_OUT --out FOLDER
        [--sequences 16] [--length 2048] [--held-out-sequences 8] [--held-out-length 1024] [--minutes 14]

TRAIN, HELD_OUT: parquet with a column `text` (or `context`), of which each text counts once. As much calibration text
for every way: so many sequences of so many tokens joined from texts of TRAIN, or `rows`: texts one by one, as many
tokens. `joined` and `rows` take the statistics of one pass through the dense model, `sequential` goes block by block.
Perplexity is that of texts of HELD_OUT, joined too.

Writes FOLDER/results.csv, a row as soon as it is there, and begins nothing after so many minutes; given once more, it
goes on where it was. Then the table, and beside each perplexity the difference to `joined`, in nats a token, with twice
its standard error over held-out sequences.
"""

import argparse
import csv
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from transformers import PreTrainedModel

from junkdna.compression.hessian import with_factors
from junkdna.compression.layerwise import build_layerwise_mask
from junkdna.compression.masks import unpack
from junkdna.compression.quantization import QuantSpec, as_matrix, dequantize
from junkdna.compression.quantize import quantize_weights
from junkdna.files.artifacts import read_tensors, write_tensors
from junkdna.inference.calibration import collect_statistics
from junkdna.inference.calibration_text import calibration_text
from junkdna.inference.running_text import text_log_probabilities
from junkdna.inference.sequential import mask_blocks, quantize_blocks
from junkdna.models.decoder import load_causal
from junkdna.models.load import load_body
from junkdna.models.prunable import prunable_weights, read_body, stored_dtype
from junkdna.study.specs import PruneSpec
from junkdna.tasks.tokens import Tokens, load_tokenizer, tokenize

COMMON = {"scope": "body", "seed": 0, "keep": 0, "group": 0}
SCORES = {"wanda": "row", "sparsegpt": "layer"}
SPECS: dict[str, PruneSpec | QuantSpec] = {
    f"{score} {percent} %": PruneSpec(score=score, selection=selection, per_mille=10 * percent, **COMMON)
    for score, selection in SCORES.items()
    for percent in (50, 30, 70)
} | {
    f"gptq {bits} bits": QuantSpec(method="gptq", bits=bits, group=64, symmetric=False) for bits in (3, 4, 2)
}
# The middle levels first, so that a stop leaves whole columns.
ORDER = sorted(SPECS, key=lambda name: ("50" not in name and "3 bits" not in name, "2 bits" in name))
WAYS = ("joined", "sequential", "rows")


def read_texts(checkpoint: Path, table: Path) -> Tokens:
    texts = pd.read_parquet(table)
    texts = texts["text" if "text" in texts else "context"].drop_duplicates().reset_index(drop=True)
    frame = pd.DataFrame({"text": texts, "label": 0, "example_id": range(len(texts))})
    tokenizer = load_tokenizer(checkpoint)
    longest = min(2048, tokenizer.model_max_length)
    return tokenize(frame, tokenizer, format="lm", max_length=longest, num_labels=1)


def texts_of_way(checkpoint: Path, tokens: Tokens, way: str, sequences: int, length: int) -> Tokens:
    size = {"sequences": sequences, "max_length": length, "seed": 0}
    if way != "rows":
        return calibration_text(tokens, checkpoint, {**size, "join": True})
    # So many of the same texts that they have as many tokens.
    lengths = np.diff(tokens.offsets.numpy())[np.random.default_rng(0).permutation(len(tokens.offsets) - 1)]
    size["sequences"] = int(np.searchsorted(lengths.cumsum(), sequences * length)) + 1
    return calibration_text(tokens, checkpoint, {**size, "join": False})


def statistics_of(checkpoint: Path, text: Tokens, path: Path) -> dict[str, Tensor]:
    """Statistics of one pass, from the file that the first recipe leaves."""
    if not path.exists():
        found = collect_statistics(load_body(checkpoint), text, hessians=True)
        write_tensors(path, dict(with_factors(found.items())), {})
    return read_tensors(path)


def compress(
    checkpoint: Path, spec: PruneSpec | QuantSpec, text: Tokens, path: Path | None
) -> dict[str, Tensor]:
    """The new weights by name; path: of the statistics of one pass, None to go block by block."""
    body = read_body(checkpoint)
    weights = {name: entry.tensor for name, entry in body.items()}
    dims = {name: entry.input_dim for name, entry in body.items()}
    if isinstance(spec, QuantSpec):
        if path is None:
            quantized, _ = quantize_blocks(load_body(checkpoint), text, spec)
        else:
            quantized = quantize_weights(weights, dims, spec, statistics_of(checkpoint, text, path))
        return {name: as_matrix(dequantize(each, spec.group), dims[name]) for name, each in quantized.items()}
    if path is None:
        mask, _ = mask_blocks(load_body(checkpoint), text, spec, stored_dtype(checkpoint))
    else:
        mask = build_layerwise_mask(weights, dims, spec, statistics_of(checkpoint, text, path))
    return {
        name: mask.weights.get(name, weight) * unpack(mask.bits[name], mask.shapes[name])
        for name, weight in weights.items()
    }


@torch.inference_mode()
def losses(model: PreTrainedModel, held_out: Tokens) -> list[float]:
    """Mean loss of a token of each held-out sequence."""
    found = []
    for start, end in zip(held_out.offsets[:-1].tolist(), held_out.offsets[1:].tolist(), strict=True):
        ids = held_out.input_ids[start:end][None].long()
        logits = model(input_ids=ids, use_cache=False).logits
        found.append(-float(text_log_probabilities(logits, {"input_ids": ids})) / (end - start - 1))
    return found


def measured(
    checkpoint: Path, held_out: Tokens, make: Callable[[], dict[str, Tensor]] | None
) -> tuple[list[float], float]:
    """The losses of the compressed checkpoint, and the seconds that compressing it took."""
    start = time.perf_counter()
    new = make() if make else {}
    seconds = time.perf_counter() - start
    model = load_causal(checkpoint).eval()
    with torch.no_grad():
        for name, entry in prunable_weights(model, "body").items():
            if new:
                entry.tensor.copy_(new[name])
    return losses(model, held_out), seconds


def show(path: Path, *, about: str) -> None:
    rows = pd.read_csv(path)
    rows["losses"] = rows["losses"].map(json.loads)
    by = {(row.recipe, row.way): row for row in rows.itertuples()}
    dense = np.array(by["dense", "dense"].losses)
    print(f"{about}; dense: {np.exp(dense.mean()):.2f}\n")
    print("| perplexity | " + " | ".join(WAYS) + " | s, joined | s, sequential |")
    print("| --- |" + " ---: |" * (len(WAYS) + 2))
    for name in SPECS:
        cells, base = [], by.get((name, "joined"))
        for way in WAYS:
            row = by.get((name, way))
            cells.append(f"{np.exp(np.mean(row.losses)):,.2f}" if row else "")
            if row and base and way != "joined":
                gap = np.subtract(row.losses, base.losses)
                cells[-1] += f" ({gap.mean():+.3f} ± {2 * gap.std(ddof=1) / len(gap) ** 0.5:.3f})"
        for way in ("joined", "sequential"):
            cells.append(f"{by[name, way].seconds:.0f}" if (name, way) in by else "")
        print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("checkpoint", "train", "held_out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--out", type=Path, required=True)
    for name, value in (
        ("sequences", 16),
        ("length", 2048),
        ("held-out-sequences", 8),
        ("held-out-length", 1024),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--minutes", type=float, default=14)
    options = parser.parse_args()
    began = time.monotonic()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    results = options.out / "results.csv"
    done = set()
    if results.exists():
        done = {(row["recipe"], row["way"]) for row in csv.DictReader(results.open())}
    else:
        results.write_text("recipe,way,seconds,losses\n")
    train = read_texts(options.checkpoint, options.train)
    size = {"sequences": options.held_out_sequences, "max_length": options.held_out_length, "seed": 0}
    held_out = calibration_text(
        read_texts(options.checkpoint, options.held_out), options.checkpoint, {**size, "join": True}
    )
    texts = {
        way: texts_of_way(options.checkpoint, train, way, options.sequences, options.length) for way in WAYS
    }
    # Rows at last: a stop then leaves both ways that differ in the walk.
    two = [(name, way) for name in ORDER for way in WAYS[:2]]
    jobs = [("dense", "dense"), *two, *((name, WAYS[2]) for name in ORDER)]
    for recipe, way in jobs:
        if (recipe, way) in done or time.monotonic() - began > 60 * options.minutes:
            continue
        make = None
        if recipe != "dense":
            path = None if way == "sequential" else options.out / f"{way}.safetensors"

            def make(recipe: str = recipe, way: str = way, path: Path | None = path) -> dict[str, Tensor]:
                return compress(options.checkpoint, SPECS[recipe], texts[way], path)

            if path:  # the pass that serves all levels is not counted among the seconds of the first
                statistics_of(options.checkpoint, texts[way], path)
        found, seconds = measured(options.checkpoint, held_out, make)
        with results.open("a", newline="") as file:
            csv.writer(file).writerow([recipe, way, f"{seconds:.1f}", json.dumps(found)])
    about = (
        f"{len(texts['joined'].input_ids):,} tokens of calibration text, {len(held_out.input_ids):,} held out"
    )
    show(results, about=about)


if __name__ == "__main__":
    main()
