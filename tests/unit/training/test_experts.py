"""Every regime and method on fused experts: each expert is a matrix, and no weight of the body is left out."""

from dataclasses import replace

import pytest
import torch

from architectures import FUSED, make_tokens, save_checkpoint
from junkdna.compression.compressed import Compressed
from junkdna.compression.hessian import with_factors
from junkdna.compression.layerwise import build_layerwise_mask
from junkdna.compression.masks import build_mask, unpack
from junkdna.compression.quantization import QuantSpec, as_matrix, dequantize
from junkdna.compression.quantize import quantize_weights
from junkdna.inference.calibration import stream_statistics
from junkdna.models.decoder import load_causal
from junkdna.models.load import load_body, load_classifier
from junkdna.models.matrices import joined, split_up, survey_body, whole_parameters
from junkdna.models.prunable import prunable_weights
from junkdna.models.quantized import set_quantized
from junkdna.study.specs import PruneSpec
from junkdna.training.regimes import start_regime
from trainings import PRUNED, SPEC, run, watch

HALF = PRUNED | {"per_mille": 500}
LAYER = HALF | {"selection": "layer"}
NM = HALF | {"selection": "nm", "per_mille": 0, "keep": 2, "group": 4}


@pytest.fixture(params=FUSED)
def checkpoint(request, tmp_path):
    save_checkpoint(tmp_path / "model", request.param, tied=False)
    return tmp_path / "model"


def matrices(model) -> dict[str, torch.Tensor]:
    return {name: weight.tensor.detach() for name, weight in prunable_weights(model, "body").items()}


def dims(model) -> dict[str, int]:
    return {name: weight.input_dim for name, weight in prunable_weights(model, "body").items()}


def texts(seed: int, examples: int):
    draw = torch.Generator().manual_seed(seed)
    lengths = (3 + torch.randint(0, 8, (examples,), generator=draw)).tolist()
    return replace(make_tokens(0, lengths), label=torch.randint(0, 2, (examples,), generator=draw))


def test_half_is_half_of_every_weight_that_multiplies(checkpoint):
    """Once 7 % of Mixtral: its experts and their router were left as they were."""
    model = load_classifier(checkpoint, 2, 0)
    pruning = start_regime(model, HALF, "sparse", Compressed(), 0)
    assert pruning.sparsity == pytest.approx(0.5, abs=1e-4)
    body = survey_body(model)
    touched = {id(weight.parameter) for weight in body.found.values()}
    zeros = sum(int((each == 0).sum()) for each in model.base_model.parameters() if id(each) in touched)
    every = [each for each in model.base_model.parameters() if each.ndim >= 2]
    left_out = sum(sum(sizes.values()) for sizes in body.left_out.values())
    embedding = model.get_input_embeddings().weight.numel()
    assert (
        sum(map(torch.numel, every))
        == sum(pruning.kept[n].numel() for n in pruning.kept) + left_out + embedding
    )
    assert zeros == sum(int((~kept).sum()) for kept in pruning.kept.values())
    assert not body.unknown and left_out < 0.04 * sum(map(torch.numel, every))


def test_groups_run_along_the_inputs_of_each_expert(checkpoint):
    model = load_body(checkpoint)
    weights, along = matrices(model), dims(model)
    mask = build_mask(weights, along, PruneSpec.from_mapping(NM))
    for name, weight in weights.items():
        rows, kept = as_matrix(weight, along[name]).abs(), as_matrix(mask[name], along[name])
        whole = rows.shape[1] - rows.shape[1] % 4
        groups, chosen = rows[:, :whole].reshape(-1, 4), kept[:, :whole].reshape(-1, 4)
        assert (chosen.sum(dim=1) == 2).all()
        assert ((groups * chosen).sort(dim=1).values[:, 2:] == groups.sort(dim=1).values[:, 2:]).all(), name


