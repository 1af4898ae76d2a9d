"""Set our Wanda, SparseGPT and GPTQ against those of llm-compressor, on one checkpoint and the same tokens.

    python benchmarks/against_llmcompressor.py ours CHECKPOINT FOLDER --texts TABLE
    <other python> benchmarks/against_llmcompressor.py theirs CHECKPOINT FOLDER
    python benchmarks/against_llmcompressor.py compare CHECKPOINT FOLDER

llm-compressor cannot be installed beside this project, so `theirs` is run by the Python of an environment of its
own (torch, transformers 5.17.0, compressed-tensors 0.19.0, accelerate, datasets, loguru, and llmcompressor
0.14.0.1 with --no-deps) and imports nothing of ours. FOLDER holds what the parts hand on: the tokens (sequences of
equal length, so no padding), our statistics, weights of both. TABLE: parquet with a column `text`, and `text_pair`
if it has one. Their pipeline is `basic`: one pass through the dense model, as ours is. All in float32.

`compare` prints two rows a method: both as they come, and ours with their rules put in place of ours. A third sets
ours against ours with the inverse in float32: as many bits as differ there, rounding alone decides.
"""

import argparse
import json
import os
from pathlib import Path
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

LENGTH = 128
# Name -> score or quantizer, and what tells the levels apart.
PRUNED = {"wanda 50 %": ("wanda", ""), "wanda 2:4": ("wanda", "2:4")}
PRUNED |= {"sparsegpt 50 %": ("sparsegpt", ""), "sparsegpt 2:4": ("sparsegpt", "2:4")}
# Name -> group (0: the whole row), symmetric.
QUANTIZED = {
    "gptq 4 bits, rows": (0, True),
    "gptq 4 bits, rows, asymmetric": (0, False),
    "gptq 4 bits, groups of 128": (128, True),
}


def fits(group: int, weights: dict[str, Tensor]) -> bool:
    """Their groups all have to be full."""
    return not group or all(weight.shape[1] % group == 0 for weight in weights.values())


