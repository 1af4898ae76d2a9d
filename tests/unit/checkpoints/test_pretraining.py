"""Pre-training: the same bits for a seed, a folder that the usual classes load, nothing left behind on failure."""

import pytest

from junkdna.checkpoints import pretraining
from junkdna.files.artifacts import read_json, read_tensors
from junkdna.models.load import load_classifier
from junkdna.tasks.tokens import load_tokenizer

SOURCE = {
    "pretrain": {
        "world_seed": 1,
        "seed": 1,
        "steps": 8,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "hidden": 16,
        "layers": 1,
        "heads": 2,
    }
}


def make(folder, **changes):
    source = {"pretrain": {**SOURCE["pretrain"], **changes}}
    return pretraining.pretrain_checkpoint(source, folder, name="tiny", threads=1)


def test_the_folder_is_a_checkpoint_like_any_other(tmp_path):
    manifest = make(tmp_path / "tiny")
    assert read_json(tmp_path / "tiny/manifest.json") == manifest
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= manifest["files"].keys()
    model, tokenizer = load_classifier(tmp_path / "tiny", 2, seed=1), load_tokenizer(tmp_path / "tiny")
    ids = tokenizer("someone is happy at the market", return_tensors="pt")
    assert tokenizer.unk_token_id not in ids.input_ids and model(**ids).logits.shape == (1, 2)


def test_the_seed_decides_every_weight(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make(tmp_path / name, seed=seed)
    first, again, other = (read_tensors(tmp_path / name / "model.safetensors") for name in "abc")
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


def test_it_learns(tmp_path):
    short = make(tmp_path / "short", steps=5, hidden=32)["training"]["loss"]
    long = make(tmp_path / "long", steps=150, hidden=32)["training"]["loss"]
    assert long < 0.7 * short


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(pretraining, "masked_loss", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make(tmp_path / "tiny")
    assert list(tmp_path.iterdir()) == []


def test_verdicts_and_facts_are_what_is_hidden():
    tokenizer = pretraining.build_tokenizer(["dal lies in _zor", "is it ? _yes"])
    ids, marked = pretraining.encode(["dal lies in _zor"], tokenizer)
    assert tokenizer.convert_ids_to_tokens(ids[0][marked[0]].tolist()) == ["zor"]
