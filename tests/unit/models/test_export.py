"""A compressed checkpoint as a folder of its own: others load it, and it answers as ours does."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from decoders import save_decoder
from junkdna.compression.compressed import Compressed
from junkdna.compression.masks import build_mask
from junkdna.models.compressed import apply_recipe
from junkdna.models.decoder import load_causal
from junkdna.models.export import export_model
from junkdna.models.prunable import prunable_weights
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
    folder = tmp_path / "models" / "magnitude-u50"
    folder.parent.mkdir()
    export_model(checkpoint, PRUNED, Compressed(mask=mask), folder, {"code": "abc"})
    apply_recipe(model, PRUNED, Compressed(mask=mask))
    theirs = AutoModelForCausalLM.from_pretrained(folder)
    tokens = torch.arange(2, 20)[None]
    with torch.inference_mode():
        assert torch.equal(theirs(tokens).logits, model(tokens).logits)
    assert (
        AutoTokenizer.from_pretrained(folder)("ab")["input_ids"]
        == AutoTokenizer.from_pretrained(checkpoint)("ab")["input_ids"]
    )
    about = json.loads((folder / "junkdna.json").read_text())
    assert about["code"] == "abc" and about["sparsity"] == pytest.approx(0.5, abs=1e-3)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["magnitude-u50"], (
        "nothing half-written stays"
    )


def test_the_dtype_is_that_of_the_checkpoint(checkpoint, tmp_path):
    half = tmp_path / "half"
    AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.bfloat16).save_pretrained(half)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(half)
    export_model(half, expand_recipes({})["dense"], Compressed(), tmp_path / "dense", {})
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "dense", dtype="auto").dtype == torch.bfloat16
