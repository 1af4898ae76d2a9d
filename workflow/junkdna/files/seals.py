"""Files that carry a hash of themselves, so that whoever reads one finds a single flipped bit.

A seal is the mark, then 32 hexadecimal digits: XXH3 (128 bits) of the file with zeros in their place. It stands where
a format keeps what it does not interpret: the metadata of a table or of tensors, a key of a JSON file. XXH3 finds
damage, not forgery, at the speed of memory; SHA-256 takes ten times as long (`xxhash`, which comes with `datasets`).
"""

import mmap
from pathlib import Path

MARK = "xxh3-128:"
DIGITS = 32
BLANK = MARK + "0" * DIGITS


class DamagedFileError(ValueError):
    """A file that a stage wrote is not any more what was written."""

    def __init__(self, path: str | Path, reason: str, remedy: str = "Delete it") -> None:
        self.reason = reason
        super().__init__(
            f"{path} is damaged: {reason}. {remedy} and give the same command again: it is then made anew"
        )


def content_digest(path: str | Path) -> str:
    """XXH3 of a file's content, 32 hex digits."""
    from xxhash import xxh3_128

    digest = xxh3_128()
    with Path(path).open("rb") as file:
        if Path(path).stat().st_size:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                digest.update(content)
    return digest.hexdigest()


def seal(path: str | Path) -> None:
    """Put the seal in place of the `BLANK` that the writer left in the file."""
    with Path(path).open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        place = _find(content, Path(path))
        assert place is not None, f"{path} has no room for a seal"
        content[place : place + DIGITS] = _digest(content, place)


def read_seal(path: str | Path) -> str | None:
    """The seal of a file, whether right or not; None where it has none."""
    with Path(path).open("rb") as file:
        if not Path(path).stat().st_size:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            place = _find(content, Path(path))
            return None if place is None else content[place : place + DIGITS].decode("ascii", "replace")


def check_seal(path: str | Path) -> bool:
    """Whether a file has a seal, which is then right. DamagedFileError if it is not."""
    with Path(path).open("rb") as file:
        if not Path(path).stat().st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            place = _find(content, Path(path))
            if place is None:
                return False
            if content[place : place + DIGITS] != _digest(content, place):
                raise DamagedFileError(path, "its content is not what was written (its hash is another)")
    return True


def _find(content: mmap.mmap, path: Path) -> int | None:
    """Where the digits of the seal begin. Metadata stand at the end of Parquet, at the head of safetensors."""
    mark = MARK.encode()
    place = content.rfind(mark) if path.suffix == ".parquet" else content.find(mark)
    place += len(mark)
    return place if place >= len(mark) and place + DIGITS <= len(content) else None


def _digest(content: mmap.mmap, place: int) -> bytes:
    from xxhash import xxh3_128

    digest = xxh3_128()
    with memoryview(content) as view, view[:place] as head, view[place + DIGITS :] as tail:
        digest.update(head)
        digest.update(b"0" * DIGITS)
        digest.update(tail)
    return digest.hexdigest().encode()
