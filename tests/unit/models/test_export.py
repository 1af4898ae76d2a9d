"""A compressed checkpoint as a folder of its own: others load it, and it answers as ours does."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from decoders import save_decoder
from junkdna.compression.compressed import Compressed
from junkdna.compression.masks import build_mask
from junkdna.compression.quantization import QuantSpec, as_matrix, quantize_rtn
from junkdna.models.compressed import apply_recipe
from junkdna.models.decoder import load_causal
from junkdna.models.export import export_model, export_solution
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights, read_body
from junkdna.models.solution import solution_of
from junkdna.study.recipes import expand_recipes
from junkdna.study.specs import PruneSpec

SWEEP = {"score": "magnitude", "selection": "layer", "sparsity": [50], "scope": "body", "seed": 0}
PRUNED = expand_recipes({"magnitude": SWEEP})["magnitude-u50"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_decoder(tmp_path_factory.mktemp("export") / "decoder")


def test_an_exported_model_is_loaded_by_transformers_and_is_the_compressed_one(checkpoint, tmp_path):
    model = load_causal(checkpoint)
    weights = {name: entry.tensor.detach() for name, entry in prunable_weights(model, "body").items()}
    mask = build_mask(weights, dict.fromkeys(weights, 1), PruneSpec.from_mapping(PRUNED))
    folder = tmp_path / "magnitude-u50"
    facts = export_model(checkpoint, PRUNED, Compressed(mask=mask), folder)
    apply_recipe(model, PRUNED, Compressed(mask=mask))
    theirs = AutoModelForCausalLM.from_pretrained(folder)
    tokens = torch.arange(2, 20)[None]
    with torch.inference_mode():
        assert torch.equal(theirs(tokens).logits, model(tokens).logits)
    assert (
        AutoTokenizer.from_pretrained(folder)("ab")["input_ids"]
        == AutoTokenizer.from_pretrained(checkpoint)("ab")["input_ids"]
    )
    assert facts["sparsity"] == pytest.approx(0.5, abs=1e-3)


@pytest.fixture(scope="module")
def half(checkpoint, tmp_path_factory):
    """The same checkpoint in 16 bits."""
    folder = tmp_path_factory.mktemp("half")
    AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
    return folder


def test_the_dtype_is_that_of_the_checkpoint(half, tmp_path):
    export_model(half, expand_recipes({})["dense"], Compressed(), tmp_path / "dense")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "dense", dtype="auto").dtype == torch.bfloat16


def test_rounded_weights_are_not_rounded_once_more(half, tmp_path):
    recipe = expand_recipes({"rtn": {"quantizer": "rtn", "bits": [3], "group": 0, "symmetric": True}})[
        "rtn-w3"
    ]
    weights = {name: as_matrix(each.tensor, each.input_dim) for name, each in read_body(half).items()}
    spec = QuantSpec.from_mapping(recipe)
    compressed = Compressed(
        quantized={name: quantize_rtn(weight.float(), spec) for name, weight in weights.items()}
    )
    export_model(half, recipe, compressed, tmp_path / "rtn")
    ours = load_causal(half)
    apply_recipe(ours, recipe, compressed)
    theirs, tokens = (
        AutoModelForCausalLM.from_pretrained(tmp_path / "rtn", dtype="auto"),
        torch.arange(2, 20)[None],
    )
    with torch.inference_mode():
        assert torch.equal(theirs(tokens).logits, ours(tokens).logits)


def test_a_trained_model_comes_with_its_head_and_the_names_of_the_classes(checkpoint, tmp_path):
    model = load_classifier(checkpoint, 3, seed=5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    labels = ["no", "maybe", "yes"]
    export_solution(checkpoint, solution_of(model), tmp_path, form="classification", width=3, labels=labels)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    tokens = torch.arange(2, 20)[None]
    with torch.inference_mode():
        assert torch.equal(theirs(tokens).logits, model.eval()(tokens).logits)
    assert theirs.config.id2label == dict(enumerate(labels))


def test_weights_of_another_model_are_refused(checkpoint, tmp_path):
    solution = solution_of(load_classifier(checkpoint, 3, seed=5))
    with pytest.raises(ValueError, match="trained weights: 1 tensors do not fit .*, first 'score.weight'"):
        export_solution(checkpoint, solution, tmp_path / "no", form="classification", width=2, labels=[])
