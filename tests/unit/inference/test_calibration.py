"""Calibration statistics against sums over one sequence at a time, without batches, padding or masks."""

import weakref

import numpy as np
import pytest
import torch
import transformers

from architectures import ARCHITECTURES, LENGTHS, make_tokens, save_checkpoint
from decoders import tokenizer_of_characters
from junkdna.inference.calibration import collect_statistics, stream_statistics
from junkdna.inference.calibration_text import (
    calibration_text,
    choose_sequences,
    join_sequences,
    sequences_of,
)
from junkdna.models.load import load_body
from junkdna.models.prunable import prunable_weights
from junkdna.tasks.tokens import Tokens


def by_hand(model, tokens: Tokens) -> dict[str, np.ndarray]:
    """Sums of x x^T in float64 of each linear layer, from what its forward was called with."""
    sums: dict[str, np.ndarray] = {}
    starts, ends = tokens.offsets[:-1].tolist(), tokens.offsets[1:].tolist()
    names = [name for name, weight in prunable_weights(model, "body").items() if weight.shape is None]
    layers = {model.base_model.get_submodule(name.removesuffix(".weight")): name for name in names}

    def look(layer, given, out):
        x = given[0].reshape(-1, given[0].shape[-1]).double().numpy()
        sums[layers[layer]] = sums.get(layers[layer], 0) + x.T @ x

    handles = [layer.register_forward_hook(look) for layer in layers]
    for start, end in zip(starts, ends, strict=True):
        with torch.no_grad():
            model.eval()(input_ids=tokens.input_ids[start:end][None].long())
    for handle in handles:
        handle.remove()
    return sums


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_statistics_are_those_of_the_sequences_alone(architecture, tmp_path, monkeypatch):
    save_checkpoint(tmp_path, architecture, tied=False)
    model = load_body(tmp_path)
    tokens = make_tokens(pad=1 if architecture == "roberta" else 0)
    if architecture == "roberta":  # its pad token must not occur in a text
        tokens.input_ids[tokens.input_ids == 1] = 2
    found = prunable_weights(model, "body")
    expected = by_hand(model, tokens)
    assert len(expected) > 3
    # A budget of one Hessian of the wider layers: several passes. Rows are summed up in several goes.
    monkeypatch.setattr("junkdna.inference.input_sums.ROWS", 20)
    statistics = collect_statistics(model, tokens, hessians=True, budget=4 * 40 * 40)
    assert {f"{kind}:{name}" for name in found for kind in ("norms", "hessians")} <= set(statistics)
    for name, hessian in expected.items():
        width = found[name].tensor.shape[found[name].input_dim]
        scale = np.abs(hessian).max()
        assert statistics[f"hessians:{name}"].shape == (width, width)
        np.testing.assert_allclose(statistics[f"hessians:{name}"].numpy() / scale, hessian / scale, atol=1e-5)
        np.testing.assert_allclose(statistics[f"norms:{name}"].numpy(), np.diag(hessian), rtol=1e-4)
    norms = collect_statistics(model, tokens, hessians=False)
    assert {name for name in norms if name.startswith("norms:")} == {f"norms:{name}" for name in found}
    for name in found:
        torch.testing.assert_close(norms[f"norms:{name}"], statistics[f"norms:{name}"], rtol=1e-5, atol=0)


@pytest.mark.parametrize("architecture", ["mixtral", "gpt-oss"])
def test_an_expert_has_the_statistics_of_its_own_tokens(architecture, tmp_path):
    """Against the layer of experts written out: who gets a token, and what the first matrix makes of it."""
    save_checkpoint(tmp_path, architecture, tied=False)
    model, tokens = load_body(tmp_path), make_tokens(pad=0)
    calls = []
    experts = [
        (f"{path}.", layer) for path, layer in model.base_model.named_modules() if path.endswith("experts")
    ]
    for path, layer in experts:
        layer.register_forward_pre_hook(lambda _, given, path=path: calls.append((path, *given)))
    starts, ends = tokens.offsets[:-1].tolist(), tokens.offsets[1:].tolist()
    with torch.no_grad():
        for start, end in zip(starts, ends, strict=True):
            model.eval()(input_ids=tokens.input_ids[start:end][None].long())
    statistics = collect_statistics(model, tokens, hessians=True)
    layers, sums = dict(experts), {}
    for path, hidden, chosen, *_ in calls[: 2 * len(LENGTHS)]:
        layer, turned = layers[path], layers[path].is_transposed
        for expert in range(layer.num_experts):
            x = hidden[(chosen == expert).any(dim=-1)]
            matrix = layer.gate_up_proj[expert].detach()
            made = x @ (matrix if turned else matrix.T)
            if turned:
                made = made + layer.gate_up_proj_bias[expert].detach()
            for name, rows in (("gate_up_proj", x), ("down_proj", layer._apply_gate(made))):
                rows = rows.double().numpy()
                key = f"{path}{name}.{expert}"
                sums[key] = sums.get(key, 0) + rows.T @ rows
    assert len(sums) == 2 * 2 * 4
    for name, expected in sums.items():
        if expected.any():
            scale = np.abs(expected).max()
            got = statistics[f"hessians:{name}"].numpy()
            np.testing.assert_allclose(got / scale, expected / scale, atol=1e-5)
        else:
            assert f"unseen:{name}" in statistics