@pytest.mark.parametrize("regime", ["sparse", "freeze", "regrow", "gradual", "reinit"])
def test_the_regimes_hold_on_every_expert(regime, checkpoint, tmp_path):
    before, seen = matrices(load_classifier(checkpoint, 2, 0)), []
    spec = replace(SPEC, gradual_end=0.5, gradual_every=1)
    outcome = run(
        checkpoint,
        tmp_path,
        recipe=LAYER,
        regime=regime,
        spec=spec,
        train=texts(1, 24),
        validation=texts(2, 6),
        after_step=watch(seen),
    )
    assert outcome.facts["sparsity"] == pytest.approx(0.5, abs=2e-3) and len(seen) == outcome.facts["steps"]
    kept = build_mask(before, dims(load_body(checkpoint)), PruneSpec.from_mapping(LAYER))
    last = seen[-1][1]
    for name, weight in last.items():
        gone = ~kept[name]
        if regime == "sparse":
            assert all((weights[name][gone] == 0).all() for _, weights in seen), name
        elif regime == "freeze":
            assert all(torch.equal(weights[name][gone], before[name][gone]) for _, weights in seen), name
        elif regime == "gradual":
            assert int((weight == 0).sum()) == int(gone.sum()), name
        elif regime == "reinit":
            assert not torch.equal(weight[gone], before[name][gone]), name
        assert not torch.equal(weight[kept[name]], before[name][kept[name]]), name


@pytest.mark.parametrize("quantizer", ["rtn", "gptq"])
@pytest.mark.parametrize("regime", ["zero-shot", "qat"])
def test_codes_reach_every_expert(quantizer, regime, checkpoint, tmp_path):
    recipe = {"family": quantizer, "level": 75.0, "method": "quantize", "quantizer": quantizer, "bits": 4,
              "group": 8, "symmetric": False}  # fmt: skip
    model = load_body(checkpoint)
    spec = QuantSpec.from_mapping(recipe)
    statistics = dict(with_factors(stream_statistics(model, texts(3, 12), hessians=True)))
    quantized = quantize_weights(matrices(model), dims(model), spec, statistics)
    expected = {name: as_matrix(dequantize(each, 8), dims(model)[name]) for name, each in quantized.items()}
    if regime == "zero-shot":
        model = load_causal(checkpoint) if "xlnet" not in (checkpoint / "config.json").read_text() else model
        set_quantized(model, quantized, 8)
        found = matrices(model)
    else:
        seen = []
        run(checkpoint, tmp_path, recipe=recipe, regime="qat", train=texts(1, 24), validation=texts(2, 6),
            quantized=quantized, after_step=watch(seen), spec=replace(SPEC, learning_rate=0.0))  # fmt: skip
        found = seen[-1][1]
    for name, weight in found.items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("score", ["wanda", "sparsegpt"])
def test_scores_of_inputs_judge_every_expert(score, checkpoint):
    model = load_body(checkpoint)
    weights, along = matrices(model), dims(model)
    statistics = dict(with_factors(stream_statistics(model, texts(3, 30), hessians=True)))
    recipe = LAYER | {"score": score}
    packed = build_layerwise_mask(weights, along, PruneSpec.from_mapping(recipe), statistics)
    differs = 0
    for name, weight in weights.items():
        kept = unpack(packed.bits[name], packed.shapes[name])
        assert int((~kept).sum()) == (weight.numel() + 1) // 2
        norms = statistics[f"norms:{name}"].sqrt()
        score_of = as_matrix(weight, along[name]).abs() * norms
        lowest = score_of.flatten().argsort(stable=True)[: int((~kept).sum())]
        expected = torch.ones(weight.numel(), dtype=torch.bool)
        expected[lowest] = False
        differs += not torch.equal(as_matrix(kept, along[name]).flatten(), expected)
    assert differs == (0 if score == "wanda" else len(weights))


def test_parts_and_whole_are_the_same_numbers(checkpoint):
    found = prunable_weights(load_body(checkpoint), "body")
    whole = whole_parameters(found)
    parts = {name: weight.tensor.detach() * 2 for name, weight in found.items()}
    together = joined(found, parts)
    assert {name: each.shape for name, each in together.items()} == {
        name: each.shape for name, each in whole.items()
    }
    assert all(torch.equal(each, whole[name].detach() * 2) for name, each in together.items())
    again = split_up(found, together)
    assert all(torch.equal(again[name], each) for name, each in parts.items())
