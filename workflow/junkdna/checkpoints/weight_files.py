"""Weights as files: what a safetensors header promises, and whether all that is read in the bytes are numbers."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

from junkdna.checkpoints.tensor_names import is_buffer, missing_experts

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4}
BITS |= {"I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8}
LONGEST_HEADER = 100_000_000
# The floating types that a model is stored in: their bits of the exponent, which are all 1 in NaN and infinity.
EXPONENTS = {"F64": 0x7FF0 << 48, "F32": 0x7F80 << 16, "F16": 0x7C00, "BF16": 0x7F80}
# Bytes that are hashed and looked at in one go: they fit the cache of a core.
PIECE = 1 << 19


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
    """Check the headers of a checkpoint folder; return the number of floating-point parameters in its files.

    Raises ValueError where a file is corrupt, the index and its shards disagree, weights are stored as integers or in
    8 bits, or an expert of a mixture lacks a tensor.
    """
    parameters = 0
    names: list[str] = []
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
        _check_types(path.name, header)
        parameters += sum(
            math.prod(entry["shape"]) for entry in header.values() if entry["dtype"] in EXPONENTS
        )
        names += header
    if not parameters:
        raise ValueError(f"{SINGLE} holds no weights")
    if lost := missing_experts(names):
        raise ValueError(
            f"{len(lost)} tensors of experts are missing that the other experts have, such as {lost[0]!r}"
        )
    return parameters


def _check_types(file: str, header: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse weights that are codes of a quantizer: integers, or floating-point numbers of 8 bits or fewer.

    Integers are legal as a buffer: by name, or with at most one dimension and another name than weight or bias.
    """
    odd = {
        name: entry["dtype"]
        for name, entry in header.items()
        if entry["dtype"] not in EXPONENTS
        and not is_buffer(name)
        and (
            entry["dtype"].startswith("F")
            or name.rpartition(".")[2] in ("weight", "bias")
            or sum(size > 1 for size in entry["shape"]) > 1
        )
    }
    if odd:
        name, dtype = next(iter(odd.items()))
        raise ValueError(
            f"{file} is quantized already: {len(odd)} of its tensors are no plain numbers, such as {name!r} of type "
            f"{dtype}; legal are {', '.join(EXPONENTS)}. Take the checkpoint that it was made from"
        )


def describe_weights(path: Path) -> dict[str, Any]:
    """What a manifest says of a safetensors file (see `artifacts.describe_file`), of numbers that are all finite.

    The values are looked at as they pass the hash, so that the file is read once. Raises ValueError where a tensor that
    is no buffer holds NaN or infinity.
    """
    from xxhash import xxh3_128

    header = read_header(path)
    entries = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    digests, found = (hashlib.sha256(), xxh3_128()), {}
    with path.open("rb") as handle:
        length = handle.read(8)
        head = length + handle.read(int.from_bytes(length, "little"))
        for digest in digests:
            digest.update(head)
        for name, entry in entries:
            start, end = entry["data_offsets"]
            if count := _hash_and_count(handle, end - start, entry["dtype"], digests):
                found[name] = count
    if spoilt := {name: count for name, count in found.items() if not is_buffer(name)}:
        shown = "; ".join(
            f"{count:,} of {math.prod(header[name]['shape']):,} in {name!r}"
            for name, count in list(spoilt.items())[:3]
        )
        more = f"; and in {len(spoilt) - 3} more tensors" if len(spoilt) > 3 else ""
        raise ValueError(f"{path.name} holds values that are NaN or infinite: {shown}{more}")
    sha256, xxh3 = (digest.hexdigest() for digest in digests)
    return {"sha256": sha256, "xxh3": xxh3, "size": path.stat().st_size}


def _hash_and_count(handle: BufferedReader, size: int, dtype: str, digests: Iterable[Any]) -> int:
    """Read `size` bytes of one tensor, update the digests and count the values that are NaN or infinite."""
    import numpy as np

    buffer, found = bytearray(min(PIECE, size)), 0
    exponent = EXPONENTS.get(dtype)
    kind = f"<u{BITS[dtype] // 8}" if exponent else ""
    while size:
        piece = memoryview(buffer)[: min(PIECE, size)]
        handle.readinto(piece)
        for digest in digests:
            digest.update(piece)
        if exponent:
            values = np.frombuffer(piece, kind) & np.array(exponent, kind)
            found += int(np.count_nonzero(values == exponent))
        size -= len(piece)
    return found
