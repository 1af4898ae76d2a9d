"""Quantization-aware training: what the forward pass sees, what the gradient moves, what is left at the end."""

from dataclasses import replace

import pytest
import torch
from transformers import GPT2Config, GPT2Model

import junkdna.training.steps as steps
from junkdna.compression.hessian import upper_inverse_factor
from junkdna.compression.quantization import QuantSpec, dequantize, fake_quantize, snap
from junkdna.compression.quantize import quantize_weights
from junkdna.inference.batches import pad_batches
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights
from trainings import DENSE, SPEC, prepare, run, same_bits, save_checkpoint, watch

QUANTIZED = {
    "family": "rtn",
    "level": 75.0,
    "method": "quantize",
    "quantizer": "rtn",
    "bits": 4,
    "group": 0,
    "symmetric": True,
}
GPTQ = QUANTIZED | {"quantizer": "gptq", "bits": 3, "group": 8, "symmetric": False}
STILL = replace(SPEC, learning_rate=0.0, weight_decay=0.0, max_steps=1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


def body_of(checkpoint):
    found = prunable_weights(load_classifier(checkpoint, 2, 0), "body")
    weights = {name: entry.tensor.detach() for name, entry in found.items()}
    return weights, {name: entry.input_dim for name, entry in found.items()}


def gptq_of(checkpoint):
    weights, dims = body_of(checkpoint)
    draw = torch.Generator().manual_seed(0)
    inputs = {
        name: torch.randn(99, weight.shape[dims[name]], generator=draw) for name, weight in weights.items()
    }
    factors = {f"factors:{name}": upper_inverse_factor(each.t() @ each) for name, each in inputs.items()}
    return quantize_weights(weights, dims, QuantSpec.from_mapping(GPTQ), factors)


def test_a_run_starts_from_the_rounded_weights_and_leaves_the_others_alone(checkpoint, tmp_path):
    seen = []
    run(checkpoint, tmp_path, recipe=QUANTIZED, regime="qat", spec=STILL, after_step=watch(seen))
    whole, _ = body_of(checkpoint)
    for name, weight in seen[0][1].items():
        assert torch.equal(weight, fake_quantize(whole[name], QuantSpec.from_mapping(QUANTIZED)))
    training = prepare(checkpoint, QUANTIZED, "qat", SPEC)
    plain = prepare(checkpoint, DENSE, "dense", SPEC)
    inside = {id(weight) for weight in training.quantization.weights.values()}
    for (name, ours), theirs in zip(training.model.named_parameters(), plain.model.parameters(), strict=True):
        assert torch.equal(ours, theirs) == (id(ours) not in inside), name


def test_every_forward_pass_sees_weights_on_the_grid_and_the_grid_moves(checkpoint, tmp_path):
    """Each row of a weight takes at most 15 values, whole multiples of one step, and the step follows the weights."""
    seen = []
    outcome = run(checkpoint, tmp_path, recipe=QUANTIZED, regime="qat", after_step=watch(seen))
    assert len(seen) > 4
    for _, weights in seen:
        for weight in weights.values():
            scale = weight.abs().amax(dim=1, keepdim=True) / 7
            codes = weight / scale
            assert (codes - codes.round()).abs().max() < 1e-5
            assert codes.abs().max() <= 7 + 1e-5
    first, last = ({name: w.abs().amax() for name, w in seen[at][1].items()} for at in (0, -1))
    assert any(first[name] != last[name] for name in first)
    final = prunable_weights(outcome.model, "body")
    for name, weight in seen[-1][1].items():
        assert torch.equal(final[name].tensor, weight), "the predictions are those of quantized weights"


def test_a_step_moves_the_latent_weights_by_the_gradient_at_the_rounded_ones(checkpoint):
    """Straight through, written out with autograd: forward sees w + (Q(w) - w).detach()."""
    spec = replace(SPEC, weight_decay=0.0, clip=0.0, accumulation=1, warmup=0.0)
    ours, theirs = (prepare(checkpoint, QUANTIZED, "qat", spec) for _ in range(2))
    quant = QuantSpec.from_mapping(QUANTIZED)
    for training in (ours, theirs):
        training.model.eval()  # without dropout
        training.optimizer = torch.optim.SGD(training.model.parameters(), lr=0.1)
    latent = dict(zip(theirs.quantization.weights, theirs.quantization.latent, strict=True))
    assert not any(torch.equal(latent[name], weight) for name, weight in theirs.quantization.weights.items())
    for number in range(3):
        group = list(pad_batches(ours.data, [list(range(4 * number, 4 * number + 4))]))
        for part in ours.optimizer.param_groups:
            part["lr"] = 0.1
        # The reference: every parameter a leaf, the quantized ones passed through Q in the graph.
        leaves = {name: p.detach().clone().requires_grad_() for name, p in theirs.model.named_parameters()}
        names = {id(p): name for name, p in theirs.model.named_parameters()}
        used = dict(leaves)
        for short, parameter in theirs.quantization.weights.items():
            name = names[id(parameter)]
            leaves[name] = latent[short].clone().requires_grad_()
            used[name] = leaves[name] + (fake_quantize(leaves[name].detach(), quant) - leaves[name]).detach()
        batch = group[0]
        logits = torch.func.functional_call(theirs.model, used, kwargs=dict(batch.inputs)).logits
        loss = torch.nn.functional.cross_entropy(logits, batch.labels.long())
        loss.backward()
        rate = steps.learning_rate(number, ours.plan, spec.learning_rate)
        with torch.no_grad():
            for name, parameter in theirs.model.named_parameters():
                moved = (
                    leaves[name] - rate * leaves[name].grad if leaves[name].grad is not None else leaves[name]
                )
                parameter.copy_(moved)
            for short, parameter in theirs.quantization.weights.items():
                latent[short] = parameter.detach().clone()
        steps.take_step(ours, group)
        for short, found in zip(ours.quantization.weights, ours.quantization.latent, strict=True):
            torch.testing.assert_close(found, latent[short], rtol=1e-5, atol=1e-7)
            torch.testing.assert_close(
                ours.quantization.weights[short], fake_quantize(found, quant), rtol=0, atol=0
            )


def test_all_weights_train_and_two_runs_give_the_same_bits(checkpoint, tmp_path):
    start = prepare(checkpoint, QUANTIZED, "qat", SPEC)
    before = {name: parameter.detach().clone() for name, parameter in start.model.named_parameters()}
    first = run(checkpoint, tmp_path, recipe=QUANTIZED, regime="qat")
    second = run(checkpoint, tmp_path, recipe=QUANTIZED, regime="qat")
    assert same_bits(first, second)
    moved = {
        name for name, parameter in first.model.named_parameters() if not torch.equal(parameter, before[name])
    }
    assert moved >= {name for name in before if "encoder" in name and "key.bias" not in name}


def test_a_killed_run_resumes_bit_for_bit(checkpoint, tmp_path):
    class Killed(Exception):
        pass

    def kill(step, model):
        if step == 4:
            raise Killed

    spec = replace(SPEC, save_minutes=1e-9)
    whole = run(checkpoint, tmp_path, recipe=QUANTIZED, regime="qat", spec=spec)
    with pytest.raises(Killed):
        run(checkpoint, tmp_path, recipe=QUANTIZED, regime="qat", spec=spec, after_step=kill)
    assert (tmp_path / "state.safetensors").exists()
    steps_left = []
    resumed = run(
        checkpoint,
        tmp_path,
        recipe=QUANTIZED,
        regime="qat",
        spec=spec,
        after_step=lambda step, model: steps_left.append(step),
    )
    assert steps_left[0] == 5
    assert same_bits(whole, resumed)


def test_gptq_starts_from_its_weights_and_keeps_its_grids(checkpoint, tmp_path):
    quantized, spec = gptq_of(checkpoint), QuantSpec.from_mapping(GPTQ)
    seen = []
    options = {"recipe": GPTQ, "regime": "qat", "quantized": quantized}
    run(checkpoint, tmp_path, spec=STILL, after_step=watch(seen), **options)
    for name, weight in seen[0][1].items():
        assert torch.equal(weight, dequantize(quantized[name], spec.group))
    run(checkpoint, tmp_path, after_step=watch(seen), **options)
    moved = 0
    for name, weight in seen[-1][1].items():
        assert torch.equal(snap(weight, quantized[name], spec), weight), "on the grids of the file"
        moved += int((weight != dequantize(quantized[name], spec.group)).sum())
    assert moved > 0


def test_gptq_trains_on_from_the_weights_of_the_checkpoint(checkpoint):
    """Where they round to the codes of the file they are the latent ones; the others start at the edge of the code."""
    quantized, spec = gptq_of(checkpoint), QuantSpec.from_mapping(GPTQ)
    whole, _ = body_of(checkpoint)
    training = prepare(checkpoint, GPTQ, "qat", SPEC, quantized=quantized)
    latents = dict(zip(training.quantization.weights, training.quantization.latent, strict=True))
    same = total = 0
    for name, weight in whole.items():
        grids, latent = quantized[name], latents[name]
        middle = dequantize(grids, spec.group)
        assert torch.equal(snap(latent, grids, spec), middle), "it starts from the codes of the file"
        step = grids.scales.float().repeat_interleave(spec.group, dim=1)[:, : weight.shape[1]]
        within = (weight - middle).abs() < 0.48 * step
        assert torch.equal(latent[within], weight[within])
        outside = (weight - middle).abs() > 0.5 * step
        assert ((latent - middle).abs()[outside] > 0.48 * step[outside]).all()
        same, total = same + int(within.sum()), total + within.numel()
    assert 0.5 < same / total < 1


def test_a_layer_whose_inputs_lie_along_its_rows_is_rounded_along_them(tmp_path):
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=40, n_positions=24, n_embd=16, n_layer=1, n_head=2, n_inner=32)
    GPT2Model(config).save_pretrained(tmp_path / "gpt2")
    whole, dims = body_of(tmp_path / "gpt2")
    assert set(dims.values()) == {0}
    training = prepare(tmp_path / "gpt2", QUANTIZED, "qat", SPEC)
    for name, weight in training.quantization.weights.items():
        assert torch.equal(weight, fake_quantize(whole[name].t(), QuantSpec.from_mapping(QUANTIZED)).t())


