"""How much of every architecture of the installed transformers a recipe touches, counted without any weights."""

from collections import Counter
from contextlib import suppress

import pytest
import torch
import transformers
from transformers.models.auto import modeling_auto

from junkdna.models.matrices import RULES, TOLERANCE, Body, find_matrices, survey_body

KINDS = {
    "ForSequenceClassification": modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    "ForCausalLM": modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
}
LAYERS = (
    "num_hidden_layers",
    "n_layer",
    "num_layers",
    "n_layers",
    "encoder_layers",
    "decoder_layers",
)
# What a configuration needs beside its defaults to make a model.
ROPE = {"rope_type": "default", "rope_theta": 1e4}
NEEDED = {
    "cohere_compass_text": {"rope_parameters": {"full_attention": ROPE, "sliding_attention": ROPE}},
    "dbrx": {"n_layers": 2, "attn_config": {"kv_n_heads": 8, "clip_qkv": 8, "rope_theta": 1e4}},
    "dots1": {"n_routed_experts": 8, "n_shared_experts": 1},
    "esm": {"vocab_size": 33, "pad_token_id": 1},
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128},
    "lfm2_moe": {"num_hidden_layers": 2, "layer_types": ["full_attention", "conv"]},
    "ministral": {"head_dim": 128},
    "nemotron": {"num_key_value_heads": 8},
    "qwen4_exp": {"text_config": {"num_hidden_layers": 2}},
    "reformer": {"is_decoder": True},
}
WHOLE = {"gemma3n_text"}  # Its layers share caches, so none can go.
# What cannot be made from its defaults, and why: counted as refused.
UNBUILT = {
    "gemma3n": "needs the packages pillow and timm",
    "gemma4_assistant": "a drafter beside another model; its defaults contradict each other",
    "gemma4_unified_assistant": "a drafter beside another model; its defaults contradict each other",
    "layoutlmv2": "needs the package detectron2",
    "musicgen": "a model of sound: its configuration is not that of its decoder",
    "musicgen_melody": "a model of sound: its configuration is not that of its decoder",
}
NEVER_REFUSED = ("Llama", "Qwen", "Mistral", "Mixtral", "Gemma", "Phi", "OPT", "GPT2", "Bert", "T5")


def build(model_type: str, kind: str) -> torch.nn.Module:
    """The model at its real width and two layers, on the meta device."""
    config = transformers.AutoConfig.for_model(model_type, **NEEDED.get(model_type, {}))
    for name in LAYERS if model_type not in WHOLE else ():
        if isinstance(getattr(config, name, None), int):
            with suppress(NotImplementedError):  # Funnel counts its layers by block
                setattr(config, name, 2)
    with torch.device("meta"):
        return getattr(transformers, f"AutoModel{kind}").from_config(config)


@pytest.fixture(scope="module")
def bodies() -> dict[tuple[str, str], tuple[str, Body]]:
    """Kind and model type -> class and what its body is made of."""
    transformers.logging.set_verbosity_error()
    found = {}
    for kind, names in KINDS.items():
        for model_type in names:
            if model_type not in UNBUILT:
                model = build(model_type, kind)
                found[kind, model_type] = type(model).__name__, survey_body(model)
    return found


def test_every_architecture_is_covered_or_refused(bodies):
    total = sum(map(len, KINDS.values()))
    unbuilt = [(kind, name) for kind, names in KINDS.items() for name in names if name in UNBUILT]
    refused = [key for key, (_, body) in bodies.items() if body.coverage < 1 - TOLERANCE]
    assert len(bodies) + len(unbuilt) == total
    covered = len(bodies) - len(refused)
    print(
        f"{total} classes: {covered} covered, {len(unbuilt)} not built, {len(refused)} refused"
    )  # pytest -s
    assert len(refused) + len(unbuilt) <= 0.1 * total, (refused, unbuilt)
    names = [bodies[key][0] for key in refused]
    assert not [name for name in names if name.startswith(NEVER_REFUSED)]
    # As docs/architectures.md says.
    assert (total, len(unbuilt), refused) == (316, 6, [])


def test_what_is_left_out_is_little_and_of_the_named_kinds(bodies):
    """Beside embeddings, poolers and towers of other senses no rule leaves out more than a hundredth."""
    used = Counter()
    for key, (_, body) in bodies.items():
        touched = sum(weight.tensor.numel() for weight in body.found.values())
        used.update(body.left_out.keys())
        for rule, left in body.left_out.items():
            assert rule in RULES
            if rule not in ("table", "pooler", "modality", "absent"):
                assert sum(left.values()) <= 0.01 * touched, (key, rule, list(left)[:3])
        assert all(weight.tensor.ndim == 2 for weight in body.found.values())
        # Each parameter once: as one matrix, or as all of a stack.
        sizes = {id(weight.parameter): weight.parameter.numel() for weight in body.found.values()}
        assert touched == sum(sizes.values()), key
    assert set(used) == set(RULES) - {"absent"}


def test_a_body_of_unknown_parameters_is_refused():
    config = transformers.MixtralConfig(hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2,
                                        num_key_value_heads=1, vocab_size=31)  # fmt: skip
    with torch.device("meta"):
        model = transformers.MixtralForCausalLM(config)
    assert survey_body(model).coverage == 1
    del model.model.layers[0].mlp.experts.is_transposed
    message = r"MixtralForCausalLM: \d+\.\d% of the weights of its body .*experts.gate_up_proj.* not be what it says"
    with pytest.raises(ValueError, match=message):
        find_matrices(model)
