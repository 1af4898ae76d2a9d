"""Files appear whole or not at all, and hold what was written."""

import os

import numpy as np
import pandas as pd
import pytest
import torch

from junkdna.files import artifacts


def test_table_round_trip_with_metadata(tmp_path):
    table = pd.DataFrame(
        {"id": np.array([3, 1], dtype=np.int64), "scores": [[0.5, 1.5], [2.0, 3.0]], "name": ["a", None]}
    )
    artifacts.write_table(tmp_path / "deep/er/t.parquet", table, {"seed": 1, "name": "x"})
    back = artifacts.read_table(tmp_path / "deep/er/t.parquet")
    assert back.attrs["junkdna"] == {"seed": 1, "name": "x"}
    assert back["id"].tolist() == [3, 1]
    assert [list(row) for row in back["scores"]] == [[0.5, 1.5], [2.0, 3.0]]
    assert list(artifacts.read_table(tmp_path / "deep/er/t.parquet", ["id"]).columns) == ["id"]


def test_folders_named_like_partitions_add_no_columns(tmp_path):
    artifacts.write_table(tmp_path / "seed=1/t.parquet", pd.DataFrame({"x": [1]}))
    assert list(artifacts.read_table(tmp_path / "seed=1/t.parquet").columns) == ["x"]


def test_tensors_round_trip_and_metadata_alone(tmp_path):
    tensors = {"a": torch.arange(5, dtype=torch.int32), "b": torch.ones(2, 3, dtype=torch.bfloat16)}
    artifacts.write_tensors(tmp_path / "t.safetensors", tensors, {"spec": "{}"})
    back = artifacts.read_tensors(tmp_path / "t.safetensors")
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)
    assert artifacts.read_metadata(tmp_path / "t.safetensors") == {"spec": "{}"}


def test_streamed_tensors_read_like_those_written_at_once(tmp_path):
    tensors = {"a": torch.randn(3, 5), "b.c": torch.randn(4).view(2, 2).T, "empty": torch.zeros(0, 2)}
    path = tmp_path / "deep/t.safetensors"
    artifacts.stream_tensors(path, iter(tensors.items()), [*tensors, "never came"], {"tokens": "9"})
    back = artifacts.read_tensors(path)
    assert set(back) == set(tensors)
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)
    assert artifacts.read_metadata(path) == {"tokens": "9"}


def test_files_may_be_read_by_whom_the_umask_lets(tmp_path):
    before = os.umask(0o027)
    try:
        artifacts.write_table(tmp_path / "t.parquet", pd.DataFrame({"x": [1]}))
        artifacts.write_tensors(tmp_path / "t.safetensors", {"x": torch.zeros(1)})
        artifacts.write_json(tmp_path / "t.json", {"x": 1})
        artifacts.write_text(tmp_path / "t.txt", "x")
        assert os.umask(0o027) == 0o027, "and the mask is as it was"
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == dict.fromkeys(
        ("t.parquet", "t.safetensors", "t.json", "t.txt"), 0o640
    )


def test_a_stream_that_breaks_leaves_nothing(tmp_path):
    def broken():
        yield "a", torch.ones(2)
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        artifacts.stream_tensors(tmp_path / "t.safetensors", broken(), ["a", "b"], {})
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "t.txt"
    artifacts.write_text(path, "old")
    with pytest.raises(RuntimeError), artifacts.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["t.txt"]


def test_sha256_is_the_standard_one(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert (
        artifacts.sha256(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_tensors_are_read_as_they_are_asked_for(tmp_path):
    path = tmp_path / "t.safetensors"
    artifacts.write_tensors(path, {"a": torch.arange(3), "b": torch.ones(2)}, {})
    found = artifacts.open_tensors(path)
    assert sorted(found) == ["a", "b"] and len(found) == 2 and torch.equal(found["a"], torch.arange(3))
    assert found["a"] is not found["a"] and found.get("c") is None
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(artifacts.DamagedFileError):
        artifacts.open_tensors(path)
