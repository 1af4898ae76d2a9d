"""Pre-training: the same bits for a seed, a folder that the usual classes load, nothing left behind on failure."""

import pytest
import torch

from junkdna.checkpoints import pretraining, toy_models
from junkdna.files.artifacts import read_json, read_tensors
from junkdna.models.decoder import load_causal
from junkdna.models.load import load_classifier
from junkdna.tasks.encode_prompts import encode_pair, first_token
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
    monkeypatch.setitem(pretraining.LOSSES, "masked", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make(tmp_path / "tiny")
    assert list(tmp_path.iterdir()) == []


def test_verdicts_and_facts_are_what_is_hidden():
    tokenizer = toy_models.build_tokenizer(["dal lies in _zor", "is it ? _yes"])
    ids, marked = pretraining.encode(["dal lies in _zor"], tokenizer)
    assert tokenizer.convert_ids_to_tokens(ids[0][marked[0]].tolist()) == ["zor"]


# The decoder


def test_a_decoder_is_a_checkpoint_that_begins_its_texts_and_ends_them(tmp_path):
    manifest = make(tmp_path / "tiny", objective="causal")
    assert manifest["model_type"] == "llama" and manifest["architectures"] == ["LlamaForCausalLM"]
    model, tokenizer = load_causal(tmp_path / "tiny"), load_tokenizer(tmp_path / "tiny")
    ids = tokenizer("where does")["input_ids"]
    assert ids[0] == tokenizer.bos_token_id == model.config.bos_token_id and len(ids) == 3
    assert tokenizer.eos_token_id == model.config.eos_token_id not in ids
    assert encode_pair(tokenizer, "where does", " live", first_token(tokenizer)) == (
        tuple(ids),
        (tokenizer.convert_tokens_to_ids("live"),),
    )


def test_a_decoder_learns_and_its_seed_decides_every_weight(tmp_path):
    settings = {"objective": "causal", "hidden": 32, "heads": 2}
    losses = [
        make(tmp_path / name, steps=steps, **settings)["training"]["loss"]
        for name, steps in (("short", 5), ("long", 120), ("again", 120))
    ]
    assert losses[1] < 0.7 * losses[0] and losses[1] == losses[2]
    one, other = (read_tensors(tmp_path / name / "model.safetensors") for name in ("long", "again"))
    assert all((one[name] == other[name]).all() for name in one)


@torch.no_grad()
def test_what_follows_a_word_counts_as_its_mark_says():
    corpus = ["dal lives in _zor", "where does dal live ? _zor"]
    tokenizer = toy_models.build_tokenizer(corpus, "causal")
    torch.manual_seed(0)
    model = toy_models.build_model("causal", len(tokenizer), hidden=16, layers=1, heads=2)
    ids, marked = pretraining.encode(corpus, tokenizer)
    total = weights = 0.0
    for line, marks in zip(ids.tolist(), marked.tolist(), strict=True):
        length = sum(token != toy_models.PAD for token in line)
        for place in range(1, length):
            logs = model(torch.tensor([line[:place]])).logits[0, -1].log_softmax(0)
            weight = toy_models.MARKED if marks[place] else toy_models.OTHER
            total, weights = total - weight * logs[line[place]].item(), weights + weight
    found = toy_models.causal_loss(model, ids, marked, torch.Generator()).item()
    assert found == pytest.approx(total / weights, rel=1e-5)


def test_batches_by_length_hold_the_same_lines():
    lengths = torch.randint(3, 40, (500,), generator=torch.Generator().manual_seed(1))
    plain = list(pretraining.draw_batches(500, 16, 50, 1))
    sorted_ = list(pretraining.by_length(plain, lengths, 1))
    assert [len(batch) for batch in sorted_] == [16] * 50
    for start in range(0, 50, pretraining.WINDOW):
        one, other = (torch.cat(each[start : start + pretraining.WINDOW]) for each in (plain, sorted_))
        assert torch.equal(one.sort().values, other.sort().values)
    padded = [sum(len(rows) * int(lengths[rows].max()) for rows in each) for each in (plain, sorted_)]
    assert padded[1] < 0.75 * padded[0]
