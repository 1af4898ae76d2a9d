"""NF4: its values from the paper's quantiles, its codes against a search, its files, and against bitsandbytes."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from configs import SCHEMA, lines, user
from junkdna.compression.nf4 import CODEBOOK, ZERO, codebook, encode_nf4, quantize_nf4
from junkdna.compression.quantization import QuantSpec, dequantize
from junkdna.compression.quantize import quantize_weights
from junkdna.files.artifacts import read_metadata
from junkdna.files.quantized import read_dequantized, read_quantized, write_quantized
from junkdna.study.check import check
from junkdna.study.recipes import expand_recipes, spec_of
from junkdna.study.regimes import legal_regimes
from junkdna.study.runs import training_of, valid_runs


def matrix(rows: int = 6, columns: int = 192) -> torch.Tensor:
    weight = np.random.default_rng(0).normal(size=(rows, columns)) * np.arange(1, rows + 1)[:, None]
    return torch.from_numpy(weight.astype(np.float32))


def test_the_values_are_the_papers_quantiles():
    """Appendix E: delta = (1/32 + 1/30) / 2; eight quantiles from delta to 1/2, nine from 1/2 to 1 - delta."""
    delta = (1 / 32 + 1 / 30) / 2
    low, high = norm.ppf(np.linspace(delta, 0.5, 8)), norm.ppf(np.linspace(0.5, 1 - delta, 9))
    values = np.concatenate([low[:-1], [0.0], high[1:]]) / high[-1]
    np.testing.assert_allclose(CODEBOOK, values, rtol=0, atol=1e-6)
    assert len(CODEBOOK) == 16 and list(CODEBOOK) == sorted(CODEBOOK) and CODEBOOK[ZERO] == 0


@pytest.mark.parametrize("group", [32, 64, 128])
def test_every_weight_goes_to_the_nearest_value_of_its_block(group):
    """Blocks of 128 do not fill the rows of 192: the last of each row is shorter."""
    weight = matrix()
    weight[2, :group] = 0
    made = quantize_nf4(weight, group)
    assert made.codes.dtype == torch.uint8 and int(made.codes.max()) <= 15
    assert made.scales.shape == (6, -(-192 // group)) and made.scales.dtype == torch.float16
    back = dequantize(made, group).double().numpy()
    for row, new in zip(weight.double().numpy(), back, strict=True):
        for start in range(0, 192, group):
            part = slice(start, start + group)
            scale = float(np.float16(np.abs(row[part]).max())) or 1.0
            distance = np.abs(row[part][:, None] - scale * np.array(CODEBOOK))
            np.testing.assert_allclose(np.abs(new[part] - row[part]), distance.min(axis=1), atol=1e-6)
    assert (back[2, :group] == 0).all()
    assert torch.equal(quantize_nf4(dequantize(made, group), group).codes, made.codes)


@pytest.mark.parametrize("group", [64, 96])
def test_weights_come_back_from_their_file(tmp_path, group):
    weights = {"wide": matrix(), "turned": matrix(8, 192).t().contiguous()}
    dims = {"wide": 1, "turned": 0}
    spec = QuantSpec(method="nf4", bits=4, group=group, symmetric=True)
    made = quantize_weights(weights, dims, spec)
    path = tmp_path / "nf4.safetensors"
    write_quantized(path, made, dims, spec, code="x")
    for name, each in read_quantized(path).items():
        for key in ("codes", "scales", "zeros", "codebook"):
            assert torch.equal(getattr(each, key), getattr(made[name], key)), key
    assert torch.equal(read_dequantized(path)["turned"], dequantize(made["turned"], group).t())
    assert float(read_metadata(path)["effective_bits"]) == pytest.approx(4 + 16 / group)
    header = int.from_bytes(path.read_bytes()[:8], "little") + 8
    assert path.stat().st_size - header == 14 * 192 * (4 + 16 / group) / 8 + 16 * 4


def nf4(**changes) -> dict:
    return user(sweeps__nf4={"quantizer": "nf4", "bits": [4], **changes})


def test_a_sweep_is_one_recipe_for_qlora():
    config = nf4()
    config["study"]["runs"] = [{"recipes": ["nf4"], "regimes": ["qlora"]}]
    config = check(config, SCHEMA)
    assert config["sweeps"]["nf4"] == {"bits": [4], "group": 64, "quantizer": "nf4"}
    assert check(config, SCHEMA) == config
    recipe = expand_recipes(config["sweeps"])["nf4-w4g64"]
    assert recipe["level"] == round(100 * (1 - 4.25 / 16), 4)
    assert spec_of(recipe) == {"bits": 4, "group": 64, "quantizer": "nf4"}
    assert "qlora" in legal_regimes(recipe) and "qat" not in legal_regimes(recipe)
    assert QuantSpec.from_mapping(recipe).method == "nf4"
    assert {run["recipe"] for run in valid_runs(config)} == {"dense", "nf4-w4g64"}


def test_the_keys_of_adapters_reach_runs_with_adapters_only():
    config = check(nf4(), SCHEMA)
    checkpoint, task = config["study"]["checkpoints"][0], next(iter(config["tasks"]))
    plain, adapted = (training_of(config, checkpoint, task, regime) for regime in ("qat", "qlora"))
    assert set(adapted) - set(plain) == {"lora_rank", "lora_alpha", "lora_dropout"}
    assert (adapted["lora_rank"], adapted["lora_alpha"], adapted["lora_dropout"]) == (16, 32.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"bits": [4, 3]}, "sweeps.nf4.bits: found [4, 3]; legal: [4] beside quantizer nf4"),
        (
            {"group": 48},
            "sweeps.nf4.group: found 48; legal: 32, 64, 128, 256, 512, 1024, 2048, 4096 beside quantizer nf4",
        ),
        (
            {"symmetric": True},
            "sweeps.nf4.symmetric: found beside quantizer nf4; legal: beside rtn and gptq only",
        ),
    ],
)
def test_each_mistake_gives_its_one_line(changes, expected):
    assert lines(nf4(**changes)) == [expected]


def test_regimes_and_quantizers_that_do_not_fit():
    config = nf4()
    config["sweeps"]["rtn"] = {"quantizer": "rtn", "bits": [4]}
    config["study"]["runs"] = [{"recipes": ["nf4", "rtn"], "regimes": ["qlora", "qat"]}]
    told = lines(config)
    assert len(told) == 2
    assert told[0].startswith("study.runs[0].regimes: found 'qlora' with recipe rtn-w4; legal: ")
    assert told[1].startswith("study.runs[0].regimes: found 'qat' with recipe nf4-w4g64; legal: ")


@pytest.mark.parametrize("group", [64, 128])
def test_bitsandbytes_gives_the_same_codes_and_weights(group):
    """Its scales are in single precision; with them every bit agrees. Half precision moves few codes."""
    functional = pytest.importorskip("bitsandbytes.functional")
    weight = matrix(64, 512) * 0.02
    packed, state = functional.quantize_4bit(weight, blocksize=group, quant_type="nf4")
    theirs = torch.stack([packed.flatten() >> 4, packed.flatten() & 15], dim=1).view(64, 512)
    blocks = weight.view(-1, group)
    assert torch.equal(functional.get_4bit_type("nf4", "cpu"), codebook())
    assert torch.equal(state.absmax, blocks.abs().amax(dim=1))
    codes = encode_nf4(blocks, state.absmax)
    assert torch.equal(codes.view(64, 512), theirs)
    weights = codebook()[codes.int()] * state.absmax[:, None]
    assert torch.equal(weights.view(64, 512), functional.dequantize_4bit(packed, state))
    ours = quantize_nf4(weight, group)
    same = ours.codes == theirs
    assert same.float().mean() > 0.998
    made, other = dequantize(ours, group)[same], weights.view(64, 512)[same]
    torch.testing.assert_close(made, other, rtol=2**-11, atol=0)
