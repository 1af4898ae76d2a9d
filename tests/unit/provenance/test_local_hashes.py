"""Local files are known by their content, and looked into only when their size or times changed."""

import json
import os
import threading
from pathlib import Path

import pytest

from junkdna.files.artifacts import sha256
from junkdna.provenance import local_hashes as local_files
from junkdna.provenance.local_hashes import check_local, local_hashes


@pytest.fixture
def config(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "README.md", "pytorch_model.bin"):
        (model / name).write_text(name)
    for split in ("train", "validation"):
        (tmp_path / f"{split}.csv").write_text(f"text,label\n{split},a\n")
    for path in (*model.iterdir(), *tmp_path.glob("*.csv")):
        rest(path)
    return {
        "checkpoints": {"mine": {"source": {"path": str(model)}}, "other": {"source": {"hub": "a/b"}}},
        "tasks": {
            "own": {
                "source": {
                    "path": {split: str(tmp_path / f"{split}.csv") for split in ("train", "validation")}
                }
            }
        },
    }


@pytest.fixture
def hashed(monkeypatch):
    """The files that were looked into."""
    seen = []
    monkeypatch.setattr(local_files, "sha256", lambda path: (seen.append(Path(path).name), sha256(path))[1])
    monkeypatch.setattr(local_files, "REST_NS", -1)
    return seen


def rest(path: Path, seconds: float = 100) -> None:
    stat = path.stat()
    os.utime(path, (stat.st_atime - seconds, stat.st_mtime - seconds))


def test_what_counts_is_hashed_once(config, tmp_path, hashed):
    cache = tmp_path / "resources/local.json"
    first = local_hashes(config, cache)
    assert set(first) == {"checkpoints.mine", "tasks.own"}
    assert set(first["checkpoints.mine"]) == {"config.json", "model.safetensors", "tokenizer.json"}
    assert first["tasks.own"]["train"] == sha256(tmp_path / "train.csv")
    assert len(hashed) == 5
    assert local_hashes(config, cache) == first and len(hashed) == 5
    assert [path.name for path in cache.parent.iterdir()] == ["local.json"]


def test_a_touch_hashes_one_file_and_changes_nothing(config, tmp_path, hashed):
    first = local_hashes(config, tmp_path / "c.json")
    hashed.clear()
    (tmp_path / "train.csv").touch()
    assert local_hashes(config, tmp_path / "c.json") == first and hashed == ["train.csv"]


def test_an_edit_of_equal_size_and_an_older_time_is_seen(config, tmp_path, hashed):
    first = local_hashes(config, tmp_path / "c.json")
    path = tmp_path / "model/model.safetensors"
    before = path.stat()
    path.write_text("model.safetensorZ")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = local_hashes(config, tmp_path / "c.json")
    assert second["checkpoints.mine"]["model.safetensors"] == sha256(path)
    assert second["tasks.own"] == first["tasks.own"]


def test_what_was_written_a_moment_ago_is_hashed_again(config, tmp_path, hashed, monkeypatch):
    monkeypatch.setattr(local_files, "REST_NS", 10**18)
    local_hashes(config, tmp_path / "c.json")
    hashed.clear()
    local_hashes(config, tmp_path / "c.json")
    assert len(hashed) == 5


def test_files_that_are_gone_keep_their_hash_and_new_ones_count(config, tmp_path, hashed):
    first = local_hashes(config, tmp_path / "c.json")
    (tmp_path / "model").rename(tmp_path / "away")
    (tmp_path / "train.csv").unlink()
    assert local_hashes(config, tmp_path / "c.json") == first
    (tmp_path / "away").rename(tmp_path / "model")
    (tmp_path / "model/tokenizer.json").unlink()
    (tmp_path / "model/vocab.txt").write_text("a")
    names = set(local_hashes(config, tmp_path / "c.json")["checkpoints.mine"])
    assert names == {"config.json", "model.safetensors", "vocab.txt"}
    assert local_hashes(config, tmp_path / "none.json")["tasks.own"].keys() == {"validation"}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', '{"a": {"sha256": 3}}', "\udcff"])
def test_a_broken_cache_costs_only_time(config, tmp_path, content):
    right = local_hashes(config, tmp_path / "c.json")
    (tmp_path / "c.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert local_hashes(config, tmp_path / "c.json") == right
    assert len(json.loads((tmp_path / "c.json").read_text())) == 5


def test_where_nothing_can_be_written_the_hashes_are_right(config, tmp_path):
    (tmp_path / "file").write_text("no folder")
    right = local_hashes(config, tmp_path / "c.json")
    assert local_hashes(config, tmp_path / "file/c.json") == right


def test_processes_that_write_at_once_leave_a_whole_cache(config, tmp_path):
    right = local_hashes(config, tmp_path / "other.json")
    cache, wrong = tmp_path / "c.json", []

    def work():
        for _ in range(20):
            cache.unlink(missing_ok=True)
            if local_hashes(config, cache) != right:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and local_hashes(config, cache) == right
    assert not list(tmp_path.glob(".c.json*"))


def test_a_file_that_changed_meanwhile_is_named():
    check_local(
        {"train": "1"}, {"train": {"sha256": "1"}, "validation": {"sha256": "2"}}, "tasks.own.source.path"
    )
    with pytest.raises(ValueError, match=r"tasks\.own\.source\.path: train was changed"):
        check_local({"train": "1"}, {"train": {"sha256": "3"}}, "tasks.own.source.path")


def test_what_others_made_is_followed_too(tmp_path):
    model, logs = tmp_path / "theirs", tmp_path / "logs/some__model"
    for path in (
        model / "config.json",
        model / "README.md",
        logs / "samples_arc.jsonl",
        logs / "results.json",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    config = {
        "checkpoints": {"logged": {"source": {"logs": str(tmp_path / "logs")}}},
        "tasks": {"arc": {"source": {"logs": {"task": "arc"}}}},
        "sweeps": {
            "given": {
                "source": {"given": {"u50": {"path": str(model)}, "u60": {"hub": "a/b", "revision": "main"}}}
            },
            "logs": {"source": {"logs": {"u50": str(logs / "samples_arc.jsonl")}}},
        },
    }
    found = local_hashes(config, tmp_path / "cache.json")
    names = ["some__model/results.json", "some__model/samples_arc.jsonl"]
    assert {owner: sorted(files) for owner, files in found.items()} == {
        "checkpoints.logged": names,
        "recipes.given-u50": ["config.json"],
        "recipes.logs-u50": ["samples_arc.jsonl"],
    }
    for path in logs.iterdir():
        path.unlink()
    assert local_hashes(config, tmp_path / "cache.json") == found, "a log that is gone keeps its hash"
