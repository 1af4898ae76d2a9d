"""Adapters on a frozen NF4 body: what trains, what stays, and what the packed layers of bitsandbytes compute."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2Model

from architectures import ARCHITECTURES, FUSED
from architectures import save_checkpoint as save_architecture
from junkdna.compression.quantization import QuantSpec, dequantize
from junkdna.compression.quantize import quantize_weights
from junkdna.inference.batches import pad_batches
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights
from junkdna.training import qlora
from junkdna.training.loop import prepare_training
from junkdna.training.qlora import Adapters, attach_adapters, choose_base
from junkdna.training.steps import take_step
from trainings import SPEC, prepare, run, run_of, same_bits, save_checkpoint

NF4 = {"family": "nf4", "level": 71.875, "method": "quantize", "quantizer": "nf4", "bits": 4, "group": 32}
QUANT = QuantSpec.from_mapping(NF4)
LORA = replace(SPEC, lora_rank=4, lora_alpha=8.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def simulated(monkeypatch):
    """Trainings on a CPU, on the numbers that the codes stand for."""
    monkeypatch.setattr(qlora, "choose_base", lambda device: "simulated")


def quantized_of(checkpoint):
    found = prunable_weights(load_classifier(checkpoint, 2, 0), "body")
    weights = {name: entry.tensor.detach() for name, entry in found.items()}
    return quantize_weights(weights, {name: entry.input_dim for name, entry in found.items()}, QUANT)


def rounded_model(checkpoint, quantized, seed=5):
    """The classifier with the weights that the codes stand for, without adapters."""
    model = load_classifier(checkpoint, 2, seed)
    for name, entry in prunable_weights(model, "body").items():
        matrix = dequantize(quantized[name], 32)
        entry.tensor.data.copy_(matrix if entry.input_dim == 1 else matrix.t())
    return model.eval()


def adapted(checkpoint, quantized, base, seed=5):
    model = load_classifier(checkpoint, 2, seed)
    return model.eval(), attach_adapters(model, quantized, QUANT, LORA, seed=seed, base=base)


# Both end with the end token that T5 looks for.
INPUTS = {"input_ids": torch.tensor([[3, 9, 12, 30, 1], [8, 20, 7, 11, 1]])}


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_the_first_predictions_are_those_of_the_quantized_model(name, tmp_path):
    folder = tmp_path
    save_architecture(folder, name, tied=False)
    quantized = quantized_of(folder)
    if name in FUSED:
        with pytest.raises(ValueError, match="puts adapters beside linear layers, and .* are none, first"):
            adapted(folder, quantized, "simulated")
        return
    plain = rounded_model(folder, quantized)
    model, adapters = adapted(folder, quantized, "simulated")
    with torch.no_grad():
        assert torch.equal(model(**INPUTS).logits, plain(**INPUTS).logits)
    assert set(adapters.shapes) == set(quantized)
    assert adapters.parameters == 4 * sum(sum(shape) for shape in adapters.shapes.values())


def test_adapters_and_head_get_gradients_and_the_body_stays_bit_equal(checkpoint, simulated):
    quantized = quantized_of(checkpoint)
    training = prepare(checkpoint, NF4, "qlora", LORA, quantized=quantized)
    plain = dict(rounded_model(checkpoint, quantized).named_parameters())
    before = {name: each.detach().clone() for name, each in training.model.named_parameters()}
    for name, each in training.model.named_parameters():
        inside = name.startswith("bert.") and not name.startswith("bert.pooler")
        assert each.requires_grad == ("lora_" in name or not inside), name
        if "lora_" not in name:
            assert torch.equal(each, plain[name.replace(".base_layer", "")]), name
    batch = next(pad_batches(training.data, [[0, 1, 2, 3]]))
    for _ in range(3):
        take_step(training, [batch])
    for name, each in training.model.named_parameters():
        assert torch.equal(each, before[name]) != each.requires_grad, name


def test_an_adapter_adds_what_the_paper_says(checkpoint):
    """y = x W + (alpha / r) x A B, written out for every layer."""
    quantized = quantized_of(checkpoint)
    model, _ = adapted(checkpoint, quantized, "simulated")
    plain = rounded_model(checkpoint, quantized)
    draw = torch.Generator().manual_seed(1)
    for name, each in model.named_parameters():
        if "lora_B" in name:
            each.data.copy_(torch.randn(each.shape, generator=draw) * 0.1)
    added = dict(model.named_parameters())
    for name, entry in prunable_weights(plain, "body").items():
        path = f"bert.{name.removesuffix('.weight')}"
        first, second = (added[f"{path}.lora_{part}.default.weight"] for part in "AB")
        entry.tensor.data += 8.0 / 4 * second.data @ first.data
    with torch.no_grad():
        torch.testing.assert_close(model(**INPUTS).logits, plain(**INPUTS).logits)


def test_two_runs_give_the_same_bits_and_the_seed_draws_the_adapters(checkpoint, tmp_path, simulated):
    options = {"recipe": NF4, "regime": "qlora", "spec": LORA, "quantized": quantized_of(checkpoint)}
    first, second = (run(checkpoint, tmp_path, **options) for _ in range(2))
    assert same_bits(first, second)
    other = run(checkpoint, tmp_path, **options | {"seed": 6})
    names = [name for name, _ in first.model.named_parameters() if "lora_A" in name]
    one, two = dict(first.model.named_parameters()), dict(other.model.named_parameters())
    assert not any(torch.equal(one[name], two[name]) for name in names)


def test_a_killed_run_resumes_bit_for_bit_from_a_state_without_the_body(checkpoint, tmp_path, simulated):
    class Killed(Exception):
        pass

    def kill(step, model):
        if step == 4:
            raise Killed

    spec = replace(LORA, save_minutes=1e-9)
    options = {"recipe": NF4, "regime": "qlora", "spec": spec, "quantized": quantized_of(checkpoint)}
    whole = run(checkpoint, tmp_path, **options)
    with pytest.raises(Killed):
        run(checkpoint, tmp_path, **options, after_step=kill)
    kept = {
        name for name in load_file(tmp_path / "state.safetensors") if name.startswith(("weight/", "exp_avg/"))
    }
    assert kept and all("lora_" in name or "classifier" in name or "pooler" in name for name in kept)
    left = []
    resumed = run(checkpoint, tmp_path, **options, after_step=lambda step, model: left.append(step))
    assert left[0] == 5 and same_bits(whole, resumed)


def test_bits_and_bytes_count_the_adapters_too(checkpoint, tmp_path, simulated):
    quantized = quantized_of(checkpoint)
    facts = run(
        checkpoint, tmp_path, recipe=NF4, regime="qlora", spec=replace(LORA, max_steps=1), quantized=quantized
    ).facts
    count = sum(each.codes.numel() for each in quantized.values())
    bits = 4 + 16 * sum(each.scales.numel() for each in quantized.values()) / count
    adapters = sum(4 * sum(each.codes.shape) for each in quantized.values())
    assert facts["body_bytes"] == pytest.approx(bits * count / 8 + 2 * adapters)
    assert facts["effective_bits"] == pytest.approx(bits + 16 * adapters / count)


def test_what_is_missing_is_told(checkpoint, tmp_path, monkeypatch):
    options = {"recipe": NF4, "spec": LORA, "quantized": quantized_of(checkpoint)}
    needed = r"regime qlora needs a GPU and bitsandbytes \(pip install bitsandbytes peft\); found device "
    with pytest.raises(ValueError, match=needed + "cpu"):
        run(checkpoint, tmp_path, regime="qlora", **options)
    monkeypatch.setattr(qlora, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=needed + "cuda:0, but no package bitsandbytes"):
        choose_base(torch.device("cuda:0"))
    with pytest.raises(
        ValueError, match=r"'qat' does not fit a recipe of method 'quantize', quantizer 'nf4'; legal: .*qlora"
    ):
        run(checkpoint, tmp_path, regime="qat", **options)
    rtn = {**NF4, "quantizer": "rtn", "symmetric": True}
    with pytest.raises(
        ValueError, match=r"'qlora' does not fit a recipe of method 'quantize', quantizer 'rtn'; legal: .*qat"
    ):
        run(checkpoint, tmp_path, regime="qlora", recipe=rtn, spec=LORA)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A GPT-2 whose weights fill blocks of 32; its layers keep their inputs in the first dimension."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("wide")
    config = GPT2Config(vocab_size=40, n_positions=24, n_embd=32, n_layer=2, n_head=2, n_inner=64)
    GPT2Model(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("grown", [False, True])
def test_packed_layers_compute_what_the_simulated_ones_do(wide, grown):
    bitsandbytes = pytest.importorskip("bitsandbytes")
    quantized = quantized_of(wide)
    losses, gradients = [], []
    for base in ("simulated", "packed"):
        model, adapters = adapted(wide, quantized, base)
        assert isinstance(adapters, Adapters)
        kinds = [isinstance(layer, bitsandbytes.nn.Linear4bit) for layer in model.modules()]
        assert sum(kinds) == (len(quantized) if base == "packed" else 0)
        if grown:
            draw = torch.Generator().manual_seed(1)
            for name, each in model.named_parameters():
                if "lora_B" in name:
                    each.data.copy_(torch.randn(each.shape, generator=draw) * 0.1)
        model.train()
        for layer in model.modules():
            if isinstance(layer, torch.nn.Dropout):
                layer.p = 0.0
        loss = model(**INPUTS, labels=torch.tensor([0, 1])).loss
        loss.backward()
        losses.append(loss.detach())
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-6)
    assert set(gradients[0]) == set(gradients[1])
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_run_on_a_gpu_holds_the_body_packed(wide):
    bitsandbytes = pytest.importorskip("bitsandbytes")
    device, quantized = torch.device("cuda"), quantized_of(wide)
    made = run_of(wide, recipe=NF4, regime="qlora", spec=LORA, device=device, quantized=quantized)
    training = prepare_training(made)
    packed = [each for each in training.model.modules() if isinstance(each, bitsandbytes.nn.Linear4bit)]
    assert packed and all(each.weight.dtype == torch.uint8 and each.weight.is_cuda for each in packed)
