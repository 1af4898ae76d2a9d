"""NF4: four-bit codes for weights that are normally distributed.

Dettmers, Pagnoni, Holtzman and Zettlemoyer, QLoRA, NeurIPS 2023, section 3 and appendix E. A block of weights is
divided by its largest magnitude, and each becomes the nearest of 16 values, which are quantiles of the normal
distribution, scaled to [-1, 1]. Here a block is a group of consecutive columns of one row, the last of a row may
be shorter. The paper's blocks run over the rows one after the other: the same where groups fill the rows.
"""

import torch
from torch import Tensor

from junkdna.compression.quantization import Quantized

# With Q the quantile function of N(0, 1) and p = 1 - (1/32 + 1/30) / 2: -Q at 8 even steps from p to 1/2 without
# the last, 0, and Q at 9 such steps upwards, over the largest; half the steps a side, and one more above 0.
CODEBOOK = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)
# The code of the weight 0.
ZERO = CODEBOOK.index(0.0)


def codebook(device: torch.device | str = "cpu") -> Tensor:
    """The 16 values, rising, float32."""
    return torch.tensor(CODEBOOK, device=device)


def encode_nf4(weight: Tensor, scale: Tensor) -> Tensor:
    """Turn blocks [blocks, size] to codes, uint8: the nearest value times the scale [blocks], of two the lower."""
    values = codebook(weight.device)
    bounds = (values[:-1] + values[1:]) / 2
    shares = (weight.float() * (1 / scale.float())[:, None]).contiguous()
    return torch.bucketize(shares, bounds).to(torch.uint8)


def quantize_nf4(weight: Tensor, group: int) -> Quantized:
    """Round weights [rows, columns] to NF4 in blocks of `group` columns.

    The scale is the largest magnitude of a block, in half precision as all scales here are, and codes are made
    with it as it is kept. A block without a scale (see `fit_grid`) gets 1, so its codes all say 0.
    """
    rows, columns = weight.shape
    codes = torch.empty(rows, columns, dtype=torch.uint8, device=weight.device)
    whole = columns - columns % group
    scales = []
    for part, width in ((slice(0, whole), group), (slice(whole, columns), columns - whole)):
        if width and weight[:, part].numel():
            blocks = weight[:, part].float().reshape(-1, width)
            scale = blocks.abs().amax(dim=1).half()
            scale = torch.where(scale > 0, scale, torch.ones_like(scale))
            codes[:, part] = encode_nf4(blocks, scale).view(rows, -1)
            scales.append(scale.view(rows, -1))
    kept = torch.cat(scales, dim=1)
    return Quantized(
        codes, kept, torch.full_like(kept, ZERO, dtype=torch.uint8), codebook=codebook(weight.device)
    )
