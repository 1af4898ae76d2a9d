"""Old pickled weights turned into safetensors. Only tensors are unpickled; what else a pickle holds is never run."""

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from junkdna.checkpoints.weight_files import INDEX, PICKLED, PICKLED_INDEX, SINGLE, read_index

ZIP_START, PICKLE_START = b"PK\x03\x04", b"\x80"


def convert_pickled(files: Mapping[str, Path], folder: Path) -> None:
    """Write `pytorch_model.bin`, whole or in shards, as safetensors of the same tensors into `folder`.

    files: name -> path of the pickles and, for shards, of their index. Raises ValueError for a pickle that is cut off
    or damaged, and for one that holds more than tensors by name, which could run code.
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
    from safetensors.torch import save_file

    tensors = _read_tensors(source)
    # Tensors that share memory (tied embeddings) are written once each: safetensors has no aliases.
    tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    save_file(tensors, target, metadata={"format": "pt"})


def _read_tensors(source: Path) -> dict[str, Any]:
    """The tensors of a pickle by name; those under `state_dict`, if there is such an entry."""
    import pickle

    import torch

    whole_zip = zipfile.is_zipfile(source)
    with source.open("rb") as handle:
        start = handle.read(len(ZIP_START))
    if start == ZIP_START and not whole_zip:
        raise ValueError(
            f"{source.name} is cut off: {source.stat().st_size} bytes of an archive without its end"
        )
    if not whole_zip and start[:1] != PICKLE_START:
        raise ValueError(f"{source.name} is no file of torch: it starts with {start!r}")
    try:
        held = torch.load(source, map_location="cpu", weights_only=True, mmap=whole_zip)
    except pickle.UnpicklingError as error:
        # What torch says goes on to advise how to run the code after all, so its words are not passed on.
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        if found is None or (not whole_zip and _is_cut_off(source)):
            raise ValueError(
                f"{source.name} is cut off or damaged, or holds more than tensors, which could run code: refused; take "
                "a checkpoint with safetensors"
            ) from None
        raise ValueError(
            f"{source.name} holds more than tensors: it calls {found[1]}. Such a pickle could run code and is refused; "
            "take a checkpoint with safetensors"
        ) from None
    except OSError:
        raise  # of this machine
    except Exception as error:  # on damaged bytes the reader fails in as many ways as it has lines
        raise ValueError(
            f"{source.name} is cut off or damaged: torch cannot read it ({type(error).__name__})"
        ) from None
    held = held.get("state_dict", held) if isinstance(held, dict) else held
    odd = (
        [name for name, value in held.items() if not isinstance(value, torch.Tensor)]
        if isinstance(held, dict)
        else [type(held).__name__]
    )
    if odd:
        raise ValueError(
            f"{source.name} is no set of weights by name: {odd[0]!r} is no tensor; save the model's state_dict alone"
        )
    return held


def _is_cut_off(source: Path) -> bool:
    """Whether a pickle ends before its end, up to the first that names anything; nothing of it is run."""
    import pickletools

    with source.open("rb") as handle:
        while True:
            try:
                names = [opcode.name for opcode, *_ in pickletools.genops(handle)]
            except Exception:  # as above
                return True
            if {"GLOBAL", "STACK_GLOBAL", "INST"} & set(names):
                return False
