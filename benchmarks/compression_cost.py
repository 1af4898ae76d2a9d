"""Time and memory of the stages that compress a checkpoint, and what a compressed one costs to load and to train.

    OMP_NUM_THREADS=1 python benchmarks/compression_cost.py [--checkpoint FOLDER] [--repeats 5] [--parts ...]

Without FOLDER: random weights of the shape of GPT-2 (124M). Calibration text: 64 sequences of 128 random tokens.
Each stage runs in a process of its own, forked before anything is loaded, and does what its job in the workflow
does, from file to file; `peak` is the most memory that this process held. `load` and `step` take turns, medians.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import transformers

from junkdna.compression.hessian import with_factors
from junkdna.compression.layerwise import build_layerwise_mask
from junkdna.compression.quantization import QuantSpec
from junkdna.compression.quantize import quantize_weights
from junkdna.files.artifacts import read_tensors, stream_tensors
from junkdna.files.compressed import read_compressed
from junkdna.files.masks import write_mask
from junkdna.files.quantized import write_quantized
from junkdna.inference.calibration import statistics_names, stream_statistics
from junkdna.inference.calibration_text import sequences_of
from junkdna.models.compressed import apply_recipe
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights, read_body
from junkdna.study.specs import PruneSpec
from junkdna.tasks.tokens import Tokens
from junkdna.training.qat import start_quantization, take_up, unround_weights

SEQUENCES, LENGTH = 64, 128
RECIPE = {"scope": "body", "seed": 0, "keep": 0, "group": 0}
PRUNED = {
    "magnitude": {**RECIPE, "score": "magnitude", "selection": "row"},
    "wanda": {**RECIPE, "score": "wanda", "selection": "row"},
    "ria": {**RECIPE, "score": "ria", "selection": "row"},
    "wanda, global": {**RECIPE, "score": "wanda", "selection": "global"},
    "sparsegpt": {**RECIPE, "score": "sparsegpt", "selection": "layer"},
}
QUANTIZED = {
    "rtn": {"method": "quantize", "quantizer": "rtn", "group": 64, "symmetric": False},
    "gptq": {"method": "quantize", "quantizer": "gptq", "group": 64, "symmetric": False},
}
LEVELS, BITS = (500, 700, 900), (4, 3, 2)


def random_tokens() -> Tokens:
    torch.manual_seed(0)
    ids = torch.randint(1000, 20000, (SEQUENCES * LENGTH,), dtype=torch.int32)
    return sequences_of(ids, [LENGTH] * SEQUENCES, pad_id=0)


def calibrate(folder: Path, out: Path, *, hessians: bool) -> None:
    model = load_classifier(folder, num_labels=2, seed=0)
    statistics = with_factors(stream_statistics(model, random_tokens(), hessians=hessians))
    name = "factors.safetensors" if hessians else "norms.safetensors"
    stream_tensors(out / name, statistics, statistics_names(model), {})


def mask_levels(folder: Path, out: Path, name: str, levels: tuple[int, ...]) -> None:
    """What the job of a mask does, for each level."""
    for level in levels:
        body = read_body(folder)
        dims = {key: entry.input_dim for key, entry in body.items()}
        spec = PruneSpec.from_mapping({**PRUNED[name], "per_mille": level})
        needs = {"magnitude": None, "sparsegpt": "factors"}.get(spec.score, "norms")
        found = read_tensors(out / f"{needs}.safetensors") if needs else {}
        mask = build_layerwise_mask({key: entry.tensor for key, entry in body.items()}, dims, spec, found)
        write_mask(out / f"{name}.safetensors", mask, spec, code="")


def quantize_levels(folder: Path, out: Path, name: str, levels: tuple[int, ...]) -> None:
    for bits in levels:
        body = read_body(folder)
        dims = {key: entry.input_dim for key, entry in body.items()}
        spec = QuantSpec.from_mapping({**QUANTIZED[name], "bits": bits})
        statistics = read_tensors(out / "factors.safetensors") if name == "gptq" else None
        made = quantize_weights({key: entry.tensor for key, entry in body.items()}, dims, spec, statistics)
        write_quantized(out / f"{name}.safetensors", made, dims, spec, code="")


def apart(stage: Callable[[], None]) -> tuple[float, float]:
    """Run a stage in a fork: seconds, and the peak of its memory in MiB."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        torch.set_num_threads(1)
        start = time.perf_counter()
        stage()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        os.write(writer, json.dumps([time.perf_counter() - start, peak]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return tuple(json.loads(answer))


def stages(folder: Path, out: Path) -> None:
    print("| stage | s | peak MiB | three levels, s | a further level, to the first |")
    print("| --- | ---: | ---: | ---: | ---: |", flush=True)
    for name, hessians in (("calibrate, norms", False), ("calibrate, factors too", True)):
        seconds, peak = apart(lambda hessians=hessians: calibrate(folder, out, hessians=hessians))
        print(f"| {name} | {seconds:.1f} | {peak:.0f} | | |", flush=True)
    for names, run, levels in ((PRUNED, mask_levels, LEVELS), (QUANTIZED, quantize_levels, BITS)):
        for name in names:
            (three, _), (one, peak) = (
                apart(lambda run=run, name=name, part=part: run(folder, out, name, part))
                for part in (levels, levels[:1])
            )
            print(
                f"| {name} | {one:.1f} | {peak:.0f} | {three:.1f} | {(three - one) / 2 / one:.2f} |",
                flush=True,
            )


def turns(contenders: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats + 1):
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


def loads(folder: Path, out: Path, repeats: int) -> None:
    """From files to a model at the start of its regime, by what a run calls; then to its first prediction as well.

    `transformers` maps the file into memory and reads nothing, so bare loading of a dense model is hardly any work:
    the weights are read by the first forward pass, and copied by the first step of a training.
    """
    tokens = random_tokens().input_ids[: 8 * LENGTH].view(8, LENGTH).long()

    def load() -> transformers.PreTrainedModel:
        return load_classifier(folder, num_labels=2, seed=0).eval()

    def written(model: transformers.PreTrainedModel) -> None:
        for entry in prunable_weights(model, "body").values():
            entry.tensor.data.mul_(1)

    def sparse(name: str) -> Callable[[transformers.PreTrainedModel], None]:
        recipe = {**PRUNED[name], "method": "prune", "per_mille": LEVELS[0]}
        return lambda model: apply_recipe(model, recipe, read_compressed(out / f"{name}.safetensors"))

    def quantized(model: transformers.PreTrainedModel) -> None:
        recipe = {**QUANTIZED["rtn"], "bits": BITS[0]}
        apply_recipe(model, recipe, read_compressed(quantized=out / "rtn.safetensors"))

    starts = {
        "dense": lambda model: None,
        "masked (wanda 50 %)": sparse("wanda"),
        "masked and moved (sparsegpt 50 %)": sparse("sparsegpt"),
        "quantized (rtn 4 bits)": quantized,
    }

    def timed(start: Callable[[transformers.PreTrainedModel], None], forward: bool) -> Callable[[], None]:
        def run() -> None:
            model = load()
            start(model)
            if forward:
                with torch.inference_mode():
                    model(input_ids=tokens)

        return run

    def trained(start: Callable[[transformers.PreTrainedModel], None]) -> Callable[[], None]:
        def run() -> None:
            model = load()
            start(model)
            written(model)

        return run

    show("load", turns({name: timed(start, False) for name, start in starts.items()}, repeats))
    show("load, weights written", turns({name: trained(start) for name, start in starts.items()}, repeats))
    show(
        "load and 8 x 128 tokens",
        turns({name: timed(start, True) for name, start in starts.items()}, repeats),
    )


def steps(folder: Path, repeats: int) -> None:
    """A training step of 16 sequences without the reading of data: dense and qat."""
    tokens = random_tokens().input_ids[: 16 * LENGTH].view(16, LENGTH).long()
    labels = torch.zeros(16, dtype=torch.int64)

    def make(kind: str) -> Callable[[], None]:
        model = load_classifier(folder, num_labels=2, seed=0)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
        recipe = {**QUANTIZED["rtn"], "bits": 4}
        quantization = start_quantization(model, recipe, None) if kind == "qat" else None

        def step() -> None:
            model(input_ids=tokens, labels=labels).loss.backward()
            if quantization:
                unround_weights(quantization)
            optimizer.step()
            if quantization:
                take_up(quantization)
            optimizer.zero_grad()

        return step

    show("step", turns({kind: make(kind) for kind in ("dense", "qat")}, repeats))


def show(what: str, seconds: dict[str, float]) -> None:
    print(f"\n| {what} | ms | to dense |\n| --- | ---: | ---: |")
    for name, each in seconds.items():
        print(f"| {name} | {1000 * each:.0f} | {each / seconds['dense']:.2f} |", flush=True)


def hessian_bytes(config: transformers.PretrainedConfig) -> dict[str, float]:
    """GiB that the Hessians of a Llama take in float32: in all, and the largest."""
    each = [config.hidden_size] * 6 + [config.intermediate_size]
    sizes = [4 * width * width / 2**30 for width in each]
    return {"all": config.num_hidden_layers * sum(sizes), "largest": max(sizes)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parts", nargs="+", default=["stages", "load", "step"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as out:
        folder = options.checkpoint
        if folder is None:
            folder = Path(made)
            torch.manual_seed(0)
            transformers.GPT2Model(transformers.GPT2Config()).save_pretrained(folder)
        if "stages" in options.parts:
            stages(folder, Path(out))
        if "load" in options.parts:
            if "stages" not in options.parts:
                calibrate(folder, Path(out), hessians=True)
                shutil.copy(Path(out) / "factors.safetensors", Path(out) / "norms.safetensors")
                mask_levels(folder, Path(out), "wanda", (500,))
                mask_levels(folder, Path(out), "sparsegpt", (500,))
                quantize_levels(folder, Path(out), "rtn", (4,))
            loads(folder, Path(out), options.repeats)
        if "step" in options.parts:
            steps(folder, options.repeats)
    llama = hessian_bytes(
        transformers.LlamaConfig(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32)
    )
    print(
        f"\nHessians of a 7B Llama shape: {llama['all']:.0f} GiB in all, the largest {llama['largest']:.2f} GiB"
    )


if __name__ == "__main__":
    main()
