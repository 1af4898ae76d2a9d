"""One flipped bit in a file that a stage wrote is found by whoever reads it, wherever it is."""

import json
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from junkdna.files import artifacts
from junkdna.files.seals import DamagedFileError, check_seal, read_seal
from junkdna.provenance.record import check_checkpoint, peek

ABOUT = {
    "made": {"task": "0123456789ab"},
    "study": "a",
    "versions": "torch 2, tokenizers 3",
    "code": "x" * 200,
}
TABLE = pd.DataFrame(
    {"id": np.arange(30), "p": np.linspace(0, 1, 30), "word": [f"w{i % 7}" for i in range(30)], "none": None}
)
TENSORS = {"a": torch.arange(60, dtype=torch.int32), "b": torch.ones(3, 5, dtype=torch.bfloat16)}


def write(path: Path) -> Path:
    if path.suffix == ".parquet":
        artifacts.write_table(path, TABLE, ABOUT)
    elif path.suffix == ".json":
        artifacts.write_json(path, ABOUT)
    elif path.stem == "streamed":
        pairs = [(name, tensor.float()) for name, tensor in TENSORS.items()]
        artifacts.stream_tensors(path, iter(pairs), TENSORS, ABOUT)
    else:
        artifacts.write_tensors(path, TENSORS, ABOUT)
    return path


def read(path: Path):
    """Everything that reading gives, as text."""
    if path.suffix == ".parquet":
        table = artifacts.read_table(path)
        return table.to_csv() + json.dumps(table.attrs, sort_keys=True)
    if path.suffix == ".json":
        return json.dumps(artifacts.read_json(path), sort_keys=True)
    tensors = {name: tensor.tolist() for name, tensor in sorted(artifacts.read_tensors(path).items())}
    return json.dumps([tensors, artifacts.read_metadata(path)], sort_keys=True)


KINDS = ["table.parquet", "tensors.safetensors", "streamed.safetensors", "manifest.json"]


@pytest.mark.parametrize("name", KINDS)
def test_every_single_flipped_bit_is_found_or_changes_nothing(tmp_path, name):
    path = write(tmp_path / name)
    content, right = path.read_bytes(), read(path)
    draw = random.Random(0)
    bits = list(range(8 * len(content)))
    found = 0
    for bit in bits if len(bits) < 3000 else draw.sample(bits, 3000):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            assert read(path) == right, f"bit {bit} of {len(bits)}"
        except DamagedFileError as error:
            assert str(path) in str(error) and "Delete it" in str(error)
            found += 1
    # What is not found is in the mark of the seal.
    assert found >= 0.97 * min(len(bits), 3000)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("damage", ["cut", "empty", "zeroed", "foreign"])
def test_cut_zeroed_and_foreign_files_are_named(tmp_path, name, damage):
    path = write(tmp_path / name)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(
        {
            "cut": content[:half],
            "empty": b"",
            "zeroed": content[:half] + bytes(len(content) - half),
            "foreign": b"<html>not found</html>",
        }[damage]
    )
    with pytest.raises(DamagedFileError) as error:
        read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_says_how_it_was_made_without_any_library(tmp_path, name):
    path = write(tmp_path / name)
    found = peek(path)
    assert {key: found[key] for key in ABOUT} == ABOUT
    assert check_seal(path) and len(read_seal(path)) == 32
    for nothing in (b"", b"PAR1", b"<html>not found</html>"):
        path.write_bytes(nothing)
        assert peek(path) is None


def test_two_writes_give_the_same_bytes_and_other_content_another_seal(tmp_path):
    one, two = write(tmp_path / "1.parquet"), write(tmp_path / "2.parquet")
    assert one.read_bytes() == two.read_bytes()
    artifacts.write_table(two, TABLE.assign(p=1.0), ABOUT)
    assert read_seal(one) != read_seal(two)


def test_a_file_without_a_seal_is_read_as_it_is(tmp_path):
    path = tmp_path / "t.parquet"
    TABLE.to_parquet(path)
    assert not check_seal(path) and len(artifacts.read_table(path)) == 30


def test_each_file_of_a_checkpoint_is_checked(tmp_path):
    files = {"model.safetensors": b"weights" * 999, "config.json": b"{}", "tokenizer.json": b"{...}"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    manifest = tmp_path / "manifest.json"
    artifacts.write_json(
        manifest, {"files": {name: artifacts.describe_file(tmp_path / name) for name in files}}
    )
    check_checkpoint(manifest)
    for name, content in files.items():
        for broken in (content[:-1] + b"?", content[:-1], None):
            (tmp_path / name).unlink()
            if broken is not None:
                (tmp_path / name).write_bytes(broken)
            with pytest.raises(DamagedFileError, match=name) as error:
                check_checkpoint(manifest)
            assert f"Delete the folder {tmp_path}" in str(error.value)
            (tmp_path / name).write_bytes(content)
    check_checkpoint(manifest)
