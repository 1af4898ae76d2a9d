"""What a file says of how it was made: the parts of the config, the study, the versions of the libraries.

Standard library only, but for what checks a file.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

from junkdna.files.artifacts import METADATA_KEY, read_json
from junkdna.files.seals import DamagedFileError, check_seal, content_digest
from junkdna.provenance.config_hashes import RUN, made_of

# The libraries whose version can change a number.
LIBRARIES = ("torch", "transformers", "tokenizers")
WORDS = {
    "checkpoint": "another source of the checkpoint",
    "task": "other examples of the task",
    "tokens": "another format or max_length",
    "calibration": "another calibration text",
    "ranking": "another score",
    "compression": "another recipe",
    "like": "another mask to copy",
    "training": "other hyper-parameters",
    "study": "other runs or other settings of the study",
}


def record(made: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, Any]:
    """What a stage adds to the metadata of its files.

    made: the hashes of `config_hashes.made_of`. config: the study's; only its name is taken, and decides nothing.
    """
    return {"made": dict(made), "study": config["study"]["name"], "versions": installed_versions()}


@cache
def installed_versions() -> str:
    """Names and versions of `LIBRARIES` here, without what a build is for (`2.9.0+cpu` is 2.9.0)."""
    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name).partition('+')[0]}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def check_inputs(paths: Iterable[str | Path], made: Mapping[str, str]) -> None:
    """Check that the inputs of a job, as far as they are files of a stage, were made with what the job states.

    made: of the job; an input must have the same hashes of the parts that both have. Of a checkpoint (its
    `manifest.json`) the content of every file is checked too; the other files are checked when they are read.
    Raises DamagedFileError or ValueError, with the file and what to do.
    """
    for path in map(Path, paths):
        if path.name == "manifest.json":
            check_checkpoint(path)
        check_made(path, made)


def check_checkpoint(manifest: Path) -> None:
    """Check the content of all files of a checkpoint against its manifest. DamagedFileError names the first."""
    for name, promised in read_json(manifest)["files"].items():
        path = manifest.with_name(name)
        remedy = f"Delete the folder {manifest.parent}"
        if not path.is_file():
            raise DamagedFileError(path, "it is missing", remedy)
        if path.stat().st_size != promised["size"]:
            reason = f"it has {path.stat().st_size} bytes, and had {promised['size']} when it was fetched"
            raise DamagedFileError(path, reason, remedy)
        if content_digest(path) != promised["xxh3"]:
            raise DamagedFileError(path, "its content is not what was fetched (its hash is another)", remedy)


def check_runs(
    paths: Sequence[str],
    runs: Sequence[Mapping[str, Any]],
    parts: Mapping[str, Mapping[str, str]],
    wanted: Sequence[str] = RUN,
) -> None:
    """Check that the file of each run was made with what the config says.

    parts: from `config_hashes.parts_of`. wanted: those of them that decide these runs.
    """
    for path, run in zip(paths, runs, strict=True):
        check_made(path, made_of(parts, wanted, run))


def check_made(path: str | Path, made: Mapping[str, str]) -> None:
    """Check that a file was made with the same as `made`, in the parts that both have. ValueError names the parts."""
    found = (peek(path) or {}).get("made")
    if found is None:
        if not check_seal(path):
            raise DamagedFileError(path, "it does not say with what it was made (an older version wrote it?)")
        return
    others = differing(found, made)
    if others:
        # Damage to the metadata looks like that, too.
        check_seal(path)
        raise ValueError(
            f"{path} was made with {' and '.join(WORDS.get(part, part) for part in others)} than the config states "
            "now. Delete it and give the same command again: it is then made anew"
        )


def differing(found: Mapping[str, str], made: Mapping[str, str]) -> list[str]:
    """The parts of which both have a hash, and not the same."""
    return [part for part in made if part in found and found[part] != made[part]]


def peek(path: str | Path) -> dict[str, Any] | None:
    """The metadata of a table, of tensors or of a JSON file, unchecked; None where there are none to be read.

    Quick: Snakemake asks for those of thousands of runs while it reads the workflow.
    """
    try:
        with Path(path).open("rb") as file:
            if Path(path).suffix == ".json":
                content = json.loads(file.read())
                return content.get("usermeta", content)
            return json.loads(_of_table(file) if Path(path).suffix == ".parquet" else _of_tensors(file))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _of_table(file: BinaryIO) -> bytes:
    """The metadata in the footer of Parquet, which Thrift writes as a length (7 bits a byte) and the text."""
    end = file.seek(-8, 2)
    length = int.from_bytes(file.read(4), "little")
    file.seek(max(0, end - length))
    footer = file.read(end - file.tell())
    key = bytes([len(METADATA_KEY)]) + METADATA_KEY.encode() + b"\x18"
    place = footer.index(key) + len(key)
    size = shift = 0
    while True:
        byte = footer[place]
        size |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return footer[place : place + size]


def _of_tensors(file: BinaryIO) -> str:
    """The metadata in the head of safetensors."""
    length = int.from_bytes(file.read(8), "little")
    size = file.seek(0, 2)
    file.seek(8)
    return json.loads(file.read(min(length, size)))["__metadata__"][METADATA_KEY]
