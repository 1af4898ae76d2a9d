"""The user's own files and folders, as far as a look before any job goes.

Standard library only: Snakemake imports this on every dry run.
"""

import codecs
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from junkdna.study.elsewhere import is_logged, key_of
from junkdna.study.problems import problem, raise_all
from junkdna.study.recipes import expand_recipes

TEXT = (".csv", ".tsv", ".jsonl")
SUFFIXES = (".parquet", *TEXT)
LOOKED_AT = 1 << 24  # bytes of a text file that are read before any job; the job reads the rest


def check_paths(config: Mapping[str, Any], fetched: Callable[[str, str], bool]) -> None:
    """Raise one ValueError with a line for each `source.path` of the config that cannot be read, and each log.

    config: as `check.check` returns it. fetched: says of a section and a name whether that is here already (of a given
    model its recipe). Files must be there, and be UTF-8 where they are text; a checkpoint must be a folder with a
    config.json.
    """
    lines = []
    for section, problems in (("checkpoints", _folder_problems), ("tasks", _file_problems)):
        for name, entry in config[section].items():
            if "path" in entry["source"] and not fetched(section, name):
                lines += problems(f"{section}.{name}.source.path", entry["source"]["path"])
    for name, entry in config["checkpoints"].items():
        if is_logged(entry) and not Path(entry["source"]["logs"]).exists():
            lines.append(
                _missing(f"checkpoints.{name}.source.logs", Path(entry["source"]["logs"]), "file or folder")
            )
    for slug, recipe in expand_recipes(config.get("sweeps", {})).items():
        place = recipe.get("source", {})
        if recipe["method"] == "logged" and not Path(place).exists():
            lines.append(_missing(key_of(slug, recipe), Path(place), "file or folder"))
        elif recipe["method"] == "given" and "path" in place and not fetched("given/*", slug):
            lines += _folder_problems(f"{key_of(slug, recipe)}.path", place["path"])
    raise_all(lines)


def _folder_problems(where: str, name: str) -> list[str]:
    folder = Path(name)
    if not folder.is_dir():
        return [_missing(where, folder, "folder")]
    legal = "a folder in the Hugging Face layout"
    return (
        [] if (folder / "config.json").is_file() else [problem(where, name, legal) + ", with a config.json"]
    )


def _file_problems(where: str, files: Mapping[str, str]) -> list[str]:
    lines = []
    for split, name in files.items():
        path = Path(name)
        if not path.is_file():
            lines.append(_missing(f"{where}.{split}", path, "file"))
        elif path.suffix in TEXT and (wrong := not_utf8(path, LOOKED_AT)):
            lines.append(f"{where}.{split}: {name}: {wrong}")
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
