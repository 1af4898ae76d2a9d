"""Time and peak memory of compressing and asking a decoder of 1.1 billion weights (TinyLlama's shape, random, bf16).

    OMP_NUM_THREADS=1 python benchmarks/decoder_cost.py --out FOLDER [--layers 1] [--stages ...]

Each stage runs in a fresh process, from file to file as its job does it, with the whole model and the whole files of
all 22 layers; `peak` is the most memory that this process held (ru_maxrss), mapped files included; times are of its
processor. So many layers are compressed, and of the others the weights are read and copied, so that what is held and
written is that of all; the time of all is computed. The factors that SparseGPT and GPTQ read are those of white inputs,
which cost as much as any. Calibration: two sequences of 256 random tokens.

Appends a line to FOLDER/results.csv as soon as it is there, skips the stages that stand there, then prints the table.
"""

import argparse
import csv
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from junkdna.compression.hessian import with_factors
from junkdna.compression.layerwise import build_layerwise_mask
from junkdna.compression.masks import PackedMask, pack
from junkdna.compression.quantization import Quantized, QuantSpec
from junkdna.compression.quantize import quantize_weights
from junkdna.files.artifacts import read_tensors, stream_tensors
from junkdna.files.compressed import read_compressed
from junkdna.files.masks import write_mask
from junkdna.files.quantized import write_quantized
from junkdna.inference.calibration import statistics_names, stream_statistics
from junkdna.inference.calibration_text import sequences_of
from junkdna.inference.sequential import walk_blocks
from junkdna.models.compressed import apply_recipe
from junkdna.models.decoder import load_causal
from junkdna.models.load import load_body
from junkdna.models.prunable import prunable_weights, read_body
from junkdna.study.specs import PruneSpec
from junkdna.tasks.tokens import Tokens

SHAPE = {"hidden_size": 2048, "num_hidden_layers": 22, "intermediate_size": 5632, "num_attention_heads": 32,
         "num_key_value_heads": 4, "vocab_size": 32000, "max_position_embeddings": 2048}  # fmt: skip
COMMON = {"scope": "body", "seed": 0, "keep": 0, "group": 0, "per_mille": 500}
SELECTIONS = {"magnitude": "row", "wanda": "row", "sparsegpt": "layer"}
QUANTIZED = {"bits": 4, "group": 128, "symmetric": False}
STAGES = (
    "calibrate, norms",
    "calibrate, factors",
    "mask, magnitude",
    "mask, wanda",
    "mask, sparsegpt",
    "quantize, rtn",
    "quantize, gptq",
    "block by block, wanda",
    "block by block, sparsegpt",
    "ask, dense",
    "ask, wanda",
    "ask, sparsegpt",
    "ask, rtn",
)


def spec_of(score: str) -> PruneSpec:
    return PruneSpec(score=score, selection=SELECTIONS[score], **COMMON)


def random_tokens() -> Tokens:
    torch.manual_seed(0)
    ids = torch.randint(3, SHAPE["vocab_size"], (512,), dtype=torch.int32)
    return sequences_of(ids, [256, 256], pad_id=0)


