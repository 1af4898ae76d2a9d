"""Bring a pre-trained model into a folder of the project, checked, with a manifest of what it is."""

import fnmatch
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from junkdna.checkpoints.config_json import check_config
from junkdna.checkpoints.pickles import convert_pickled
from junkdna.checkpoints.weight_files import (
    INDEX,
    PICKLED,
    PICKLED_INDEX,
    SINGLE,
    check_weights,
    describe_weights,
    read_index,
)
from junkdna.files.artifacts import describe_file, whole_folder, write_json
from junkdna.files.downloads import fetch_whole
from junkdna.files.hub import fetch_patiently, nearest, resolve_commit
from junkdna.provenance.local_hashes import check_local

SMALL = ["config.json", "generation_config.json", "tokenizer*", "vocab*", "merges.txt", "*.model"]
SMALL += ["special_tokens_map.json", "added_tokens.json", "chat_template.jinja"]
VOCABULARIES = ["tokenizer.json", "vocab*", "*.model"]
SUBFOLDERS = "*/*"  # exports to other runtimes; a checkpoint's own files are at the top


def fetch_checkpoint(
    source: Mapping[str, str],
    folder: Path,
    *,
    name: str,
    key: str = "",
    about: Mapping[str, Any] | None = None,
    local: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Fetch a checkpoint into `folder` and return its manifest, which is also written there.

    source: `{hub: id, revision: branch, tag or commit}`, through huggingface_hub (HF_ENDPOINT, HF_HOME,
    HF_TOKEN and HF_HUB_OFFLINE count), or `{path: folder}`. Taken are config, tokenizer and the weights as
    safetensors, shards kept; `pytorch_model.bin` only where there are no safetensors, and converted. What the
    folder held before goes; it holds the whole new checkpoint or is not touched.

    manifest: name, source, commit (None for a path), model_type, architectures, parameters (elements of the
    floating-point tensors in the files), files and converted_from (name -> sha256 and size; of what is in the
    folder, and of the pickles that became safetensors), and what `about` says of how it was made. local: name -> sha256
    of files of a path, as they were when the workflow started. key: of the source in the config, where it is not that
    of the checkpoint `name`.

    Raises ValueError, FileNotFoundError or RuntimeError with the key, what was found and what to do.
    """
    key = key or f"checkpoints.{name}.source"
    with whole_folder(folder) as partial:
        if "hub" in source:
            files, commit = _from_hub(source["hub"], source.get("revision", "main"), key)
            cache = next(iter(files.values())).parents[2]
            where, remedy = f"{key}.hub: {source['hub']!r}", f"If the download is to blame, delete {cache}."
        else:
            files, commit = _from_folder(Path(source["path"]), key), None
            where, remedy = f"{key}.path: {source['path']}", "Replace it."
        try:
            # The hub's cache is never written to again, a folder of the user's may be: that is copied.
            converted = _fill(partial, files, link="hub" in source)
            parameters = check_weights(partial)
            placed = {path.name: _describe(path) for path in sorted(partial.iterdir())}
            _compare_with_cache(files, placed | converted)
        except ValueError as error:
            raise ValueError(f"{where}: {error}. {remedy}") from None
        check_local(local or {}, placed | converted, f"{key}.path")
        config = json.loads((partial / "config.json").read_text(encoding="utf-8"))
        manifest = {
            **(about or {}),
            "name": name,
            "source": dict(source),
            "commit": commit,
            "model_type": config["model_type"],
            "architectures": config.get("architectures") or [],
            "parameters": parameters,
            "converted_from": converted,
            "files": placed,
        }
        write_json(partial / "manifest.json", manifest)
    return manifest


def _from_hub(repo: str, revision: str, key: str) -> tuple[dict[str, Path], str]:
    """Download what a checkpoint needs: name -> path in the cache, and the commit.

    Small files come first, so that a wrong architecture is found before its gigabytes are fetched.
    """
    from huggingface_hub import get_cached_repo_tree, snapshot_download
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    where = f"{key}.hub: {repo!r}"

    at = {"key": key, "repo": repo, "revision": revision, "kind": "model"}
    commit = resolve_commit(**at)

    def download(patterns: list[str]) -> Path:
        def once() -> str:
            return snapshot_download(
                repo, revision=commit, allow_patterns=patterns, ignore_patterns=[SUBFOLDERS]
            )

        fetched = fetch_whole(
            lambda: fetch_patiently(once, **at),
            repo=repo,
            kind="model",
            commit=commit,
            names=lambda: patterns,
            where=where,
        )
        return Path(fetched)

    snapshot = download([*SMALL, INDEX, PICKLED_INDEX])
    try:
        listed = [file.path for file in get_cached_repo_tree(repo, revision=commit)]
    except CachedRepoTreeNotFoundError:  # a cache that is read-only, or of an older client
        listed = [path.name for path in snapshot.iterdir()]
    here = {file: snapshot / file for file in listed if "/" not in file}
    _check_description(here, where)
    weights = _choose_weights(here, where)
    download(weights)
    return {file: path for file, path in here.items() if _is_small(file) or file in weights}, commit


def _from_folder(folder: Path, key: str) -> dict[str, Path]:
    """Choose what a checkpoint needs from a local folder: name -> path."""
    where = f"{key}.path: {folder}"
    if not folder.is_dir():
        siblings = [path.name for path in folder.parent.iterdir()] if folder.parent.is_dir() else []
        raise FileNotFoundError(
            f"{where} is no folder (seen from {Path.cwd()}){nearest(folder.name, siblings)}"
        )
    here = {path.name: path for path in folder.iterdir() if path.is_file()}
    _check_description(here, where)
    weights = _choose_weights(here, where)
    return {file: path for file, path in here.items() if _is_small(file) or file in weights}


def _describe(path: Path) -> dict[str, Any]:
    return describe_weights(path) if path.suffix == ".safetensors" else describe_file(path)


def _is_small(file: str) -> bool:
    return any(fnmatch.fnmatchcase(file, pattern) for pattern in SMALL)


def _check_description(here: Mapping[str, Path], where: str) -> None:
    """Refuse a checkpoint without config, architecture or vocabulary that transformers could use."""
    if "config.json" not in here:
        raise FileNotFoundError(
            f"{where} has no config.json, so it is no transformers checkpoint. {_found(here)}"
        )
    check_config(here, where)
    if not any(fnmatch.fnmatchcase(file, pattern) for file in here for pattern in VOCABULARIES):
        raise FileNotFoundError(
            f"{where} has no tokenizer ({', '.join(VOCABULARIES)}). {_found(here)} Copy the tokenizer of the "
            "checkpoint that it was trained from into a local copy and name that as `path`."
        )


def _choose_weights(here: Mapping[str, Path], where: str) -> list[str]:
    """Names of the weight files to take: safetensors if there are any, with their index if in shards."""
    for index, single in ((INDEX, SINGLE), (PICKLED_INDEX, PICKLED)):
        if single in here:
            return [single]
        if index in here:
            try:
                weights = [index, *sorted(set(read_index(here[index]).values()))]
            except ValueError as error:
                raise ValueError(f"{where}: {error}.") from None
            if lost := [file for file in weights if file not in here]:
                raise FileNotFoundError(
                    f"{where} lacks {', '.join(lost[:3])}, which {index} names. {_found(here)}"
                )
            return weights
    raise FileNotFoundError(f"{where} has neither {SINGLE}, nor its shards, nor {PICKLED}. {_found(here)}")


def _found(here: Mapping[str, Path]) -> str:
    names = sorted(here)
    return f"It has {', '.join(names[:12]) or 'no files'}{' ...' if len(names) > 12 else ''}."


def _fill(folder: Path, files: Mapping[str, Path], *, link: bool) -> dict[str, dict[str, Any]]:
    """Put the files into `folder`, pickled weights as safetensors; return the fingerprints of those."""
    safe = SINGLE in files or INDEX in files
    pickles = {file: path for file, path in sorted(files.items()) if not safe and not _is_small(file)}
    for file, path in files.items():
        if file not in pickles:
            _place(path.resolve(), folder / file, link=link)
    if pickles:
        convert_pickled(pickles, folder)
    return {file: describe_file(path) for file, path in pickles.items()}


def _place(source: Path, target: Path, *, link: bool) -> None:
    """Put the content of `source` at `target`, as a second name of the same bytes where that is possible."""
    if link:
        try:
            os.link(source, target)
            return
        except OSError:  # another file system, or one without hard links; a full disk shows in the copy
            pass
    shutil.copyfile(source, target)


def _compare_with_cache(files: Mapping[str, Path], placed: Mapping[str, dict[str, Any]]) -> None:
    """Compare with the hub's own sha256, by which its cache names large files."""
    for file, path in files.items():
        promised = path.resolve().name
        if len(promised) == 64 and file in placed and placed[file]["sha256"] != promised:
            raise ValueError(f"{file} is not what the hub promised: its sha256 is not {promised}")