def make_ids(checkpoint: Path, texts: Path, sequences: int) -> Tensor:
    """The texts one after the other, cut into sequences of equal length: int64 [sequences, LENGTH]."""
    import pandas as pd

    from junkdna.tasks.tokens import load_tokenizer

    table = pd.read_parquet(texts)
    lines = table["text"].tolist()
    if "text_pair" in table:
        lines = [f"{a} {b}" for a, b in zip(lines, table["text_pair"], strict=True)]
    tokenizer = load_tokenizer(checkpoint)
    ids = [i for line in lines for i in tokenizer(line, add_special_tokens=False)["input_ids"]]
    count = min(len(ids) // LENGTH, sequences)
    return torch.tensor(ids[: count * LENGTH]).view(count, LENGTH)


def is_decoder(checkpoint: Path) -> bool:
    return "CausalLM" in json.loads((checkpoint / "config.json").read_text())["architectures"][0]


def our_model(checkpoint: Path) -> torch.nn.Module:
    from junkdna.models.decoder import load_causal
    from junkdna.models.load import load_classifier

    return load_causal(checkpoint) if is_decoder(checkpoint) else load_classifier(checkpoint, 2, 0)


def our_layers(checkpoint: Path) -> dict[str, Tensor]:
    from junkdna.models.prunable import prunable_weights

    body = prunable_weights(our_model(checkpoint), "body")
    assert all(entry.input_dim == 1 for entry in body.values()), "a checkpoint with nn.Linear only"
    return {name: entry.tensor.detach() for name, entry in body.items()}


def run_ours(checkpoint: Path, folder: Path, texts: Path, sequences: int) -> None:
    from junkdna.inference.calibration import collect_statistics
    from junkdna.inference.calibration_text import sequences_of

    ids = make_ids(checkpoint, texts, sequences)
    count = len(ids)
    tokens = sequences_of(ids.flatten().int(), [LENGTH] * count, pad_id=0)
    statistics = collect_statistics(our_model(checkpoint), tokens, hessians=True)
    save_file({"ids": ids}, folder / "ids.safetensors")
    save_file(statistics, folder / "statistics.safetensors")
    print(f"{count} sequences of {LENGTH} tokens, {ids.numel()} tokens")


def run_theirs(checkpoint: Path, folder: Path) -> None:
    """Write, for each method, the weights as their oneshot leaves them, and scales and zeros of the quantized."""
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from datasets import Dataset
    from llmcompressor import oneshot
    from llmcompressor.core import reset_session
    from llmcompressor.modifiers.pruning import SparseGPTModifier, WandaPruningModifier
    from llmcompressor.modifiers.quantization import GPTQModifier
    from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

    ids = load_file(folder / "ids.safetensors")["ids"]
    data = {"input_ids": ids.tolist(), "attention_mask": torch.ones_like(ids).tolist()}
    kind, outside = (AutoModelForCausalLM if is_decoder(checkpoint) else AutoModel), ("pooler", "lm_head")
    ignore = [f"re:.*{part}.*" for part in outside]

    def run(recipe) -> torch.nn.Module:
        model = kind.from_pretrained(checkpoint, dtype=torch.float32)
        oneshot(
            model=model,
            tokenizer=AutoTokenizer.from_pretrained(checkpoint),
            dataset=Dataset.from_dict(data),
            recipe=recipe,
            pipeline="basic",
            num_calibration_samples=len(ids),
            max_seq_length=LENGTH,
            shuffle_calibration_samples=False,
        )
        reset_session()
        return model

    def linear(model: torch.nn.Module) -> dict[str, torch.nn.Module]:
        found = {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
        found = {name: layer for name, layer in found.items() if not any(part in name for part in outside)}
        return {name.removeprefix("model."): layer for name, layer in found.items()}

    for label, (score, pattern) in PRUNED.items():
        modifier = WandaPruningModifier if score == "wanda" else SparseGPTModifier
        recipe = modifier(sparsity=0.5, mask_structure=pattern or "0:0", targets=["Linear"], ignore=ignore)
        made = {f"{n}.weight": m.weight.detach().clone() for n, m in linear(run(recipe)).items()}
        save_file(made, folder / f"theirs {label.replace(':', 'of')}.safetensors")
    weights = {n: m.weight for n, m in linear(kind.from_pretrained(checkpoint)).items()}
    for label, (group, symmetric) in QUANTIZED.items():
        if not fits(group, weights):
            continue
        grid = {"strategy": "group", "group_size": group} if group else {"strategy": "channel"}
        scheme = QuantizationScheme(
            targets=["Linear"], weights=QuantizationArgs(num_bits=4, symmetric=symmetric, **grid)
        )
        recipe = GPTQModifier(config_groups={"all": scheme}, ignore=ignore, actorder=None)
        made = {}
        for name, layer in linear(run(recipe)).items():
            made[f"{name}.weight"] = layer.weight.detach().clone()
            made[f"scales:{name}.weight"] = layer.weight_scale.detach().clone()
            if not symmetric:
                made[f"zeros:{name}.weight"] = layer.weight_zero_point.detach().clone()
        save_file(made, folder / f"theirs {label}.safetensors")


def prune(label: str, weights: dict[str, Tensor], statistics: dict[str, Tensor]) -> dict[str, Tensor]:
    from junkdna.compression.layerwise import build_layerwise_mask
    from junkdna.compression.masks import unpack
    from junkdna.study.specs import PruneSpec

    score, pattern = PRUNED[label]
    level = {"per_mille": 0, "keep": 2, "group": 4} if pattern else {"per_mille": 500, "keep": 0, "group": 0}
    selection = "nm" if pattern else {"wanda": "row", "sparsegpt": "layer"}[score]
    spec = PruneSpec(score=score, selection=selection, scope="body", seed=0, **level)
    made = build_layerwise_mask(weights, dict.fromkeys(weights, 1), spec, statistics)
    return {
        name: made.weights.get(name, weight * unpack(made.bits[name], made.shapes[name]))
        for name, weight in weights.items()
    }


def their_block_mask(work: Tensor, factor: Tensor, start: int, end: int, *_) -> Tensor:
    """Everything up to and including the score of rank n * sparsity goes: one weight a block more than asked."""
    from junkdna.compression import sparsegpt

    scores = sparsegpt._scores(work, factor, start, end)
    return scores > scores.flatten().sort().values[scores.numel() // 2]


def factor_in_float32(hessian: Tensor) -> Tensor:
    """What `compression.hessian.upper_inverse_factor` makes in float64, for layers whose inputs were all active."""
    hessian = hessian.clone()
    diagonal = hessian.diagonal()
    assert diagonal.all()
    diagonal += 0.01 * diagonal.mean()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    return torch.linalg.cholesky(inverse, upper=True)


def quantize(
    weights: dict[str, Tensor], statistics: dict[str, Tensor], group: int, symmetric: bool
) -> dict[str, tuple[Tensor, Tensor]]:
    """Codes and weights of each layer."""
    from junkdna.compression.gptq import quantize_gptq
    from junkdna.compression.quantization import QuantSpec, dequantize

    spec = QuantSpec(method="gptq", bits=4, group=group, symmetric=symmetric)
    made = {n: quantize_gptq(w, statistics[f"factors:{n}"], spec) for n, w in weights.items()}
    return {name: (each.codes, dequantize(each, group)) for name, each in made.items()}


def quantize_on_their_grids(
    weights: dict[str, Tensor], statistics: dict[str, Tensor], theirs: dict[str, Tensor], group: int
) -> dict[str, tuple[Tensor, Tensor]]:
    """Our GPTQ where the grids are not fitted but given: float32, all 16 codes used."""
    from junkdna.compression import gptq
    from junkdna.compression.quantization import QuantSpec

    made = {}
    for name, weight in weights.items():
        scales, zeros = theirs[f"scales:{name}"], their_zeros(theirs, name)
        given = iter(zip(scales.unbind(1), zeros.unbind(1), strict=True))
        with mock.patch.object(gptq, "fit_grid", lambda *_, given=given, **__: next(given)):
            spec = QuantSpec(method="gptq", bits=4, group=group, symmetric=False)
            codes = gptq.quantize_gptq(weight, statistics[f"factors:{name}"], spec).codes
        repeat = torch.arange(weight.shape[1]) // (group or weight.shape[1])
        made[name] = codes, (codes.float() - zeros[:, repeat]) * scales[:, repeat]
    return made


def their_zeros(theirs: dict[str, Tensor], name: str) -> Tensor:
    """Their codes run from -8 to 7, ours from 0 to 15."""
    scales = theirs[f"scales:{name}"]
    zeros = theirs.get(f"zeros:{name}", torch.zeros_like(scales))
    return zeros.float() + 8


def their_codes(theirs: dict[str, Tensor], name: str, group: int) -> Tensor:
    weight = theirs[name]
    repeat = torch.arange(weight.shape[1]) // (group or weight.shape[1])
    steps = weight / theirs[f"scales:{name}"][:, repeat]
    assert (steps - steps.round()).abs().max() < 1e-2, "their weights lie on their grid"
    return (steps.round() + their_zeros(theirs, name)[:, repeat]).to(torch.uint8)


def output_error(weights: dict, made: dict, statistics: dict) -> float:
    """Squared error of the outputs on the calibration tokens, relative, median over layers."""
    errors = []
    for name, weight in weights.items():
        hessian, change = statistics[f"hessians:{name}"], weight - made[name]
        errors.append(float(((change @ hessian) * change).sum() / ((weight @ hessian) * weight).sum()))
    return torch.tensor(errors).median().item()


def show(label: str, how: str, weights: dict, ours: dict, theirs: dict, same: dict, statistics: dict) -> None:
    """One row: share of equal mask bits or codes, of layers where all are, and how far the weights are apart."""
    share = sum(int(each.sum()) for each in same.values()) / sum(each.numel() for each in same.values())
    whole = sum(bool(each.all()) for each in same.values())
    apart = max(float((ours[n] - theirs[n]).abs().max() / w.abs().max()) for n, w in weights.items())
    where = max(
        float(((ours[n] - theirs[n]) * same[n]).abs().max() / w.abs().max()) for n, w in weights.items()
    )
    errors = " | ".join(f"{output_error(weights, made, statistics):.5f}" for made in (ours, theirs))
    print(
        f"| {label} | {how} | {100 * share:.4f} | {whole} of {len(same)} | {apart:.1e} | {where:.1e} | {errors} |"
    )


def compare(checkpoint: Path, folder: Path) -> None:
    from junkdna.compression.hessian import with_factors

    weights = our_layers(checkpoint)
    statistics = load_file(folder / "statistics.safetensors")
    single = {f"factors:{name}": factor_in_float32(statistics[f"hessians:{name}"]) for name in weights}
    statistics |= dict(with_factors(statistics.items()))
    single = statistics | single
    print(f"{len(weights)} layers, {sum(w.numel() for w in weights.values()):,} weights\n")
    print(
        "| method | ours | equal, % | layers wholly equal | max dW / max W | there where equal | error, ours | theirs |"
    )
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for label in PRUNED:
        made_by_them = folder / f"theirs {label.replace(':', 'of')}.safetensors"
        if made_by_them.is_file():
            compare_pruned(label, weights, statistics, single, load_file(made_by_them))
    for label in QUANTIZED:
        made_by_them = folder / f"theirs {label}.safetensors"
        if made_by_them.is_file():
            compare_quantized(label, weights, statistics, single, load_file(made_by_them))


def compare_pruned(
    label: str, weights: dict, statistics: dict, single: dict, theirs: dict[str, Tensor]
) -> None:
    from junkdna.compression import sparsegpt

    def row(how: str, ours: dict[str, Tensor], other: dict[str, Tensor]) -> None:
        same = {name: (ours[name] != 0) == (other[name] != 0) for name in weights}
        show(label, how, weights, ours, other, same, statistics)

    ours = prune(label, weights, statistics)
    row("as it is", ours, theirs)
    if label == "sparsegpt 50 %":
        with mock.patch.object(sparsegpt, "_block_mask", their_block_mask):
            row("one more a block", prune(label, weights, statistics), theirs)
    if "sparsegpt" in label:
        row("against ours in float32", ours, prune(label, weights, single))


def compare_quantized(
    label: str, weights: dict, statistics: dict, single: dict, theirs: dict[str, Tensor]
) -> None:
    group, symmetric = QUANTIZED[label]

    def row(how: str, ours: dict, codes: dict[str, Tensor], other: dict[str, Tensor]) -> None:
        same = {name: ours[name][0] == codes[name] for name in weights}
        show(
            label, how, weights, {name: weight for name, (_, weight) in ours.items()}, other, same, statistics
        )

    codes = {name: their_codes(theirs, name, group) for name in weights}
    row("as it is", quantize(weights, statistics, group, symmetric), codes, theirs)
    ours = quantize_on_their_grids(weights, statistics, theirs, group)
    row("their grids", ours, codes, theirs)
    rounded = quantize_on_their_grids(weights, single, theirs, group)
    both = [{name: made[at] for name, made in rounded.items()} for at in (0, 1)]
    row("their grids, against ours in float32", ours, *both)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("ours", "theirs", "compare"))
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=Path, help="for `ours`")
    parser.add_argument("--sequences", type=int, default=192, help="for `ours`: at most so many")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.part == "ours":
        run_ours(options.checkpoint, options.folder, options.texts, options.sequences)
    elif options.part == "theirs":
        run_theirs(options.checkpoint, options.folder)
    else:
        compare(options.checkpoint, options.folder)


if __name__ == "__main__":
    main()
