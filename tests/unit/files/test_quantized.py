"""Quantized weights as files: they give the same weights, bit for bit, and are as small as they say."""

import json

import pytest
import torch

from architectures import ARCHITECTURES, INPUT_DIMS, save_checkpoint
from junkdna.compression.hessian import upper_inverse_factor
from junkdna.compression.quantization import QuantSpec, dequantize, fake_quantize
from junkdna.compression.quantize import quantize_weights
from junkdna.files.artifacts import read_metadata
from junkdna.files.quantized import read_dequantized, read_quantized, write_quantized
from junkdna.models.prunable import read_body

SPECS = {
    "w4": QuantSpec(method="rtn", bits=4, group=0, symmetric=True),
    "w3g16": QuantSpec(method="rtn", bits=3, group=16, symmetric=False),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_file_gives_the_rounded_weights_of_every_architecture(architecture, spec, tmp_path):
    save_checkpoint(tmp_path / "model", architecture, tied=False)
    body = read_body(tmp_path / "model")
    weights = {name: entry.tensor.detach() for name, entry in body.items()}
    dims = {name: entry.input_dim for name, entry in body.items()}
    assert set(dims.values()) == INPUT_DIMS.get(architecture, {1})
    path = tmp_path / "quantized.safetensors"
    write_quantized(path, quantize_weights(weights, dims, spec), dims, spec, code="x")
    found = read_dequantized(path)
    assert list(found) == list(weights)
    bits = 0
    for name, weight in weights.items():
        # By the definition: a grid for each `group` inputs of each output, whichever way the weight lies.
        columns = (weight if dims[name] == 1 else weight.t()).float()
        expected = fake_quantize(columns, spec)
        expected = expected if dims[name] == 1 else expected.t()
        assert torch.equal(found[name], expected)
        assert not torch.equal(found[name], weight.float())
        rows, inputs = columns.shape
        groups = -(-inputs // (spec.group or inputs))
        bits += rows * inputs * spec.bits + rows * groups * (16 if spec.symmetric else 16 + spec.bits)
    metadata = read_metadata(path)
    total = sum(weight.numel() for weight in weights.values())
    assert float(metadata["effective_bits"]) == pytest.approx(bits / total)
    header = int.from_bytes(path.read_bytes()[:8], "little") + 8
    # Each packed tensor is filled up to a whole byte.
    assert 0 <= path.stat().st_size - header - bits / 8 <= 2 * len(weights)
    assert json.loads(metadata["spec"])["bits"] == spec.bits


def test_gptq_weights_come_back_from_their_file(tmp_path):
    draw = torch.Generator().manual_seed(0)
    weights = {"wide": torch.randn(10, 24, generator=draw), "turned": torch.randn(24, 6, generator=draw)}
    dims = {"wide": 1, "turned": 0}
    inputs = torch.randn(200, 24, generator=draw)
    factors = {f"factors:{name}": upper_inverse_factor(inputs.t() @ inputs) for name in ("wide", "turned")}
    spec = QuantSpec(method="gptq", bits=3, group=8, symmetric=False)
    made = quantize_weights(weights, dims, spec, factors)
    write_quantized(tmp_path / "q.safetensors", made, dims, spec, code="x", unseen=["wide"])
    assert json.loads(read_metadata(tmp_path / "q.safetensors")["unseen"]) == ["wide"]
    for name, each in read_quantized(tmp_path / "q.safetensors").items():
        assert torch.equal(each.codes, made[name].codes)
        assert torch.equal(each.scales, made[name].scales)
        assert torch.equal(each.zeros, made[name].zeros)
    found = read_dequantized(tmp_path / "q.safetensors")
    assert torch.equal(found["turned"], dequantize(made["turned"], 8).t())
    assert found["turned"].shape == (24, 6)
    rounded = quantize_weights(weights, dims, QuantSpec(method="rtn", bits=3, group=8, symmetric=False))
    assert not torch.equal(made["wide"].codes, rounded["wide"].codes)
    # With one that couples no inputs.
    apart = quantize_weights({"wide": weights["wide"]}, dims, spec, {"factors:wide": torch.eye(24)})
    assert torch.equal(apart["wide"].codes, rounded["wide"].codes)


def test_what_cannot_be_quantized_is_told():
    spec = QuantSpec(method="gptq", bits=4, group=0, symmetric=True)
    rtn = QuantSpec(method="rtn", bits=4, group=0, symmetric=True)
    with pytest.raises(ValueError, match=r"gptq needs the factors of every weight, .* lack those of 1 \(a\)"):
        quantize_weights({"a": torch.ones(2, 3)}, {"a": 1}, spec, {"factors:b": torch.eye(3)})
    with pytest.raises(ValueError, match="a holds a weight that is NaN or infinite"):
        quantize_weights({"a": torch.tensor([[1.0, float("nan")]])}, {"a": 1}, rtn)
    with pytest.raises(ValueError, match="no weight to quantize"):
        quantize_weights({}, {}, rtn)
