"""Sequential calibration against whole models that run with the blocks before compressed, layer by layer by hooks."""

import numpy as np
import pytest
import torch

from architectures import LENGTHS, make_tokens, save_checkpoint
from junkdna.compression.gptq import quantize_gptq
from junkdna.compression.hessian import upper_inverse_factor
from junkdna.compression.masks import unpack
from junkdna.compression.quantization import QuantSpec, as_matrix, dequantize
from junkdna.compression.sparsegpt import prune_sparsegpt
from junkdna.inference.sequential import find_blocks, mask_blocks, quantize_blocks, walk_blocks
from junkdna.models.load import load_body
from junkdna.models.prunable import prunable_weights, read_body, stored_dtype
from junkdna.study.specs import PruneSpec

SPEC = {"scope": "body", "seed": 0, "keep": 0, "group": 0, "per_mille": 500}
WANDA = PruneSpec(score="wanda", selection="row", **SPEC)
SPARSEGPT = PruneSpec(score="sparsegpt", selection="layer", **SPEC)
GPTQ = QuantSpec(method="gptq", bits=3, group=0, symmetric=False)
PLACE = {"llama": "layers", "gpt2": "h", "opt": "decoder.layers", "bert": "encoder.layer"}


def inputs_of(model, tokens, names) -> dict[str, torch.Tensor]:
    """All that goes into linear layers while the whole model runs, as rows, float64."""
    rows: dict[str, list] = {name: [] for name in names}
    handles = [
        model.base_model.get_submodule(name.removesuffix(".weight")).register_forward_pre_hook(
            lambda _, given, name=name: rows[name].append(given[0].reshape(-1, given[0].shape[-1]).double())
        )
        for name in names
    ]
    starts, ends = tokens.offsets[:-1].tolist(), tokens.offsets[1:].tolist()
    with torch.no_grad():
        for start, end in zip(starts, ends, strict=True):
            model.eval()(input_ids=tokens.input_ids[start:end][None].long(), use_cache=False)
    for handle in handles:
        handle.remove()
    return {name: torch.cat(parts) for name, parts in rows.items()}


