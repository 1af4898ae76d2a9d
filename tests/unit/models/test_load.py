"""Loading classifiers, and which of their weights a recipe may touch."""

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from junkdna.files.artifacts import sha256
from junkdna.models.decoder import load_causal
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights, read_body

ENCODER = {
    "vocab_size": 31,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
}
GPT2 = {
    "vocab_size": 31,
    "n_positions": 16,
    "n_embd": 8,
    "n_layer": 1,
    "n_head": 2,
    "bos_token_id": 1,
    "eos_token_id": 1,
}


def save(folder: Path, name: str, config: transformers.PretrainedConfig, **options) -> Path:
    torch.manual_seed(0)
    model = getattr(transformers, name)(config)
    if "dtype" in options:
        model = model.to(options.pop("dtype"))
    model.save_pretrained(folder, **options)
    return folder


def edit_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def bert(tmp_path) -> Path:
    """A checkpoint without a pooler."""
    return save(tmp_path / "bert", "BertForMaskedLM", transformers.BertConfig(**ENCODER))


@pytest.fixture
def gpt2(tmp_path) -> Path:
    return save(tmp_path / "gpt2", "GPT2LMHeadModel", transformers.GPT2Config(**GPT2))


def test_head_hangs_on_the_seed_alone_and_the_body_on_nothing(bert):
    torch.manual_seed(1)
    first = load_classifier(bert, 3, seed=5).state_dict()
    torch.manual_seed(2)
    again = load_classifier(bert, 3, seed=5).state_dict()
    other = load_classifier(bert, 3, seed=6).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    differ = {name for name in first if not torch.equal(first[name], other[name])}
    assert differ == {"classifier.weight", "bert.pooler.dense.weight"}
    assert first["classifier.weight"].shape == (3, 8)


def test_random_state_of_the_caller_stays(bert):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    load_classifier(bert, 2, seed=5)
    assert torch.equal(torch.rand(3), expected)


def test_what_the_checkpoint_lacks_is_known_and_never_in_the_body(bert, tmp_path):
    model = load_classifier(bert, 2, seed=0)
    lacking = {"classifier.weight", "classifier.bias", "bert.pooler.dense.weight", "bert.pooler.dense.bias"}
    assert model.missing_from_checkpoint == lacking
    layers = [f"encoder.layer.{i}." for i in range(2)]
    kinds = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]
    kinds += ["intermediate.dense", "output.dense"]
    body = [f"{layer}{kind}.weight" for layer in layers for kind in kinds]
    assert list(prunable_weights(model, "body")) == body

    carried = save(tmp_path / "whole", "BertModel", transformers.BertConfig(**ENCODER))
    model = load_classifier(carried, 2, seed=0)
    assert list(prunable_weights(model, "body")) == body


def test_scope_paper_has_the_head_and_the_pooler(bert):
    model = load_classifier(bert, 2, seed=0)
    body, paper = prunable_weights(model, "body"), prunable_weights(model, "paper")
    assert list(paper) == [*body, "pooler.dense.weight", "head:classifier.weight"]
    assert paper["head:classifier.weight"].tensor is model.classifier.weight
    assert all(paper[name].tensor is weight.tensor for name, weight in body.items())


def test_scope_paper_goes_by_name_and_dimensions_only(gpt2):
    # GPT-2's embeddings are called wte and wpe, so the rule of the paper's code takes them.
    paper = prunable_weights(load_classifier(gpt2, 2, seed=0), "paper")
    found = {name: weight.input_dim for name, weight in paper.items()}
    layers = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
    assert found == {
        "wte.weight": 1,
        "wpe.weight": 1,
        **{f"h.0.{layer}.weight": 0 for layer in layers},
        "head:score.weight": 1,
    }


def test_scope_paper_leaves_out_whatever_is_called_embed(tmp_path):
    folder = save(tmp_path, "LlamaModel", transformers.LlamaConfig(**ENCODER))
    paper = prunable_weights(load_classifier(folder, 2, seed=0), "paper")
    assert list(paper) == [*read_body(folder), "head:score.weight"]


