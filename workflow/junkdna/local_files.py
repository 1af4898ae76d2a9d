"""The user's own files and folders, as far as a look before any job goes.

Standard library only: Snakemake imports this on every dry run.
"""

import codecs
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

TEXT = (".csv", ".tsv", ".jsonl")
SUFFIXES = (".parquet", *TEXT)
LOOKED_AT = 1 << 24  # bytes of a text file that are read before any job; the job reads the rest


def path_problems(config: Mapping[str, Any]) -> list[str]:
    """List what is wrong with the files and folders that `source.path` names, one line each.

    config: as `checking.check` returns it, without the entries that are not to be looked at. Files must be there,
    be files, and be text in UTF-8 where they are text; a checkpoint must be a folder with a config.json.
    """
    lines = []
    for name, checkpoint in config["checkpoints"].items():
        if folder := checkpoint["source"].get("path"):
            where = f"checkpoints.{name}.source.path"
            if not Path(folder).is_dir():
                lines.append(_missing(where, Path(folder), "folder"))
            elif not (Path(folder) / "config.json").is_file():
                lines.append(
                    f"{where}: found {folder!r} without a config.json; legal: a folder in the Hugging Face layout"
                )
    for name, task in config["tasks"].items():
        for split, file in task["source"].get("path", {}).items():
            where, path = f"tasks.{name}.source.path.{split}", Path(file)
            if not path.is_file():
                lines.append(_missing(where, path, "file"))
            elif path.suffix in TEXT and (problem := not_utf8(path, LOOKED_AT)):
                lines.append(f"{where}: {file}: {problem}")
    return lines


def _missing(where: str, path: Path, kind: str) -> str:
    siblings = sorted(other.name for other in path.parent.iterdir()) if path.parent.is_dir() else []
    near = get_close_matches(path.name, siblings, n=1)
    hint = f"; did you mean {str(path.with_name(near[0]))!r}?" if near else ""
    return f"{where}: found {str(path)!r}, which is no {kind} (seen from {Path.cwd()}); legal: a {kind}{hint}"


def not_utf8(path: Path, limit: int | None = None) -> str:
    """Say which line of a file is the first that is no UTF-8, "" where none is; `limit`: bytes to look at."""
    decoder, line, left = codecs.getincrementaldecoder("utf-8")(), 1, limit
    with path.open("rb") as file:
        while left != 0:
            part = file.read(1 << 20 if left is None else min(left, 1 << 20))
            left = left if left is None else left - len(part)
            try:
                decoder.decode(part, final=not part)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                byte = error.object[error.start]
                return f"line {line} is no UTF-8 (byte 0x{byte:02x}); save the file as UTF-8"
            line += part.count(b"\n")
            if not part:
                break
    return ""
