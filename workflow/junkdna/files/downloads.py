"""What came from the hub, held against hashes: a damaged file is named, thrown away and fetched again."""

import fnmatch
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from junkdna.files.artifacts import describe_file, read_json, write_json

if TYPE_CHECKING:
    from datasets import DatasetBuilder

RECORD = "junkdna.json"  # beside the files that `datasets` prepared: what they were when they were made


def fetch_whole(
    download: Callable[[], Any],
    *,
    repo: str,
    kind: str,
    commit: str,
    names: Callable[[], Sequence[str]],
    where: str,
) -> Any:
    """Call `download` and hold what it left in the hub's cache against the hub's hashes; return what it returns.

    The cache names each file by the hash that the hub promised: sha256 of large ones, git's sha1 of others. One
    that is damaged is removed and fetched a second time; so is what an error came from. names: patterns of the
    files of this commit that count, asked after the download. where: key and repository, for the message.

    Raises RuntimeError with the path of the file where the second time does not help, or the hub may not be asked.
    """
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"{kind}s--{repo.replace('/', '--')}" / "snapshots" / commit

    def damages() -> dict[Path, str]:
        wanted = names()
        here = {
            path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
        }
        counted = [
            name for name in here if any(name == one or fnmatch.fnmatchcase(name, one) for one in wanted)
        ]
        return {here[name]: text for name in counted if (text := damage(here[name]))}

    for again in (False, True):
        result = error = None
        try:
            result = download()
        except Exception as caught:
            error = caught
        found = damages()
        if not found:
            if error:
                raise error
            return result
        text = "; ".join(f"{path.resolve()} ({path.name}) is damaged: {text}" for path, text in found.items())
        if constants.is_offline_mode():
            raise RuntimeError(f"{where}: {text}. Delete it and fetch it again with HF_HUB_OFFLINE=0.")
        print(f"{where}: {text}; removed{'' if again else ', to be fetched again'}", flush=True)
        for path in found:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
    raise RuntimeError(
        f"{where}: {text}, the second time too. It was removed from the cache; what changes it is the hub, or "
        "stands between it and here (HF_ENDPOINT, proxy, disk)."
    )


def damage(file: Path) -> str:
    """Say how a file of the hub's cache differs from the hash that the cache names it by, "" where it does not."""
    promised = file.resolve().name
    if re.fullmatch("[0-9a-f]{64}", promised):
        found = [describe_file(file)["sha256"]]
    elif re.fullmatch("[0-9a-f]{40}", promised):
        content = file.read_bytes()  # small: the hub keeps large files by their sha256
        git = hashlib.sha1(b"blob %d\0" % len(content) + content)
        found = [git.hexdigest(), hashlib.sha1(content).hexdigest()]  # some mirrors name files by the second
    else:
        return ""
    return "" if promised in found else f"the hub promises {promised}, it has {found[0]}"


def drop_changed(repo: str, where: str) -> None:
    """Throw away what `datasets` prepared of a data set and is not what it was then; it is prepared again.

    Its cache has no hash of the hub's, so `prepare` writes ours beside it. RuntimeError where it changed and no
    hub may be asked for it.
    """
    import datasets
    from huggingface_hub import constants

    for record in Path(datasets.config.HF_DATASETS_CACHE).glob(f"*/*/*/*/{RECORD}"):
        try:
            known = read_json(record)
        except ValueError:
            known = {"repo": repo, "files": {}}
        if known["repo"] != repo or known["files"] == _describe(record.parent):
            continue
        text = f"{record.parent} is not what was prepared there (its hashes have changed)"
        if constants.is_offline_mode():
            raise RuntimeError(f"{where}: {text}. Delete it and fetch it again with HF_HUB_OFFLINE=0.")
        print(f"{where}: {text}; removed, to be prepared again", flush=True)
        shutil.rmtree(record.parent)


def prepare(builder: "DatasetBuilder", patiently: Callable[[Callable[[], Any]], Any], **at: Any) -> None:
    """Let `datasets` prepare a data set from whole downloads, or take what was prepared here before.

    What others prepared (no hash beside it) is prepared anew from the downloads, where they can be had and it
    can be written. patiently: calls a download until the hub is well. at: repo, kind, commit and where, as
    `fetch_whole` takes them.
    """
    folder, data = Path(builder.cache_dir), builder.config.data_files or {}
    sources = [url.split("@", 1)[1].split("/", 1)[1] for urls in data.values() for url in urls if "@" in url]
    fixed = folder.exists() and not os.access(folder, os.W_OK)
    modes = ["reuse_cache_if_exists"] * 2  # what was made from a damaged file is of no use either
    if not sources or fixed or (folder / RECORD).exists():
        modes.insert(0, "reuse_dataset_if_exists")
    turns = iter(modes)

    def download() -> None:
        mode = next(turns)
        patiently(lambda: builder.download_and_prepare(download_mode=mode))

    fetch_whole(download, names=lambda: sources, **at)
    if os.access(folder, os.W_OK):
        write_json(folder / RECORD, {"repo": at["repo"], "files": _describe(folder)})


def _describe(folder: Path) -> dict[str, Any]:
    files = (path for path in sorted(folder.iterdir()) if path.is_file() and path.name != RECORD)
    return {path.name: describe_file(path) for path in files}


@contextmanager
def alone(repo: str) -> Iterator[None]:
    """Keep other jobs from preparing the same data set until this one has read it, where a lock can be written."""
    import datasets
    from filelock import FileLock

    cache = Path(datasets.config.HF_DATASETS_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    with (
        FileLock(cache / f"{repo.replace('/', '--')}.junkdna.lock")
        if os.access(cache, os.W_OK)
        else nullcontext()
    ):
        yield
