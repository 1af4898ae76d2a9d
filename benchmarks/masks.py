"""Time the masks of nine levels against those of one, against reading the checkpoint and against PyTorch's.

    OMP_NUM_THREADS=1 python benchmarks/masks.py [--checkpoint FOLDER] [--repeats N]

Makes a random checkpoint of the shape of GPT-2 (124M parameters) and takes FOLDER, if given, besides. All
contenders take turns, N times; the table has medians of the processor time (one thread), which what else the
machine does disturbs least. `from the file` is the way of the workflow: map the
checkpoint, count the scores once, then select, pack and write the mask of each level. `in memory` leaves the
reading out. Files come from the page cache: each was read before.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import transformers
from safetensors.torch import load_file
from torch.nn.utils import prune

from junkdna.compression.masks import build_packed_mask
from junkdna.compression.ranking import build_ranking
from junkdna.files.masks import write_mask
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights, read_body
from junkdna.study.specs import PruneSpec

LEVELS = range(100, 1000, 100)
HALF = 500


def cut(per_mille: int) -> PruneSpec:
    return PruneSpec(
        score="magnitude", selection="global", scope="body", per_mille=per_mille, keep=0, group=0, seed=0
    )


PAIRS = PruneSpec(score="magnitude", selection="nm", scope="body", per_mille=0, keep=2, group=4, seed=0)


def read_everything(folder: Path) -> None:
    """Load the safetensors and touch every page of them."""
    for path in folder.glob("*.safetensors"):
        for tensor in load_file(path).values():
            tensor.flatten().view(torch.uint8)[::4096].sum()


def make_masks(body: dict, levels: range | list[int], out: Path) -> None:
    """Count the scores once, then select, pack and write each level."""
    weights = {name: weight.tensor for name, weight in body.items()}
    input_dims = {name: weight.input_dim for name, weight in body.items()}
    ranking = build_ranking(weights, "magnitude", 0)
    for per_mille in levels:
        mask = build_packed_mask(weights, input_dims, cut(per_mille), ranking)
        write_mask(out / f"{per_mille}.safetensors", mask, cut(per_mille), code="")


def make_pairs(body: dict, out: Path) -> None:
    weights = {name: weight.tensor for name, weight in body.items()}
    mask = build_packed_mask(weights, {name: weight.input_dim for name, weight in body.items()}, PAIRS)
    write_mask(out / "2of4.safetensors", mask, PAIRS, code="")


def mask_by_prune(model: torch.nn.Module, names: list[str]) -> None:
    """Mask one level with torch.nn.utils.prune, in place."""
    modules = [(model.base_model.get_submodule(name.removesuffix(".weight")), "weight") for name in names]
    prune.global_unstructured(modules, pruning_method=prune.L1Unstructured, amount=HALF / 1000)


def mask_by_topk(body: dict) -> list[torch.Tensor]:
    """Mask one level with one torch.topk over all magnitudes."""
    scores = torch.cat([weight.tensor.detach().abs().flatten() for weight in body.values()])
    mask = torch.ones_like(scores, dtype=torch.bool)
    mask[torch.topk(scores, len(scores) * HALF // 1000, largest=False, sorted=False).indices] = False
    return mask.split([weight.tensor.numel() for weight in body.values()])


def mask_by_sort(body: dict) -> list[torch.Tensor]:
    """Mask one level with a full stable sort of all magnitudes."""
    scores = torch.cat([weight.tensor.detach().abs().flatten() for weight in body.values()])
    mask = torch.ones_like(scores, dtype=torch.bool)
    mask[torch.sort(scores, stable=True).indices[: len(scores) * HALF // 1000]] = False
    return mask.split([weight.tensor.numel() for weight in body.values()])


def measure(folder: Path, repeats: int) -> tuple[dict[str, float], int, float]:
    """Return median seconds of each contender, the number of prunable weights and bytes a weight on disk."""
    body = read_body(folder)
    for weight in body.values():
        weight.tensor.sum()
    with tempfile.TemporaryDirectory() as out:
        models = []
        contenders: dict[str, Callable[[], object]] = {
            "read the checkpoint": lambda: read_everything(folder),
            "find the prunable weights (read_body)": lambda: read_body(folder),
            "one level, from the file": lambda: make_masks(read_body(folder), [HALF], Path(out)),
            "nine levels, from the file": lambda: make_masks(read_body(folder), LEVELS, Path(out)),
            "one level, in memory": lambda: make_masks(body, [HALF], Path(out)),
            "nine levels, in memory": lambda: make_masks(body, LEVELS, Path(out)),
            "2:4, in memory": lambda: make_pairs(body, Path(out)),
            "one level, torch prune.global_unstructured": lambda: mask_by_prune(models.pop(), list(body)),
            "one level, torch.topk": lambda: mask_by_topk(body),
            "one level, torch.sort": lambda: mask_by_sort(body),
        }
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(repeats):
            # PyTorch prunes in place, so it gets a model of its own each time, whose pages are there already.
            models.append(load_classifier(folder, num_labels=2, seed=0))
            for weight in prunable_weights(models[0], "body").values():
                weight.tensor.sum()
            for name, contender in contenders.items():
                start = time.process_time()
                contender()
                seconds[name].append(time.process_time() - start)
        num_weights = sum(weight.tensor.numel() for weight in body.values())
        size = (Path(out) / f"{HALF}.safetensors").stat().st_size
    return (
        {name: statistics.median(times) for name, times in seconds.items()},
        num_weights,
        size / num_weights,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="folder of a checkpoint to measure besides")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with tempfile.TemporaryDirectory() as made:
        torch.manual_seed(0)
        transformers.GPT2Model(transformers.GPT2Config()).save_pretrained(made)
        folders = {"GPT-2 shape, 124M": Path(made)}
        if options.checkpoint:
            folders = {options.checkpoint.resolve().name: options.checkpoint} | folders
        print("| checkpoint | what | ms | / one level, from the file | / reading |")
        print("| --- | --- | ---: | ---: | ---: |")
        notes = []
        for title, folder in folders.items():
            seconds, num_weights, density = measure(folder, options.repeats)
            one, reading = seconds["one level, from the file"], seconds["read the checkpoint"]
            for name, value in seconds.items():
                print(
                    f"| {title} | {name} | {1000 * value:.0f} | {value / one:.2f} | {value / reading:.1f} |"
                )
            levels = seconds["nine levels, in memory"] / seconds["one level, in memory"]
            notes.append(
                f"{title}: {num_weights:,} prunable weights, {density:.4f} bytes a weight on disk; "
                f"nine levels in memory cost {levels:.2f} times one."
            )
    print("\n" + "\n".join(notes))
    print(f"{options.repeats} repeats, {torch.get_num_threads()} thread, torch {torch.__version__}")


if __name__ == "__main__":
    main()
