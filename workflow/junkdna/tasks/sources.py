"""Read the raw examples of a task: a data set of the hub, or files of the user's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from junkdna.files.artifacts import describe_file
from junkdna.files.downloads import alone, drop_changed, fetch_whole, prepare
from junkdna.files.hub import StaleCacheError, fetch_patiently, is_disk_full, nearest, resolve_commit
from junkdna.study.local_paths import SUFFIXES
from junkdna.tasks.row_files import read_examples


def load_hub(
    source: Mapping[str, str], splits: Mapping[str, str], columns: Sequence[str], *, key: str
) -> tuple[dict[str, pd.DataFrame], dict[str, list[str]], str]:
    """Load splits of a data set of the hub through `datasets`.

    source: hub (id), config (may be missing), revision. splits: our name -> the data set's. columns: paths of
    those that are wanted. HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE count.

    Returns our name -> table, column -> names of its classes (ClassLabel columns only), and the commit.
    Raises ValueError or RuntimeError with the key, what was found and what to do.
    """
    import datasets
    from huggingface_hub import hf_hub_download

    at = {"key": f"{key}.source", "repo": source["hub"], "revision": source.get("revision", "main")}
    commit = resolve_commit(**at, kind="dataset")

    def find() -> datasets.DatasetBuilder:
        try:
            builder = datasets.load_dataset_builder(source["hub"], source.get("config"), revision=commit)
        except (datasets.exceptions.DatasetNotFoundError, ConnectionError):
            # It drops the client's own error, which tells gated from missing: ask for that.
            hf_hub_download(source["hub"], "README.md", repo_type="dataset", revision=commit)
            raise
        if builder.hash != commit:
            raise StaleCacheError(builder.hash, commit, str(datasets.config.HF_DATASETS_CACHE))
        return builder

    def patiently(download: Callable[[], Any]) -> Any:
        return fetch_patiently(download, **at, kind="dataset")

    repo = source["hub"]
    whole = {"repo": repo, "kind": "dataset", "commit": commit, "where": f"{key}.source.hub: {repo!r}"}
    tables = {}
    classes: dict[str, list[str]] = {}
    with alone(repo):
        with _clearly(source, commit, key):
            drop_changed(repo, whole["where"])
            # In two steps, so that a hub that fails now and then is asked for little at each new try.
            builder = fetch_whole(lambda: patiently(find), names=lambda: ["README.md"], **whole)
            prepare(builder, patiently, **whole)
        for ours, theirs in splits.items():
            if theirs not in builder.info.splits:
                known = list(builder.info.splits)
                raise ValueError(
                    f"{key}.splits.{ours}: {source['hub']!r} has no split {theirs!r}; it has {', '.join(known)}"
                    f"{nearest(theirs, known)}"
                )
            data = builder.as_dataset(split=theirs)
            classes |= {
                name: feature.names
                for name, feature in data.features.items()
                if isinstance(feature, datasets.ClassLabel)
            }
            wanted = [name for name in data.column_names if any(_leads_to(name, path) for path in columns)]
            # With no column as wanted, all are read: the error about them will name them.
            tables[ours] = data.select_columns(wanted or data.column_names).to_pandas()
            tables[ours].attrs["columns"] = data.column_names
    return tables, classes, commit


@contextmanager
def _clearly(source: Mapping[str, str], commit: str, key: str) -> Iterator[None]:
    """Turn an error about a data set that cannot be loaded into one in terms of the catalog."""
    import datasets

    try:
        yield
    except (ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        if is_disk_full(error):
            raise
        raise _clear(error, source, commit, key) from None


def _leads_to(name: str, path: str) -> bool:
    return path == name or path.startswith(f"{name}.")


def _clear(error: Exception, source: Mapping[str, str], commit: str, key: str) -> Exception:
    """What `datasets` says of a data set that it cannot load, in terms of the catalog."""
    import datasets

    text, repo, config = str(error), source["hub"], source.get("config")
    if text.startswith(f"{key}."):
        return error
    if "BuilderConfig" in text or "Config name is missing" in text:
        known = datasets.get_dataset_config_names(repo, revision=commit)
        found = f"has no config {config!r}" if config else "has several configs"
        return ValueError(
            f"{key}.source.config: {repo!r} {found}; it has {', '.join(known)}{nearest(config or '', known)}"
        )
    if "Couldn't find cache" in text:
        return RuntimeError(
            f"{key}.source.hub: {repo!r} (config {config!r}) is not in the cache "
            f"{datasets.config.HF_DATASETS_CACHE}, and the hub is out of reach or HF_HUB_OFFLINE is set."
        )
    if "scripts are no longer supported" in text:
        return ValueError(
            f"{key}.source.revision: {repo!r} is a script at this revision, and scripts are not run; try "
            "`revision: refs/convert/parquet`, the hub's own copy of the data."
        )
    cause = error.__cause__ or error
    return ValueError(
        f"{key}.source.hub: {repo!r} ({commit}) cannot be read: {type(cause).__name__}: {cause}"
    )


def load_files(
    paths: Mapping[str, str], columns: Sequence[str], *, key: str
) -> tuple[dict[str, pd.DataFrame], dict[str, dict[str, Any]]]:
    """Read one file for each split (.parquet, .csv, .tsv, .jsonl by suffix); also sha256 and size of each.

    columns: paths of those that are wanted (see `row_files.read_examples`).
    Raises FileNotFoundError or ValueError with the key and the file.
    """
    tables, files = {}, {}
    for split, name in paths.items():
        path, where = Path(name), f"{key}.source.path.{split}"
        if not path.is_file():
            siblings = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
            raise FileNotFoundError(
                f"{where}: {name} is no file (seen from {Path.cwd()}){nearest(path.name, siblings)}"
            )
        if path.suffix not in SUFFIXES:
            raise ValueError(
                f"{where}: {name} ends in {path.suffix!r}; legal are {', '.join(SUFFIXES)}"
                f"{nearest(path.suffix, list(SUFFIXES))}"
            )
        try:
            tables[split] = read_examples(path, columns)
        except (ValueError, OSError) as error:
            raise ValueError(f"{where}: {name} cannot be read as {path.suffix[1:]}: {error}") from None
        files[split] = describe_file(path)
    return tables, files
