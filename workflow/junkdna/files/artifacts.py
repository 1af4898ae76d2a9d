"""Files that appear whole or not at all, and sealed: Parquet tables, safetensors, JSON; also text."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from junkdna.files.seals import BLANK, DamagedFileError, check_seal, content_digest, seal
from junkdna.files.unfinished import unfinished_name

if TYPE_CHECKING:
    # At run time pandas is there where a table is made; a dry run has none.
    import pandas as pd

METADATA_KEY = "junkdna"
# Under which key a JSON file and the metadata of tensors hold their seal.
SEAL_KEY = "seal"


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; on success it becomes `path`, on error it is removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished_name(path)
    try:
        yield temporary
        # Some libraries make files that only their owner may read.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The mask of new files, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty sibling of `folder` that takes its place on success and vanishes on error."""
    partial = unfinished_name(folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as JSON with sorted keys, sealed under one key more."""
    with replacing(path) as temporary:
        text = json.dumps({**content, SEAL_KEY: BLANK}, indent=1, sort_keys=True)
        temporary.write_text(text + "\n", encoding="utf-8")
        seal(temporary)


def read_json(path: str | Path) -> dict[str, Any]:
    """Read what `write_json` wrote. DamagedFileError where it is that no more."""
    with _checked(path):
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        content.pop(SEAL_KEY, None)
    return content


@contextmanager
def _checked(path: str | Path) -> Iterator[None]:
    """Check the seal of a file; one without a seal is damaged if the block cannot read it.

    What the reader of a broken file raises says neither which file it was nor what to do.
    """
    sealed = check_seal(path)
    try:
        yield
    except Exception as error:
        if sealed:
            raise
        raise DamagedFileError(path, f"it cannot be read ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")[:120]


def write_table(path: str | Path, table: "pd.DataFrame", metadata: Mapping[str, Any] | None = None) -> None:
    """Write a DataFrame as sealed Parquet; `metadata` (JSON-able) goes into the schema under `METADATA_KEY`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    if metadata is not None:
        arrow = arrow.replace_schema_metadata({METADATA_KEY: json.dumps(metadata, sort_keys=True)})
    with replacing(path) as temporary:
        with pq.ParquetWriter(temporary, arrow.schema, compression="zstd") as writer:
            writer.write_table(arrow)
            # Not in the schema, of which the file holds a second, encoded copy.
            writer.add_key_value_metadata({SEAL_KEY: BLANK})
        seal(temporary)


def read_table(path: str | Path, columns: list[str] | None = None) -> "pd.DataFrame":
    """Read Parquet into a DataFrame; the metadata of `write_table` is in `.attrs[METADATA_KEY]`.

    DamagedFileError where the file is not what was written.
    """
    import pyarrow.parquet as pq

    with _checked(path):
        arrow = pq.read_table(path, columns=columns, partitioning=None)
        metadata = (arrow.schema.metadata or {}).get(METADATA_KEY.encode())
        table = arrow.to_pandas()
        table.attrs[METADATA_KEY] = json.loads(metadata) if metadata else {}
    return table


def write_tensors(
    path: str | Path, tensors: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write torch tensors as sealed safetensors; metadata are JSON-able.

    The metadata go under one key, since safetensors puts several in an order that changes from write to write.
    """
    from safetensors.torch import save_file

    with replacing(path) as temporary:
        save_file(dict(tensors), temporary, {METADATA_KEY: _sealable(metadata or {})})
        seal(temporary)


def _sealable(metadata: Mapping[str, Any]) -> str:
    return json.dumps({**metadata, SEAL_KEY: BLANK}, sort_keys=True)


def stream_tensors(
    path: str | Path, tensors: Iterable[tuple[str, Any]], names: Iterable[str], metadata: Mapping[str, Any]
) -> None:
    """Write float32 torch tensors as they come, so that only one has to be in memory; as `write_tensors` else.

    names: all that may come, in any order; each at most once. A safetensors file starts with a list of its
    tensors, so room is left for that and filled in at the end (blanks behind the list are legal).
    """
    about = {METADATA_KEY: _sealable(metadata)}
    # What the entry of a tensor takes beside its name: 64 bits write as 20 digits, four of them are legal at most.
    room = sum(len(json.dumps(name)) + 160 for name in names) + len(json.dumps(about)) + 64
    room += -room % 8
    header: dict[str, Any] = {"__metadata__": about}
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            _stream(file, tensors, header, room)
        seal(temporary)


def _stream(file: BinaryIO, tensors: Iterable[tuple[str, Any]], header: dict[str, Any], room: int) -> None:
    file.write(bytes(8 + room))
    end = 0
    for name, tensor in tensors:
        data = tensor.detach().cpu().contiguous().numpy()
        assert data.dtype == "float32" and name not in header, name
        header[name] = {
            "dtype": "F32",
            "shape": list(data.shape),
            "data_offsets": [end, end + data.nbytes],
        }
        file.write(data.data)
        end += data.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    assert len(text) <= room, "more names than were announced"
    file.seek(0)
    file.write(room.to_bytes(8, "little") + text.ljust(room))


def read_tensors(path: str | Path) -> dict[str, Any]:
    """Read a safetensors file into torch tensors. DamagedFileError where it is not what was written."""
    from safetensors.torch import load_file

    with _checked(path):
        return load_file(path)


class OnDemand(Mapping[str, Any]):
    """What a file holds under each of `names`, read (`read(name)`) each time that it is asked for, and not kept."""

    def __init__(self, names: Iterable[str], read: Callable[[str], Any]) -> None:
        self._names = dict.fromkeys(names)
        self._read = read

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def open_tensors(path: str | Path) -> OnDemand:
    """As `read_tensors`, but the file is checked now, and each tensor is read when it is asked for."""
    from safetensors import safe_open

    def read(name: str) -> Any:
        with safe_open(path, "pt") as file:
            return file.get_tensor(name)

    with _checked(path), safe_open(path, "pt") as file:
        return OnDemand(list(file.keys()), read)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the metadata of a safetensors file without its tensors. DamagedFileError as `read_tensors`."""
    with _checked(path), Path(path).open("rb") as handle:
        size = min(int.from_bytes(handle.read(8), "little"), Path(path).stat().st_size)
        metadata = json.loads(json.loads(handle.read(size))["__metadata__"][METADATA_KEY])
        metadata.pop(SEAL_KEY, None)
        return metadata


def describe_file(path: Path) -> dict[str, Any]:
    """What a manifest says of a file: its sha256, its XXH3 (to be checked at every use) and its size in bytes."""
    return {"sha256": sha256(path), "xxh3": content_digest(path), "size": path.stat().st_size}


def sha256(path: str | Path) -> str:
    """Hex digest of a file's content."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