def test_scope_paper_leaves_out_biases_and_norms_by_name(tmp_path):
    # T5's biases of relative positions are 2-D. A name is told apart by case, as in the paper's code.
    config = transformers.T5Config(
        vocab_size=31, d_model=8, d_kv=4, d_ff=12, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    model = load_classifier(save(tmp_path / "t5", "T5ForConditionalGeneration", config), 2, seed=0)
    flat = {name for name, parameter in model.named_parameters() if parameter.ndim == 2}
    spared = {name for name in flat if "relative_attention_bias" in name or "embed" in name}
    assert len(spared) == 2
    paper = prunable_weights(model, "paper")
    assert {f"transformer.{name}" for name in paper if not name.startswith("head:")} | {
        name.removeprefix("head:") for name in paper if name.startswith("head:")
    } == flat - spared
    model.transformer.normal = torch.nn.Linear(3, 2)
    model.transformer.Norm = torch.nn.Linear(3, 2)
    found = prunable_weights(model, "paper")
    assert "Norm.weight" in found and "normal.weight" not in found


def test_body_is_the_model_itself_and_holds_no_embedding_norm_or_bias(bert, gpt2):
    for folder in (bert, gpt2):
        model = load_classifier(folder, 2, seed=0)
        parameters = dict(model.base_model.named_parameters())
        embeddings = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
        for name, weight in prunable_weights(model, "body").items():
            assert weight.tensor is parameters[name] and weight.tensor.ndim == 2
            assert id(weight.tensor) not in embeddings


def test_a_linear_layer_that_shares_an_embedding_is_left_alone(bert):
    model = load_classifier(bert, 2, seed=0)
    model.bert.encoder.layer[0].output.dense.weight = model.bert.embeddings.word_embeddings.weight
    model.bert.encoder.layer[1].output.dense.weight = model.bert.encoder.layer[1].intermediate.dense.weight
    body = prunable_weights(model, "body")
    assert "encoder.layer.0.output.dense.weight" not in body
    assert "encoder.layer.1.output.dense.weight" not in body
    assert "encoder.layer.1.intermediate.dense.weight" in body


@pytest.mark.parametrize("tied", [False, True])
def test_tied_embeddings_change_nothing(tied, tmp_path):
    config = transformers.LlamaConfig(**ENCODER, tie_word_embeddings=tied)
    folder = save(tmp_path, "LlamaForCausalLM", config)
    body = read_body(folder)
    assert len(body) == 14 and not any("embed" in name or "head" in name for name in body)
    assert list(body) == list(prunable_weights(load_classifier(folder, 2, seed=0), "body"))


def test_shards_are_read_like_one_file(bert, tmp_path):
    shards = save(
        tmp_path / "shards", "BertForMaskedLM", transformers.BertConfig(**ENCODER), max_shard_size="2KB"
    )
    assert len(list(shards.glob("model-*.safetensors"))) > 2
    whole, parts = read_body(bert), read_body(shards)
    assert list(whole) == list(parts)
    assert all(torch.equal(whole[name].tensor, parts[name].tensor) for name in whole)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_trained_in_float32_and_ranked_as_stored(dtype, tmp_path):
    folder = save(tmp_path, "BertModel", transformers.BertConfig(**ENCODER), dtype=dtype)
    model = load_classifier(folder, 2, seed=0)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    body = read_body(folder)
    assert {weight.tensor.dtype for weight in body.values()} == {dtype}
    for name, weight in prunable_weights(model, "body").items():
        assert torch.equal(body[name].tensor.float(), weight.tensor)


def test_the_files_decide_on_the_dtype_not_the_configuration(bert):
    expected = read_body(bert)
    edit_config(bert, dtype="bfloat16")
    for name, weight in read_body(bert).items():
        assert torch.equal(weight.tensor, expected[name].tensor) and weight.tensor.dtype == torch.float32
    assert load_classifier(bert, 2, seed=0).dtype == torch.float32


def test_changing_the_model_leaves_the_file_alone(bert):
    before = sha256(bert / "model.safetensors")
    model = load_classifier(bert, 2, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert sha256(bert / "model.safetensors") == before
    assert any(weight.tensor.any() for weight in read_body(bert).values())


def test_a_carried_head_is_kept_if_it_fits_and_made_anew_if_not(tmp_path):
    folder = save(tmp_path, "BertForSequenceClassification", transformers.BertConfig(**ENCODER, num_labels=3))
    kept = load_classifier(folder, 3, seed=0)
    assert kept.missing_from_checkpoint == frozenset()
    assert torch.equal(kept.classifier.weight, load_classifier(folder, 3, seed=1).classifier.weight)
    fresh = load_classifier(folder, 2, seed=0)
    assert fresh.missing_from_checkpoint == {"classifier.weight", "classifier.bias"}
    assert not torch.equal(fresh.classifier.weight, load_classifier(folder, 2, seed=1).classifier.weight)
    assert list(prunable_weights(fresh, "body")) == list(prunable_weights(kept, "body"))


@pytest.mark.parametrize(("end", "expected"), [(7, 7), ([5, 6], 5), (None, 0)])
def test_a_decoder_without_a_padding_token_gets_one(end, expected, gpt2):
    edit_config(gpt2, eos_token_id=end, pad_token_id=None)
    model = load_classifier(gpt2, 2, seed=0)
    assert model.config.pad_token_id == expected
    lengths = torch.tensor([[3, 4, expected, expected], [3, 4, 9, 9]])
    assert model(input_ids=lengths).logits.shape == (2, 2)


def test_a_padding_token_stays(bert):
    assert load_classifier(bert, 2, seed=0).config.pad_token_id == 0


def test_regression_is_one_output(bert):
    model = load_classifier(bert, 1, seed=0, regression=True)
    assert model.config.problem_type == "regression" and model.classifier.out_features == 1
    assert load_classifier(bert, 1, seed=0).config.problem_type is None


def test_weights_of_another_format_are_refused(bert):
    (bert / "model.safetensors").rename(bert / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="neither model.safetensors .*pytorch_model.bin; "):
        load_classifier(bert, 2, seed=0)
    with pytest.raises(FileNotFoundError, match="neither model.safetensors"):
        read_body(bert)


def test_an_incomplete_checkpoint_is_refused(bert, tmp_path):
    shards = save(
        tmp_path / "shards", "BertForMaskedLM", transformers.BertConfig(**ENCODER), max_shard_size="2KB"
    )
    gone = sorted(shards.glob("model-*.safetensors"))[1]
    gone.unlink()
    with pytest.raises(FileNotFoundError, match=f"names {gone.name}, not there"):
        load_classifier(shards, 2, seed=0)
    whole = (bert / "model.safetensors").read_bytes()
    (bert / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="model.safetensors: not a readable safetensors file"):
        load_classifier(bert, 2, seed=0)
    (bert / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match="config.json is missing"):
        load_classifier(bert, 2, seed=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_hidden_layers": 3}, "fit BertForSequenceClassification .*layer.2.* is missing; and 13 more"),
        # Two layers in the file, and the model takes one.
        (
            {"num_hidden_layers": 1},
            r"\(the model has no place for 16 tensors of the body, such as bert\.encoder\.layer\.1\.\S+\)$",
        ),
        ({"intermediate_size": 10}, r"weight is \[12, 8\] in the file, \[10, 8\] by config.json"),
        ({"model_type": "roberta"}, "fit RobertaForSequenceClassification .* is missing"),
        ({"model_type": "vit", "architectures": ["ViTModel"]}, "architecture ViTModel .* no sequence class"),
        ({"model_type": "no-such-model"}, "config.json: .*no-such-model"),
    ],
)
def test_weights_that_do_not_belong_to_the_configuration_are_refused(changes, message, bert):
    edit_config(bert, **changes)
    with pytest.raises(ValueError, match=message):
        load_classifier(bert, 2, seed=0)


def test_layers_that_the_model_does_not_take_are_refused_in_a_file_of_the_base_model_too(tmp_path):
    folder = save(tmp_path / "base", "BertModel", transformers.BertConfig(**ENCODER))
    edit_config(folder, num_hidden_layers=1)
    with pytest.raises(
        ValueError, match=r"has no place for 16 tensors of the body, such as encoder\.layer\.1\."
    ):
        load_classifier(folder, 2, seed=0)
    folder = save(tmp_path / "llama", "LlamaForCausalLM", transformers.LlamaConfig(**ENCODER))
    edit_config(folder, num_hidden_layers=1)
    for load in (load_causal, lambda folder: load_classifier(folder, 2, seed=0)):
        with pytest.raises(
            ValueError, match=r"has no place for 9 tensors of the body, such as model\.layers\.1\."
        ):
            load(folder)


def test_biases_and_adapters_that_the_configuration_does_not_know_are_refused(tmp_path):
    folder = save(tmp_path, "LlamaForCausalLM", transformers.LlamaConfig(**ENCODER, attention_bias=True))
    edit_config(folder, attention_bias=False)
    with pytest.raises(ValueError, match=r"has no place for 8 .* model\.layers\.0\.self_attn\.k_proj\.bias"):
        load_causal(folder)


def test_what_a_file_holds_for_its_own_task_may_be_left_over(tmp_path):
    config = transformers.BertConfig(**ENCODER)
    for name in ("BertForPreTraining", "BertForQuestionAnswering", "BertForTokenClassification"):
        assert len(prunable_weights(load_classifier(save(tmp_path / name, name, config), 2, 0), "body")) == 12
    # RoBERTa's classifier has no pooler, its base model has.
    config = transformers.RobertaConfig(**ENCODER)
    for name in ("RobertaModel", "RobertaForMaskedLM", "RobertaForSequenceClassification"):
        assert len(prunable_weights(load_classifier(save(tmp_path / name, name, config), 2, 0), "body")) == 12
    config = transformers.LlamaConfig(**ENCODER, tie_word_embeddings=True)
    folder = save(tmp_path / "llama", "LlamaForSequenceClassification", config)
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(2)
    tensors["model.layers.0.self_attn.masked_bias"] = torch.tensor(-1e9)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert load_classifier(folder, 2, seed=0).missing_from_checkpoint == frozenset()
    assert load_causal(folder).config.vocab_size == 31


def test_funnel_is_loaded_with_and_without_its_decoder(tmp_path):
    config = transformers.FunnelConfig(
        vocab_size=31, block_sizes=[1, 1], d_model=8, n_head=2, d_head=4, d_inner=12, num_decoder_layers=1
    )
    for name in ("FunnelForMaskedLM", "FunnelBaseModel"):
        model = load_classifier(save(tmp_path / name, name, config), 2, seed=0)
        assert all("classifier" in name for name in model.missing_from_checkpoint)
    edit_config(tmp_path / "FunnelForMaskedLM", block_sizes=[1], block_repeats=[1])
    with pytest.raises(ValueError, match=r"has no place for \d+ .* funnel\.encoder\.blocks\.1\."):
        load_classifier(tmp_path / "FunnelForMaskedLM", 2, seed=0)


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("experts.2.w1", r"model.layers.1.block_sparse_moe.experts.2.w1.weight is missing"),
        ("experts.2.", r"layers.1.mlp.experts.down_proj is \[3, 8, 12\] in the file, \[4, 8, 12\] by config"),
        ("experts.", r"layers.1.mlp.experts.down_proj is missing"),
    ],
)
def test_a_missing_expert_is_told(lost, told, tmp_path):
    config = transformers.MixtralConfig(**ENCODER, num_key_value_heads=1, num_local_experts=4)
    folder = save(tmp_path, "MixtralForCausalLM", config)
    tensors = load_file(folder / "model.safetensors")
    gone = sorted(name for name in tensors if lost in name and "layers.1." in name)
    kept = {name: tensor for name, tensor in tensors.items() if name not in gone}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    for load in (load_causal, lambda folder: load_classifier(folder, 2, seed=0)):
        with pytest.raises(ValueError, match=told) as caught:
            load(folder)
        assert "CONVERSION" not in str(caught.value)