def test_an_expert_without_tokens_takes_the_mean_of_the_others_and_is_told(tmp_path, capsys):
    save_checkpoint(tmp_path, "mixtral", tied=False)
    model = load_body(tmp_path)
    router = model.base_model.layers[1].mlp.gate.weight
    with torch.no_grad():
        router.zero_()  # of equal experts the first two are taken
    statistics = collect_statistics(model, make_tokens(pad=0), hessians=True)
    stack = "layers.1.mlp.experts.down_proj"
    unseen = {name.removeprefix("unseen:") for name in statistics if name.startswith(f"unseen:{stack}")}
    seen = {f"{stack}.{expert}" for expert in range(4)} - unseen
    assert len(unseen) == len(seen) == 2
    mean = torch.stack([statistics[f"norms:{name}"] for name in sorted(seen)]).mean(dim=0)
    for name in unseen:
        torch.testing.assert_close(statistics[f"norms:{name}"], mean)
        torch.testing.assert_close(statistics[f"hessians:{name}"], mean.diag())
    assert "calibration: no token came to" in capsys.readouterr().err


def test_a_layer_that_gives_no_statistics_is_told(tmp_path):
    save_checkpoint(tmp_path, "bert", tied=False)
    model = load_body(tmp_path)
    # It is called, but multiplies with a copy of its weight.
    layer = model.base_model.encoder.layer[1].output.dense
    layer.forward = lambda x: torch.nn.functional.linear(x, layer.weight.clone(), layer.bias)
    with pytest.raises(ValueError, match=r"1 of 12 matrices .* saw no input \(encoder.layer.1.output.dense"):
        collect_statistics(model, make_tokens(pad=0), hessians=False)


def test_layers_that_see_tokens_in_other_shapes_count(tmp_path):
    """Longformer turns its inputs to [tokens, batch, width] and fills them up to whole windows."""
    config = transformers.LongformerConfig(
        vocab_size=61, hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=40,
        max_position_embeddings=64, attention_window=8, pad_token_id=1, bos_token_id=0, eos_token_id=2, sep_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.LongformerModel(config).save_pretrained(tmp_path)
    model, tokens = load_body(tmp_path), make_tokens(pad=1, lengths=(5, 7))
    tokens.input_ids[tokens.input_ids == 1] = 2
    seen = {}
    for kind in ("query", "key_global"):
        layer = model.base_model.encoder.layer[0].attention.self.get_submodule(kind)
        layer.register_forward_hook(
            lambda _, given, out, kind=kind: seen.setdefault(kind, []).append(given[0])
        )
    statistics = collect_statistics(model, tokens, hessians=False)
    rows = torch.cat([x.reshape(8, 24)[:length] for x, length in zip(seen["query"], (5, 7), strict=True)])
    for kind in ("query", "key", "value"):
        got = statistics[f"norms:encoder.layer.0.attention.self.{kind}.weight"]
        torch.testing.assert_close(got, rows.square().sum(dim=0))
    rows = torch.cat(
        [x.reshape(8, 24)[:length] for x, length in zip(seen["key_global"], (5, 7), strict=True)]
    )
    got = statistics["norms:encoder.layer.0.attention.self.key_global.weight"]
    torch.testing.assert_close(got, rows.square().sum(dim=0))


DEEPSEEK = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8,
            "n_routed_experts": 4, "n_group": 1, "topk_group": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 12,
            "first_k_dense_replace": 1, "num_key_value_heads": 2, "vocab_size": 61, "hidden_size": 24,
            "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 2}  # fmt: skip
JAMBA = {"vocab_size": 61, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 4, "num_attention_heads": 2,
         "num_key_value_heads": 1, "attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2,
         "expert_layer_offset": 1, "num_experts": 4, "num_experts_per_tok": 2, "mamba_d_state": 4, "mamba_dt_rank": 3,
         "use_mamba_kernels": False}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "kind", "layer"),
    [
        (lambda: transformers.DeepseekV2Config(**DEEPSEEK), "DeepseekV2Model", "kv_b_proj"),
        (lambda: transformers.DeepseekV3Config(**DEEPSEEK), "DeepseekV3Model", "kv_b_proj"),
        (lambda: transformers.JambaConfig(**JAMBA), "JambaModel", "dt_proj"),
    ],
    ids=["deepseek-v2", "deepseek-v3", "jamba"],
)
def test_inputs_of_other_shapes_and_weights_that_are_reached_for_count(config, kind, layer, tmp_path):
    """DeepSeek's keys and values are no [batch, tokens, width]; Jamba multiplies with the weight of a layer itself."""
    torch.manual_seed(0)
    getattr(transformers, kind)(config()).save_pretrained(tmp_path)
    model, tokens = load_body(tmp_path), make_tokens(pad=0)
    found = prunable_weights(model, "body")
    statistics = collect_statistics(model, tokens, hessians=True)
    names = [name for name in found if layer in name]
    assert names and {f"{part}:{name}" for name in found for part in ("norms", "hessians")} <= set(statistics)
    # The rows of inputs, by what makes them: the norm before keys and values, the part of x_proj that is the step.
    rows: dict[str, list] = {name: [] for name in names}
    for name in names:
        maker = name.replace("kv_b_proj.weight", "kv_a_layernorm").replace("dt_proj.weight", "dt_layernorm")
        model.base_model.get_submodule(maker).register_forward_hook(
            lambda _, given, out, name=name: rows[name].append(out.reshape(-1, out.shape[-1]))
        )
    starts, ends = tokens.offsets[:-1].tolist(), tokens.offsets[1:].tolist()
    with torch.no_grad():
        for start, end in zip(starts, ends, strict=True):
            model.eval()(input_ids=tokens.input_ids[start:end][None].long(), use_cache=False)
    for name in names:
        x = torch.cat(rows[name])
        assert len(x) == len(tokens.input_ids)
        torch.testing.assert_close(statistics[f"hessians:{name}"], x.T @ x, rtol=1e-4, atol=1e-5)