def test_the_facts_tell_bits_and_bytes(checkpoint, tmp_path):
    whole, _ = body_of(checkpoint)
    total = sum(weight.numel() for weight in whole.values())
    facts = run(checkpoint, tmp_path, recipe=QUANTIZED, regime="qat", spec=STILL).facts
    bits = 4 + 16 * sum(len(weight) for weight in whole.values()) / total
    assert facts["effective_bits"] == pytest.approx(bits)
    assert facts["body_bytes"] == pytest.approx(bits * total / 8)
    dense = run(checkpoint, tmp_path, recipe=DENSE, regime="dense", spec=STILL).facts
    assert (dense["effective_bits"], dense["body_bytes"]) == (16.0, 2 * total)
    for regime, expected in (("sparse", 0.6 * 16 + 1), ("regrow", 16.0), ("freeze", 16.0)):
        facts = run(checkpoint, tmp_path, regime=regime, spec=STILL).facts
        assert facts["effective_bits"] == pytest.approx(expected, abs=1e-2)


def test_weights_of_another_model_are_refused(checkpoint, tmp_path):
    quantized = gptq_of(checkpoint)
    del quantized["encoder.layer.0.attention.self.query.weight"]
    with pytest.raises(
        ValueError, match=r"quantized weights: 1 tensors do not fit the model, first 'encoder"
    ):
        run(checkpoint, tmp_path, recipe=GPTQ, regime="qat", quantized=quantized)
    with pytest.raises(
        ValueError,
        match=r"'sparse' does not fit a recipe of method 'quantize', quantizer 'rtn'; legal: zero-shot, qat",
    ):
        run(checkpoint, tmp_path, recipe=QUANTIZED, regime="sparse")
    with pytest.raises(
        ValueError, match=r"'qat' does not fit a recipe of method 'none'; legal: dense, scratch"
    ):
        run(checkpoint, tmp_path, recipe=DENSE, regime="qat")