def compressed_by_hand(spec, matrix, rows):
    """The new matrix [outputs, inputs] from the definition of each method."""
    if spec is WANDA:
        scores = matrix.double().abs() * rows.square().sum(dim=0).sqrt()
        made = matrix.clone()
        for row, score in zip(made, scores, strict=True):
            row[score.argsort()[: matrix.shape[1] // 2]] = 0
        return made
    factor = upper_inverse_factor(rows.T @ rows)
    if spec is SPARSEGPT:
        return prune_sparsegpt(matrix, factor, num_removed=matrix.numel() // 2)[1]
    return dequantize(quantize_gptq(matrix, factor, spec), spec.group)


def by_hand(folder, tokens, architecture, spec) -> dict[str, torch.Tensor]:
    model = load_body(folder)
    found = prunable_weights(model, "body")
    made = {}
    for number in range(2):
        names = [name for name in found if name.startswith(f"{PLACE[architecture]}.{number}.")]
        assert len(names) >= 4
        rows = inputs_of(model, tokens, names)
        for name in names:
            weight = found[name]
            matrix = as_matrix(weight.tensor.detach().clone(), weight.input_dim)
            made[name] = as_matrix(compressed_by_hand(spec, matrix, rows[name]), weight.input_dim)
        for name in names:
            found[name].tensor.detach().copy_(made[name])
    assert set(made) == set(found)
    return made


def by_library(folder, tokens, spec) -> dict[str, torch.Tensor]:
    model, body = load_body(folder), read_body(folder)
    if spec is GPTQ:
        made, unseen = quantize_blocks(model, tokens, spec)
        new = {name: as_matrix(dequantize(each, 0), body[name].input_dim) for name, each in made.items()}
    else:
        mask, unseen = mask_blocks(model, tokens, spec, torch.float32)
        assert list(mask.bits) == list(body) == list(mask.shapes)
        new = {
            name: mask.weights.get(name, body[name].tensor) * unpack(mask.bits[name], mask.shapes[name])
            for name in body
        }
    assert unseen == []
    left = prunable_weights(model, "body")
    assert all(torch.equal(left[name].tensor, new[name]) for name in new), "the model is left compressed"
    return new


@pytest.mark.parametrize("spec", [WANDA, SPARSEGPT, GPTQ], ids=["wanda", "sparsegpt", "gptq"])
@pytest.mark.parametrize("architecture", PLACE)
def test_each_block_is_made_for_what_the_compressed_ones_before_it_give(architecture, spec, tmp_path):
    save_checkpoint(tmp_path, architecture, tied=False)
    tokens = make_tokens(pad=0)
    expected, got = by_hand(tmp_path, tokens, architecture, spec), by_library(tmp_path, tokens, spec)
    again = by_library(tmp_path, tokens, spec)
    for name, wanted in expected.items():
        assert torch.equal(got[name], again[name]), "deterministic"
        # A near tie may go the other way in another precision; then the columns to come differ too.
        off = ((got[name] - wanted).abs() > 1e-4 * wanted.abs().max()).float().mean()
        assert off <= 0.01, (name, float(off))


def test_the_first_block_sees_the_dense_inputs_and_the_second_does_not(tmp_path):
    save_checkpoint(tmp_path, "llama", tied=False)
    tokens = make_tokens(pad=0)
    walks = {}
    for compresses in (False, True):
        model = load_body(tmp_path)
        walks[compresses] = {}
        for found, statistics in walk_blocks(model, tokens, hessians=False):
            walks[compresses] |= statistics
            for weight in found.values():
                weight.tensor.detach().mul_(0.5 if compresses else 1)
    dense = inputs_of(load_body(tmp_path), tokens, prunable_weights(load_body(tmp_path), "body"))
    for name, rows in dense.items():
        norms = rows.square().sum(dim=0)
        torch.testing.assert_close(walks[False][f"norms:{name}"].double(), norms, rtol=1e-4, atol=1e-8)
        same = torch.allclose(walks[True][f"norms:{name}"].double(), norms, rtol=1e-4)
        assert same == name.startswith("layers.0."), name


def test_each_block_runs_twice_a_sequence_and_the_last_once(tmp_path):
    save_checkpoint(tmp_path, "llama", tied=False)
    model = load_body(tmp_path)
    calls = [0, 0]

    def count(number, layer):
        layer.self_attn.register_forward_hook(lambda *_: calls.__setitem__(number, calls[number] + 1))

    for number, layer in enumerate(model.base_model.layers):
        count(number, layer)
    mask_blocks(model, make_tokens(pad=0), WANDA, torch.float32)
    assert calls == [2 * len(LENGTHS), len(LENGTHS)]
    assert all("forward" not in vars(layer) for layer in model.base_model.layers)


@pytest.mark.parametrize("architecture", ["mixtral", "gpt-oss", "xlnet"])
def test_experts_and_odd_blocks_are_walked_too(architecture, tmp_path):
    """Without compression in between, the statistics are those of the whole model."""
    from junkdna.inference.calibration import collect_statistics

    save_checkpoint(tmp_path, architecture, tied=False)
    model, tokens = load_body(tmp_path), make_tokens(pad=0)
    whole = collect_statistics(model, tokens, hessians=False)
    walked = {}
    for _, statistics in walk_blocks(model, tokens, hessians=False):
        walked |= statistics
    assert set(walked) == set(whole)
    for name, value in whole.items():
        np.testing.assert_allclose(walked[name].numpy(), value.numpy(), rtol=1e-4, atol=1e-7)


def test_a_model_whose_matrices_lie_in_two_lists_is_refused(tmp_path):
    save_checkpoint(tmp_path, "t5", tied=False)
    with pytest.raises(ValueError, match=r"calibration.sequential: found true; legal: false with T5"):
        find_blocks(load_body(tmp_path))


def test_blocks_that_share_weights_are_refused(tmp_path):
    save_checkpoint(tmp_path, "llama", tied=False)
    model = load_body(tmp_path)
    model.base_model.layers[1].mlp = model.base_model.layers[0].mlp
    with pytest.raises(ValueError, match="whose blocks share weights"):
        find_blocks(model)


def test_new_weights_are_rounded_to_the_dtype_of_the_files_before_the_next_block_sees_them(tmp_path):
    save_checkpoint(tmp_path, "llama", tied=False)
    load_body(tmp_path).to(torch.bfloat16).save_pretrained(tmp_path)
    assert stored_dtype(tmp_path) == torch.bfloat16
    model = load_body(tmp_path)
    mask, _ = mask_blocks(model, make_tokens(pad=0), SPARSEGPT, torch.bfloat16)
    for name, weight in prunable_weights(model, "body").items():
        assert mask.weights[name].dtype == torch.bfloat16 and weight.tensor.dtype == torch.float32
        assert torch.equal(weight.tensor, mask.weights[name].float())