def make(folder: Path) -> None:
    """The checkpoint, and a file of factors as calibration leaves it."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    LlamaForCausalLM(LlamaConfig(**SHAPE)).save_pretrained(folder / "model")
    torch.set_default_dtype(torch.float32)
    body = read_body(folder / "model")
    widths = {name: entry.tensor.shape[1] for name, entry in body.items()}
    factors = ((f"factors:{name}", torch.eye(width)) for name, width in widths.items())
    stream_tensors(folder / "factors.safetensors", factors, [f"factors:{name}" for name in widths], {})


def calibrate(out: Path, layers: int, *, hessians: bool) -> float:
    """The factors of so many layers alone; the seconds that those of one took."""
    model = load_body(out / "model")
    found = with_factors(stream_statistics(model, random_tokens(), hessians=hessians))
    if not hessians:
        stream_tensors(out / "norms.safetensors", found, statistics_names(model), {})
        return 0.0
    # Up to the first factor all Hessians of a pass are summed up.
    first = next(pair for pair in found if pair[0].startswith("factors:"))
    start = time.process_time()
    rest = itertools.islice(found, 7 * layers)
    stream_tensors(out / "made.safetensors", itertools.chain([first], rest), statistics_names(model), {})
    return (time.process_time() - start) / layers


def mask(out: Path, layers: int, score: str) -> float:
    weights, dims, some = body_of(out, layers)
    file = {"magnitude": None, "wanda": "norms"}.get(score, "factors")
    statistics = read_tensors(out / f"{file}.safetensors") if file else {}
    start = time.process_time()
    made = build_layerwise_mask(some, dims, spec_of(score), statistics)
    seconds = (time.process_time() - start) / layers
    bits, moved = dict(made.bits), dict(made.weights)
    for name in [name for name in weights if name not in some]:
        if file:
            statistics[f"{file}:{name}"].sum()
        bits[name] = pack(torch.ones(weights[name].shape, dtype=torch.bool))
        # Read, as each method does; kept where it moves.
        copy = weights[name].clone()
        if moved:
            moved[name] = copy
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    whole = PackedMask(bits=bits, shapes=shapes, threshold=None, weights=moved)
    write_mask(out / f"{score}.safetensors", whole, spec_of(score), code="")
    return seconds


def quantize(out: Path, layers: int, method: str) -> float:
    weights, dims, some = body_of(out, layers)
    spec = QuantSpec(method=method, **QUANTIZED)
    statistics = read_tensors(out / "factors.safetensors") if method == "gptq" else {}
    start = time.process_time()
    made = quantize_weights(some, dims, spec, statistics)
    seconds = (time.process_time() - start) / layers
    for name, weight in weights.items():
        if name not in some:
            if statistics:
                statistics[f"factors:{name}"].sum()
            like = next(each for other, each in made.items() if each.codes.shape == weight.shape)
            weight.clone()
            made[name] = Quantized(like.codes.clone(), like.scales.clone(), like.zeros.clone())
    write_quantized(out / f"{method}.safetensors", made, dims, spec, code="")
    return seconds


def body_of(out: Path, layers: int) -> tuple[dict[str, Tensor], dict[str, int], dict[str, Tensor]]:
    """The weights of all layers by name, their input dimensions, and the weights of the first layers."""
    body = read_body(out / "model")
    weights = {name: entry.tensor for name, entry in body.items()}
    dims = {name: entry.input_dim for name, entry in body.items()}
    return weights, dims, dict(itertools.islice(weights.items(), 7 * layers))


def by_blocks(out: Path, layers: int, score: str) -> float:
    """Walk through the first blocks, with as many new weights held beside as all blocks would have."""
    model = load_body(out / "model")
    held: list[Tensor] = []
    if score == "sparsegpt":
        held = [
            entry.tensor.detach().to(torch.bfloat16) for entry in prunable_weights(model, "body").values()
        ]
    walk = walk_blocks(model, random_tokens(), hessians=score != "wanda")
    found, statistics = next(walk)
    # From here to there it is the work of one block: its weights, what it makes of the text, statistics of the next.
    start = time.process_time()
    for _ in range(layers):
        weights = {name: entry.tensor.detach().to(torch.bfloat16) for name, entry in found.items()}
        dims = {name: entry.input_dim for name, entry in found.items()}
        build_layerwise_mask(weights, dims, spec_of(score), statistics)
        found, statistics = next(walk)
    assert len(held) in (0, 7 * SHAPE["num_hidden_layers"])
    return (time.process_time() - start) / layers


@torch.inference_mode()
def ask(out: Path, name: str) -> float:
    """Load, compress and ask 64 tokens, in the dtype of the checkpoint; the seconds up to there."""
    start = time.process_time()
    kind = {"dense": {}, "rtn": {"quantized": out / "rtn.safetensors"}}.get(
        name, {"mask": out / f"{name}.safetensors"}
    )
    compressed = read_compressed(**kind)
    model = load_causal(out / "model", dtype=torch.bfloat16)
    recipe = {"method": "none"}
    if name == "rtn":
        recipe = {"method": "quantize", "quantizer": "rtn", **QUANTIZED}
    elif name != "dense":
        recipe = {"method": "prune", "score": name, "selection": SELECTIONS[name], **COMMON}
    apply_recipe(model, recipe, compressed)
    seconds = time.process_time() - start
    model(input_ids=torch.arange(64)[None], use_cache=False)
    assert compressed and all(p.dtype == torch.bfloat16 for p in model.parameters())
    return seconds


def run_stage(out: Path, stage: str, layers: int) -> None:
    torch.set_num_threads(1)
    if not (out / "factors.safetensors").exists():
        make(out)
        return
    kind, _, name = stage.partition(", ")
    start = time.process_time()
    slow = {
        "calibrate": lambda: calibrate(out, layers, hessians=name == "factors"),
        "mask": lambda: mask(out, layers, name),
        "quantize": lambda: quantize(out, layers, name),
        "block by block": lambda: by_blocks(out, layers, name),
        "ask": lambda: ask(out, name),
    }[kind]()
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    with (out / "results.csv").open("a", newline="") as file:
        csv.writer(file).writerow([stage, f"{peak:.2f}", f"{seconds:.1f}", f"{slow:.2f}", layers])


def show(path: Path) -> None:
    print(
        "| stage | peak GiB | s, as measured | of one layer, s | s, all layers |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for stage, peak, seconds, slow, layers in csv.reader(path.open()):
        layered = float(slow) and not stage.startswith("ask")
        whole = float(seconds) + (SHAPE["num_hidden_layers"] - int(layers)) * float(slow)
        cells = [slow, f"{whole:.0f} (computed)"] if layered else ["", f"{float(seconds):.0f}"]
        print(f"| {stage} | {peak} | {seconds} | {' | '.join(cells)} |")


def remaining(path: Path, stages: list[str]) -> Iterator[str]:
    done = {row[0] for row in csv.reader(path.open())} if path.exists() else set()
    return (stage for stage in stages if stage not in done)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=STAGES)
    parser.add_argument("--minutes", type=float, default=12, help="after which no stage begins")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.here:
        run_stage(options.out, json.loads(options.here), options.layers)
        return
    began = time.monotonic()
    made = (options.out / "factors.safetensors").exists()
    for stage in [*([] if made else ["make"]), *remaining(options.out / "results.csv", options.stages)]:
        if time.monotonic() - began > 60 * options.minutes:
            break
        command = [sys.executable, __file__, "--out", options.out, "--layers", str(options.layers)]
        subprocess.run([*command, "--here", json.dumps(stage)], check=True)
    show(options.out / "results.csv")


if __name__ == "__main__":
    main()
