"""Files of the user's, followed by their content: hashed once, and again when their size or their times change.

Snakemake sees no file that is no output of a rule and no input of one that it may make; the hashes are parameters of
the rules that read the files. Standard library only: Snakemake imports this on every dry run.
"""

import contextlib
import fnmatch
import json
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from junkdna.files.artifacts import sha256
from junkdna.study.recipes import expand_recipes

# What a checkpoint's folder may hold that counts; pickles where there are no safetensors.
COUNTS = ("*.json", "*.model", "*.txt", "*.jinja", "*.safetensors")
# What a folder of sample logs may hold, at any depth.
LOGS = ("*.json", "*.jsonl")
PICKLES = ("pytorch_model*.bin",)
# A file that was written so shortly before it was hashed may be written again without a sign of it.
REST_NS = 2_000_000_000
LARGE = 1 << 30


def local_hashes(config: Mapping[str, Any], cache: Path) -> dict[str, dict[str, str]]:
    """Hash the content of all files under `source.path` and of all logs: owner -> name -> SHA-256.

    An owner is "checkpoints.<name>", "tasks.<name>" or, of what others made, "recipes.<slug>". The names are those of
    the files of a checkpoint or of its logs, and the splits of a task. cache: JSON that keeps what was hashed
    (path -> size, times, hash), so that the next call only looks at sizes and times. One that cannot be written, or
    that holds nonsense, costs the time and nothing else; two processes that write it lose at most an entry. A file
    that is gone keeps the hash that it had: what was made of it stays good. Files that were never there have none.
    """
    known = _read(cache)
    found: dict[str, dict[str, str]] = {}
    fresh: dict[str, Mapping[str, Any]] = {}
    for owner, files in _sources(config, known):
        hashes = {}
        for name, path in files.items():
            entry = _entry(path, known.get(str(path)))
            if entry is not None:
                hashes[name] = entry["sha256"]
                if entry != known.get(str(path)):
                    fresh[str(path)] = entry
        found[owner] = hashes
    if fresh:
        _write(cache, fresh)
    return found


def check_local(local: Mapping[str, str], files: Mapping[str, Mapping[str, Any]], key: str) -> None:
    """Check that what a job read of local files is what was hashed before it started. ValueError if not.

    files: name -> entry with "sha256", of a manifest. key: of the source in the config.
    """
    for name, hashed in local.items():
        if name in files and files[name]["sha256"] != hashed:
            raise ValueError(f"{key}: {name} was changed while the workflow started; give the command again")


def _sources(config: Mapping[str, Any], known: Iterable[str]) -> Iterable[tuple[str, dict[str, Path]]]:
    """Whose files to hash, and which: name -> path."""
    for name, entry in config["checkpoints"].items():
        if "path" in entry["source"]:
            yield f"checkpoints.{name}", _of_folder(Path(entry["source"]["path"]), known)
    for name, entry in config["tasks"].items():
        if "path" in entry["source"]:
            yield f"tasks.{name}", {split: Path(path) for split, path in entry["source"]["path"].items()}
    for name, entry in config["checkpoints"].items():
        if "logs" in entry["source"]:
            yield f"checkpoints.{name}", _of_logs(Path(entry["source"]["logs"]), known)
    for slug, recipe in expand_recipes(config.get("sweeps", {})).items():
        if recipe["method"] == "logged":
            yield f"recipes.{slug}", _of_logs(Path(recipe["source"]), known)
        elif recipe["method"] == "given" and "path" in recipe["source"]:
            yield f"recipes.{slug}", _of_folder(Path(recipe["source"]["path"]), known)


def _of_logs(place: Path, known: Iterable[str]) -> dict[str, Path]:
    """The files of a log, or of a folder of logs; of one that is gone, those that were hashed once."""
    if place.is_file():
        return {place.name: place}
    here = [path for pattern in LOGS for path in place.rglob(pattern) if path.is_file()]
    here = here or [path for path in map(Path, known) if path == place or place in path.parents]
    return {str(path.relative_to(place)) if path != place else path.name: path for path in sorted(here)}


def _of_folder(folder: Path, known: Iterable[str]) -> dict[str, Path]:
    """The files of a checkpoint; of a folder that is gone, those that were hashed once."""
    try:
        here = [path for path in sorted(folder.iterdir()) if path.is_file()]
    except OSError:
        here = sorted(Path(path) for path in known if Path(path).parent == folder)
    pickled = not any(path.suffix == ".safetensors" for path in here)
    patterns = COUNTS + PICKLES * pickled
    return {
        path.name: path for path in here if any(fnmatch.fnmatchcase(path.name, each) for each in patterns)
    }


def _entry(path: Path, known: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What the cache is to hold of a file: as it does, or hashed anew; None of one that was never there."""
    try:
        stat = path.stat()
    except OSError:
        return known
    times = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "ctime_ns": stat.st_ctime_ns}
    written = max(stat.st_mtime_ns, stat.st_ctime_ns)
    if known and {**known, **times} == known and abs(known.get("hashed_ns", 0) - written) > REST_NS:
        return known
    now = time.time_ns()
    if stat.st_size > LARGE:
        print(f"hashing {path} ({stat.st_size / 1e9:.1f} GB), once", file=sys.stderr, flush=True)
    try:
        return {**times, "sha256": sha256(path), "hashed_ns": now}
    except OSError:
        return known


def _read(cache: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(cache.read_text(encoding="utf-8"))
        return {path: entry for path, entry in content.items() if isinstance(entry["sha256"], str)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _write(cache: Path, fresh: Mapping[str, Any]) -> None:
    # A name of its own: two processes may write at once.
    temporary = cache.with_name(f".{cache.name}.{uuid.uuid4().hex}")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(
            json.dumps(_read(cache) | dict(fresh), indent=1, sort_keys=True), encoding="utf-8"
        )
        temporary.replace(cache)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
