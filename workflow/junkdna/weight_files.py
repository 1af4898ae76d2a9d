"""Weights as files: what a safetensors header promises, and old pickled weights turned into safetensors."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4}
BITS |= {"I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8}
LONGEST_HEADER = 100_000_000


def read_header(path: Path) -> dict[str, dict[str, Any]]:
    """Read and check the header of a safetensors file: tensor name -> dtype, shape, data_offsets.

    The tensors must fill the file without gap up to its last byte, so that a download that stopped early, or
    a page of HTML under the name of a model, is found before anything is computed with it.

    Raises ValueError with the file and what is wrong with it.
    """
    size = path.stat().st_size
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > min(size - 8, LONGEST_HEADER):
            raise ValueError(
                f"{path.name} is no whole safetensors file: {size} bytes, of which its header claims {length}"
            )
        try:
            header = json.loads(handle.read(length))
            header.pop("__metadata__", None)
            spans = sorted((*map(int, entry["data_offsets"]), name) for name, entry in header.items())
            bits = {
                name: math.prod(entry["shape"]) * BITS.get(entry["dtype"], 0)
                for name, entry in header.items()
            }
        except (ValueError, AttributeError, KeyError, TypeError):
            raise ValueError(
                f"{path.name} is no safetensors file: its header is not the expected JSON"
            ) from None
    end = 0
    for start, stop, name in spans:
        if start != end or (bits[name] and (stop - start) * 8 != bits[name]):
            raise ValueError(f"{path.name} is corrupt: the bytes of {name!r} do not fit its shape and type")
        end = stop
    if 8 + length + end != size:
        raise ValueError(
            f"{path.name} is cut off or corrupt: its header describes {8 + length + end} bytes, it has {size}"
        )
    return header


def read_index(path: Path) -> dict[str, str]:
    """Read the index of a sharded checkpoint: tensor name -> file of the same folder."""
    try:
        weight_map = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        files = set(weight_map.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"{path.name} is no index of a sharded checkpoint: it has no map `weight_map`"
        ) from None
    if not files or any(not isinstance(file, str) or Path(file).name != file for file in files):
        raise ValueError(
            f"{path.name} names files outside its own folder, or none: {sorted(map(str, files))[:3]}"
        )
    return weight_map


def check_weights(folder: Path) -> int:
    """Check all safetensors of a checkpoint folder; return the number of floating-point parameters in them.

    Raises ValueError where a file is corrupt, or the index and its shards disagree.
    """
    parameters = 0
    index = folder / INDEX
    promised = read_index(index) if index.exists() else None
    for path in [folder / name for name in sorted(set(promised.values()))] if promised else [folder / SINGLE]:
        header = read_header(path)
        if promised and (
            lost := [n for n, file in promised.items() if file == path.name and n not in header]
        ):
            raise ValueError(
                f"{path.name} lacks {len(lost)} tensors that {INDEX} promises, such as {lost[0]!r}"
            )
        floating = [entry["shape"] for entry in header.values() if "F" in entry["dtype"]]
        parameters += sum(math.prod(shape) for shape in floating)
    if not parameters:
        raise ValueError(f"{SINGLE} holds no weights")
    return parameters


def convert_pickled(files: Mapping[str, Path], folder: Path) -> None:
    """Write `pytorch_model.bin`, whole or in shards, as safetensors of the same tensors into `folder`.

    files: name -> path of the pickles and, for shards, of their index. Only tensors are unpickled
    (`weights_only`): a pickle that would run code is refused with a ValueError.
    """
    if PICKLED_INDEX not in files:
        _convert_one(files[PICKLED], folder / SINGLE)
        return
    weight_map = read_index(files[PICKLED_INDEX])
    shards = sorted(set(weight_map.values()))
    renamed = {old: f"model-{i:05d}-of-{len(shards):05d}.safetensors" for i, old in enumerate(shards, 1)}
    for old, new in renamed.items():
        _convert_one(files[old], folder / new)
    index = {"metadata": {}, "weight_map": {name: renamed[file] for name, file in weight_map.items()}}
    (folder / INDEX).write_text(json.dumps(index, indent=1, sort_keys=True), encoding="utf-8")


def _convert_one(source: Path, target: Path) -> None:
    import pickle
    import zipfile

    import torch
    from safetensors.torch import save_file

    try:
        tensors = torch.load(source, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(source))
        tensors = tensors.get("state_dict", tensors)
        # Tensors that share memory (tied embeddings) are written once each: safetensors has no aliases.
        tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(
            f"{source.name} cannot be converted to safetensors, for it holds more than tensors or is damaged "
            f"({reason[:200]}); such a pickle could run code and is refused"
        ) from None
    save_file(tensors, target, metadata={"format": "pt"})