def test_no_more_than_the_budget_is_held(tmp_path):
    """Each total is let go as it is taken: at most one pass's Hessians are alive at a time."""
    save_checkpoint(tmp_path, "bert", tied=False)
    model = load_body(tmp_path)
    alive, most = [], 0
    for name, total in stream_statistics(model, make_tokens(pad=0), hessians=True, budget=1):
        if name.startswith("hessians:"):
            alive.append(weakref.ref(total))
        del total
        most = max(most, sum(each() is not None for each in alive))
    assert len(alive) == len(prunable_weights(model, "body")) and most <= 1


def test_sequences_are_drawn_by_the_seed_and_cut():
    tokens = make_tokens(pad=0)
    few = choose_sequences(tokens, sequences=3, max_length=6, seed=1)
    again = choose_sequences(tokens, sequences=3, max_length=6, seed=1)
    assert torch.equal(few.input_ids, again.input_ids)
    assert (
        len(
            {
                tuple(choose_sequences(tokens, sequences=3, max_length=6, seed=s).example_id.tolist())
                for s in range(8)
            }
        )
        > 1
    )
    for index, place in enumerate(few.example_id.tolist()):
        start = int(tokens.offsets[place])
        length = min(LENGTHS[place], 6)
        got = few.input_ids[few.offsets[index] : few.offsets[index + 1]]
        assert torch.equal(got, tokens.input_ids[start : start + length])
    everything = choose_sequences(tokens, sequences=100, max_length=100, seed=1)
    assert torch.equal(everything.input_ids, tokens.input_ids)


def test_texts_are_joined_to_full_sequences():
    tokens = make_tokens(pad=0)
    texts = [part.tolist() for part in tokens.input_ids.split(tokens.offsets.diff().tolist())]
    joined = join_sequences(tokens, sequences=100, max_length=7, seed=3, separator=[59, 60])
    order = np.random.default_rng(3).permutation(len(texts))
    whole = sum(([59, 60] + texts[place] for place in order), [])[2:]
    full = len(whole) // 7
    assert joined.offsets.tolist() == [7 * number for number in range(full + 1)]
    assert joined.input_ids.tolist() == whole[: 7 * full] and joined.input_ids.dtype == torch.int32
    few = join_sequences(tokens, sequences=2, max_length=7, seed=3, separator=[59, 60])
    assert few.input_ids.tolist() == whole[:14]
    # Less text than one sequence: all of it.
    short = join_sequences(tokens, sequences=2, max_length=len(whole) + 1, seed=3, separator=[59, 60])
    assert short.input_ids.tolist() == whole and short.offsets.tolist() == [0, len(whole)]


def test_tokens_around_each_text_are_nowhere_in_joined_text():
    ids = [1, 5, 1, 6, 2, 1, 2, 1, 7, 2]
    tokens = sequences_of(torch.tensor(ids, dtype=torch.int32), [5, 2, 3], pad_id=0)
    for seed in range(6):
        joined = join_sequences(tokens, sequences=9, max_length=99, seed=seed, separator=[9], around=[1, 2])
        # One text of nothing else is empty; within a text they stay.
        assert sorted(joined.input_ids.tolist()) == [1, 5, 6, 7, 9, 9]


def test_the_separator_is_a_blank_line_in_tokens_of_the_checkpoint(tmp_path):
    tokenizer_of_characters().save_pretrained(tmp_path)
    tokenizer = tokenizer_of_characters()
    ids = [tokenizer(text).input_ids for text in ("ab", "cd")]
    tokens = sequences_of(
        torch.tensor(sum(ids, []), dtype=torch.int32), [len(each) for each in ids], pad_id=0
    )
    text = {"task": "any", "sequences": 1, "max_length": 6, "seed": 0, "join": True}
    made = tokenizer.decode(calibration_text(tokens, tmp_path, text).input_ids.tolist())
    assert made in ("ab\n\ncd", "cd\n\nab")
    apart = calibration_text(tokens, tmp_path, {**text, "sequences": 2, "join": False})
    assert torch.equal(apart.input_ids, tokens.input_ids)
