"""When GPTQ should fit the grid of a group of columns: before any weight moves, or once the group is reached.

    OMP_NUM_THREADS=1 python benchmarks/gptq_grids.py CHECKPOINT TABLE [TABLE] [--calibration 512] [--held-out 256]
        [--every 1]

Tables and texts as for benchmarks/compression.py; of the layers every so many. Error: squared error of a layer's
output relative to the squared output, on texts that were not calibrated on. The ways:

- early: to the weights as they were (what the library does, which is checked);
- published: to the weights as they stand in the published code: moved by the blocks of 128 columns before, but not by
  the columns of the group's own block, whose updates reach the matrix when the block is done;
- late: to the weights as they have moved when the group's first column is reached;
- early, as wide as late: early, with the scales of each group multiplied by how much wider those of late are; and
  late, as narrow as early.

Ratios are geometric means over the layers that have more than one group.
"""

import argparse
import itertools
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from compression import Matrices, errors, load, read_tokens, show
from torch import Tensor

from junkdna.compression.gptq import BLOCK, quantize_gptq
from junkdna.compression.hessian import split_factor, with_factors
from junkdna.compression.quantization import QuantSpec, as_matrix, decode, dequantize, encode, fit_grid
from junkdna.inference.calibration import collect_statistics
from junkdna.models.prunable import prunable_weights

GROUPS, BITS = (32, 64, 128), (2, 3, 4)
WAYS = ("early", "published", "late")


def gptq(
    weight: Tensor, factor: Tensor, spec: QuantSpec, way: str, wider: list[float] | None = None
) -> tuple[Tensor, Tensor]:
    """GPTQ with the grids of groups fitted this way: the weights made, and the scales [rows, groups]."""
    work = weight.float().clone()
    columns = work.shape[1]
    diagonal, dead = split_factor(factor)
    work[:, dead] = 0
    given, made, scales = work.clone(), torch.empty_like(work), []
    for column in range(columns):
        if column % BLOCK == 0:
            published = work.clone()
        if column % spec.group == 0:
            seen = {"early": given, "published": published, "late": work}[way]
            group = seen[:, column : column + spec.group]
            scale, zero = fit_grid(group, spec.bits, symmetric=spec.symmetric)
            scale = scale if wider is None else scale.float() * wider[len(scales)]
            scales.append(scale.float())
        codes = encode(work[:, column : column + 1], scale, zero, spec.bits, symmetric=spec.symmetric)
        made[:, column] = decode(codes, scale, zero)[:, 0]
        error = (work[:, column] - made[:, column]) / diagonal[column]
        work[:, column:] -= error[:, None] * factor[column, column:]
    return made, torch.stack(scales, dim=1)


def check(weight: Tensor, factor: Tensor, spec: QuantSpec, made: Tensor) -> None:
    """The library's own is `early`, but for rounding, which may move a code here and there."""
    library = dequantize(quantize_gptq(weight, factor, spec), spec.group)
    share = float((library - made).abs().le(1e-6).float().mean())
    assert share > 0.99, share


def compare(matrices: Matrices, calibration: dict, held_out: dict, spec: QuantSpec) -> dict[str, str]:
    """The cells of one row, by the name of their column."""
    found, width = {way: {} for way in (*WAYS, "wide", "narrow")}, {}
    for name, weight in matrices.items():
        factor, scales = calibration[f"factors:{name}"], {}
        for way in WAYS:
            found[way][name], scales[way] = gptq(weight, factor, spec, way)
        wider = (scales["late"].square().mean(dim=0) / scales["early"].square().mean(dim=0)).sqrt()
        width[name] = float(wider.log().mean().exp())
        found["wide"][name], _ = gptq(weight, factor, spec, "early", wider.tolist())
        found["narrow"][name], _ = gptq(weight, factor, spec, "late", (1 / wider).tolist())
        check(weight, factor, spec, found["early"][name])
    each = {way: errors(matrices, made, held_out) for way, made in found.items()}
    cells = {"layers": str(len(matrices)), "early": f"{each['early'].median():.4f}"}
    titles = {"published": "published", "late": "late"}
    titles |= {"wide": "early, as wide as late", "narrow": "late, as narrow as early"}
    for way, title in titles.items():
        ratio = torch.tensor((each[way] / each["early"]).to_numpy())
        cells[f"{title} / early"] = f"{float(ratio.log().mean().exp()):.3f}"
    cells["layers where late <= early"] = f"{(each['late'] <= each['early']).mean():.0%}"
    return cells | {"scale, late / early": f"{sum(width.values()) / len(width):.3f}"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--calibration", type=int, default=512)
    parser.add_argument("--held-out", type=int, default=256)
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load(options.checkpoint)
    body = dict(list(prunable_weights(model, "body").items())[:: options.every])
    matrices = {name: as_matrix(entry.tensor.detach(), entry.input_dim) for name, entry in body.items()}
    texts = read_tokens(options.checkpoint, options.tables[0], options.calibration)
    others = read_tokens(options.checkpoint, options.tables[-1], options.held_out)
    calibration = dict(with_factors(collect_statistics(model, texts, hessians=True).items()))
    held_out = collect_statistics(model, others, hessians=True)
    print(f"{len(texts.input_ids):,} tokens of calibration text, {len(others.input_ids):,} held out")
    rows = {}
    for symmetric, group, bits in itertools.product((False, True), GROUPS, BITS):
        several = {name: weight for name, weight in matrices.items() if weight.shape[1] > group}
        if several:
            spec = QuantSpec(method="gptq", bits=bits, group=group, symmetric=symmetric)
            title = f"{'symmetric' if symmetric else 'asymmetric'}, groups of {group}, {bits} bits"
            rows[title] = compare(several, calibration, held_out, spec)
    columns = list(next(iter(rows.values())))
    show("grid", columns, {title: [cells[column] for column in columns] for title, cells in rows.items()})


if __name__ == "__main__":
    with torch.no_grad():
        main()
