"""Language models as they are: log-likelihoods against loops over tokens, and what may be run on running text."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from configs import SCHEMA, lines, user
from junkdna.compression.hessian import upper_inverse_factor
from junkdna.compression.masks import build_mask
from junkdna.compression.quantization import QuantSpec, as_matrix, dequantize
from junkdna.compression.quantize import quantize_weights
from junkdna.inference.batches import load_data
from junkdna.inference.running_text import predict_text
from junkdna.models.decoder import load_causal
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights, read_body
from junkdna.statistics.metrics import chance, score
from junkdna.study.check import check
from junkdna.study.runs import null_runs, traced_runs, valid_runs
from junkdna.study.specs import PruneSpec
from junkdna.tasks.fetch import normalise
from junkdna.training.loop import finetune
from trainings import DENSE, PRUNED, SPEC, make_tokens, run_of, untrue_files

LLAMA = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 24,
}
GPT2 = {"vocab_size": 40, "n_positions": 24, "n_embd": 16, "n_layer": 2, "n_head": 2}
QUANTIZED = {"method": "quantize", "quantizer": "rtn", "bits": 3, "group": 8, "symmetric": False}
TEXT = {
    "source": {"path": {"train": "t.csv", "validation": "v.csv"}},
    "format": "lm",
    "columns": {"text": "text"},
    "metric": "log-likelihood",
    "version": 1,
}


def save(folder: Path, name: str, config: transformers.PretrainedConfig) -> Path:
    torch.manual_seed(0)
    model = getattr(transformers, name)(config)
    # Larger than the initialisation, so that the model is no uniform guess.
    for parameter in model.parameters():
        parameter.data.mul_(8 if parameter.ndim > 1 else 1)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["llama", "llama-tied", "gpt2"])
def checkpoint(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "gpt2":
        return save(folder, "GPT2LMHeadModel", transformers.GPT2Config(**GPT2))
    tied = request.param == "llama-tied"
    return save(folder, "LlamaForCausalLM", transformers.LlamaConfig(**LLAMA, tie_word_embeddings=tied))


def texts(examples: int, seed: int):
    """Texts of three to eleven tokens, and one of a single token."""
    made = make_tokens(examples, seed)
    cut = int(made.offsets[1]) - 1
    return replace(
        made,
        input_ids=made.input_ids[cut:],
        offsets=torch.cat([torch.zeros(1, dtype=torch.int64), made.offsets[1:] - cut]),
        label=torch.zeros(examples, dtype=torch.int64),
        format="lm",
        num_labels=1,
    )


def run(checkpoint: Path, tmp_path: Path, recipe=DENSE, regime="dense", **changed):
    settings = {"train": texts(9, 0), "validation": texts(7, 1), "spec": SPEC, "seed": 1} | changed
    made = run_of(checkpoint, recipe=recipe, regime=regime, **settings)
    result = finetune(made, state=tmp_path / "state.safetensors", fingerprint="")
    assert untrue_files(made, result) == []
    return result


def by_hand(model: transformers.PreTrainedModel, tokens) -> list[float]:
    """Mean log-probability of the tokens of each text after the first, one prefix after the other, float64."""
    found = []
    for start, end in zip(tokens.offsets[:-1].tolist(), tokens.offsets[1:].tolist(), strict=True):
        ids = tokens.input_ids[start:end].long()
        logs = [
            torch.log_softmax(model(input_ids=ids[None, :place]).logits[0, -1], 0)[ids[place]].item()
            for place in range(1, len(ids))
        ]
        found.append(sum(logs) / max(len(logs), 1))
    return found


def test_log_likelihoods_equal_a_loop_over_prefixes(checkpoint):
    tokens, train = texts(7, 1), texts(9, 0)
    model = load_causal(checkpoint, dtype=torch.float64)
    table = predict_text(model, load_data(tokens, torch.device("cpu")), "fp32", train)
    with torch.inference_mode():
        expected = by_hand(model, tokens)
    np.testing.assert_allclose(table["prediction"], expected, rtol=1e-5)
    assert np.ptp(expected) > 0.5
    lengths = np.diff(tokens.offsets.numpy())
    assert table["target"].tolist() == (lengths - 1).tolist() and table["target"].iloc[0] == 0
    assert table["example_id"].tolist() == tokens.example_id.tolist()
    np.testing.assert_allclose(table["loss"], -table["prediction"])


def test_the_unigram_model_counts_what_is_predicted(checkpoint):
    tokens, train = texts(7, 1), texts(9, 0)
    model = load_causal(checkpoint)
    table = predict_text(model, load_data(tokens, torch.device("cpu")), "fp32", train)
    counts = np.ones(40)
    for start, end in zip(train.offsets[:-1].tolist(), train.offsets[1:].tolist(), strict=True):
        for token in train.input_ids[start + 1 : end].tolist():
            counts[token] += 1
    for row, start, end in zip(table.itertuples(), tokens.offsets[:-1], tokens.offsets[1:], strict=True):
        inside = tokens.input_ids[start + 1 : end].numpy()
        expected = np.log(counts[inside] / counts.sum()).mean() if len(inside) else 0.0
        assert row.scores[0] == pytest.approx(expected, abs=1e-5)


def test_batches_and_padding_do_not_matter(checkpoint, monkeypatch):
    tokens, train = texts(7, 1), texts(9, 0)
    model, data = load_causal(checkpoint), load_data(tokens, torch.device("cpu"))
    together = predict_text(model, data, "fp32", train)
    monkeypatch.setattr("junkdna.inference.running_text.MAX_LOGITS", 1)
    alone = predict_text(model, data, "fp32", train)
    np.testing.assert_allclose(together["prediction"], alone["prediction"], atol=1e-5)
    other = load_data(replace(tokens, pad_id=17), torch.device("cpu"))
    monkeypatch.undo()
    assert predict_text(model, other, "fp32", train)["prediction"].tolist() == together["prediction"].tolist()


def test_a_dense_run_is_the_checkpoint_as_it_is(checkpoint, tmp_path):
    outcome = run(checkpoint, tmp_path)
    with torch.inference_mode():
        expected = by_hand(load_causal(checkpoint), texts(7, 1))
    np.testing.assert_allclose(outcome.predictions["prediction"], expected, atol=1e-4)
    facts = outcome.facts
    assert (facts["steps"], facts["sparsity"], facts["effective_bits"]) == (0, 0.0, 16.0)
    weights = outcome.predictions["target"]
    mean = (outcome.predictions["loss"] * weights).sum() / weights.sum()
    assert facts["final_loss"] == facts["min_loss"] == pytest.approx(mean)
    again = run(checkpoint, tmp_path, seed=2)
    pd.testing.assert_frame_equal(again.predictions, outcome.predictions)


def test_a_masked_run_has_zeros_and_a_method_s_new_weights(checkpoint, tmp_path):
    body = read_body(checkpoint)
    weights = {name: each.tensor for name, each in body.items()}
    mask = build_mask(
        weights, {name: each.input_dim for name, each in body.items()}, PruneSpec.from_mapping(PRUNED)
    )
    moved = {name: weight + 1 for name, weight in weights.items()}
    outcome = run(checkpoint, tmp_path, PRUNED, "zero-shot", mask=mask, moved=moved)
    for name, each in prunable_weights(outcome.model, "body").items():
        assert torch.equal(each.tensor, torch.where(mask[name], moved[name], 0.0))
    removed = sum(int((~kept).sum()) for kept in mask.values()) / sum(kept.numel() for kept in mask.values())
    assert outcome.facts["sparsity"] == pytest.approx(removed)
    assert outcome.facts["effective_bits"] == pytest.approx(16 * (1 - removed) + 1)


NF4 = {"method": "quantize", "quantizer": "nf4", "bits": 4, "group": 8}


@pytest.mark.parametrize(
    "recipe", [QUANTIZED, QUANTIZED | {"quantizer": "gptq"}, NF4], ids=["rtn", "gptq", "nf4"]
)
def test_a_quantized_run_has_the_weights_of_its_codes(checkpoint, tmp_path, recipe):
    body = read_body(checkpoint)
    dims = {name: each.input_dim for name, each in body.items()}
    draw = torch.Generator().manual_seed(0)
    rows = {n: torch.randn(50, each.tensor.shape[dims[n]], generator=draw) for n, each in body.items()}
    factors = {f"factors:{name}": upper_inverse_factor(each.T @ each) for name, each in rows.items()}
    weights = {name: each.tensor for name, each in body.items()}
    codes = quantize_weights(weights, dims, QuantSpec.from_mapping(recipe), factors)
    outcome = run(checkpoint, tmp_path, recipe, "zero-shot", quantized=codes)
    for name, each in prunable_weights(outcome.model, "body").items():
        assert torch.equal(each.tensor, as_matrix(dequantize(codes[name], 8), dims[name]))
    assert 3 < outcome.facts["effective_bits"] < 16


def test_names_of_weights_are_those_of_the_classifier_and_the_output_layer_is_none(checkpoint):
    causal = prunable_weights(load_causal(checkpoint), "body")
    assert list(causal) == list(prunable_weights(load_classifier(checkpoint, 2, 0), "body"))
    assert not any("lm_head" in name for name in causal)


def test_a_tied_embedding_that_is_stored_as_the_output_layer_is_found(tmp_path):
    folder = save(tmp_path, "LlamaForCausalLM", transformers.LlamaConfig(**LLAMA, tie_word_embeddings=True))
    expected = load_causal(folder).get_input_embeddings().weight
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors.pop("model.embed_tokens.weight")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    for model in (load_causal(folder), load_classifier(folder, 2, 0)):
        assert torch.equal(model.get_input_embeddings().weight, expected)
    body = load_classifier(folder, 2, 0).missing_from_checkpoint
    assert body == {"score.weight"}


def test_an_encoder_and_a_body_without_output_layer_are_refused(tmp_path):
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    config = transformers.BertConfig(vocab_size=40, max_position_embeddings=24, **sizes)
    encoder = save(tmp_path / "bert", "BertForMaskedLM", config)
    with pytest.raises(ValueError, match="causal attention .* take a decoder such as gpt2"):
        load_causal(encoder)
    body = save(
        tmp_path / "llama", "LlamaModel", transformers.LlamaConfig(**LLAMA, tie_word_embeddings=False)
    )
    with pytest.raises(ValueError, match="lacks lm_head.weight"):
        load_causal(body)


def test_regimes_and_formats_that_do_not_go_together(checkpoint, tmp_path):
    with pytest.raises(ValueError, match="'sparse' trains.*legal: zero-shot, dense"):
        run(checkpoint, tmp_path, PRUNED, "sparse")
    with pytest.raises(ValueError, match="leaves the head of a classification untrained"):
        run(checkpoint, tmp_path, PRUNED, "zero-shot", train=make_tokens(4, 0))


def text_study(**changes) -> dict:
    config = user(study__axes=[], study__tasks=["story"], study__runs=[], **changes)
    config["tasks"]["story"] = TEXT
    config["study"]["runs"] = [{"recipes": ["magnitude"], "regimes": ["zero-shot"]}]
    return config


def test_a_study_of_text_has_one_run_a_recipe_and_no_nulls():
    checked = check(text_study(study__cartography=True), SCHEMA)
    runs = valid_runs(checked)
    assert [(run["recipe"], run["regime"], run["seed"]) for run in runs] == [
        ("dense", "dense", 1),
        ("magnitude-u50", "zero-shot", 1),
        ("magnitude-u70-5", "zero-shot", 1),
        ("magnitude-2of8", "zero-shot", 1),
    ]
    assert null_runs(checked, runs) == traced_runs(checked, runs) == []


def test_a_config_that_trains_on_text_or_not_on_labels_is_refused():
    config = text_study()
    config["study"]["runs"][0]["regimes"] = ["sparse"]
    assert lines(config) == [
        "study.runs[0].regimes: found 'sparse' on task story of format lm; legal: zero-shot, for such a task trains "
        "nothing (dense: the checkpoint as it is)"
    ]
    config = text_study()
    config["study"]["tasks"] = ["story", "easy"]
    assert lines(config) == [
        "study.runs[0].regimes: found 'zero-shot' on task easy of format classification; legal: a regime that "
        "trains, for the head is new"
    ]
    config = text_study()
    config["tasks"]["story"] = TEXT | {"labels": ["a", "b"], "columns": {"text": "text", "label": "y"}}
    found = "\n".join(lines(config))
    assert "tasks.story.labels: found beside format lm" in found and "tasks.story.columns" in found


def test_rows_of_text_have_no_label():
    raw = pd.DataFrame({"text": ["one", "", "one"], "label": [3, 4, 5]})
    options = {"labels": None, "classes": None, "key": "tasks.story", "split": "train"}
    table = normalise(raw, "lm", {"text": "text"}, **options)
    assert list(table.columns) == ["example_id", "text", "label"]
    assert table["label"].tolist() == [0, 0, 0] and table["example_id"].is_unique


def test_score_under_weights_is_that_of_the_resampled_texts():
    draw = np.random.default_rng(0)
    tokens, logs = draw.integers(1, 90, (3, 20)).astype(float), -draw.random((3, 20)).astype(np.float32)
    weights = draw.multinomial(20, np.full(20, 1 / 20), size=6)
    found = score("log-likelihood", tokens, logs, weights)
    for place, counts in enumerate(weights):
        for row in range(3):
            every = np.concatenate(
                [np.repeat(logs[row, i], int(tokens[row, i]) * counts[i]) for i in range(20)]
            )
            assert found[row, place] == pytest.approx(every.mean(dtype=np.float64))
    np.testing.assert_allclose(chance("log-likelihood", tokens, logs), score("log-likelihood", tokens, logs))
