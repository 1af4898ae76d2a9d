"""Hold two folders of results against each other by content: same study, same numbers?

    python benchmarks/same_results.py results_before results_after [--renamed OLD=NEW ...]

Compares every Parquet table and every safetensors file to the bit, without what a run cannot repeat: its times, its
memory, the versions and digests of the code, and metadata. Prints a digest of each kind of file and what differs; the
exit status is 1 if anything does. --renamed: a part of a file name that was renamed on purpose.
"""

import argparse
import hashlib
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file

# What depends on the machine and the hour.
NOT_REPEATED = {
    "train_seconds",
    "eval_seconds",
    "load_seconds",
    "total_seconds",
    "examples_per_second",
    "peak_memory_mb",
    "code",
    "versions",
    "device",
    "threads",
}


def digest(path: Path) -> str:
    """SHA-256 of the content of a table (column after column) or of tensors, 16 hex digits."""
    found = hashlib.sha256()
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        for name in table.columns:
            if name not in NOT_REPEATED:
                found.update(name.encode())
                found.update(
                    pd.util.hash_pandas_object(_plain(table[name]), index=False).to_numpy().tobytes()
                )
    else:
        for name, tensor in sorted(load_file(path).items()):
            found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            found.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]


def _plain(column: pd.Series) -> pd.Series:
    """Lists (the scores of an example) as text, which can be hashed."""
    return column.map(repr) if column.dtype == object else column


def kind_of(name: str) -> str:
    """What a file is, without the names of its run: its stage and its own name."""
    parts = Path(name).parts
    return f"{parts[0]}/{parts[-1] if parts[0] not in ('masks', 'quantized', 'rankings') else '*'}"


def files_of(folder: Path, renamed: dict[str, str]) -> dict[str, Path]:
    """The files to compare by their names inside the folder, the old ones by their new names."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".parquet", ".safetensors"):
            name = path.relative_to(folder).as_posix()
            for old, new in renamed.items():
                name = name.replace(old, new)
            found[name] = path
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--renamed", nargs="*", default=[])
    arguments = parser.parse_args()
    renamed = dict(each.split("=") for each in arguments.renamed)
    before, after = files_of(arguments.before, renamed), files_of(arguments.after, {})
    differ, kinds, whole = [], Counter(), {}
    for name in sorted({*before, *after}):
        if name not in before or name not in after:
            differ.append(f"only {'after' if name in after else 'before'}: {name}")
            continue
        one, other = digest(before[name]), digest(after[name])
        kinds[kind_of(name)] += 1
        whole.setdefault(kind_of(name), hashlib.sha256()).update(f"{name} {other}".encode())
        if one != other:
            differ.append(f"differs: {name}")
    for kind, count in sorted(kinds.items()):
        print(f"{kind}: {count} files, {whole[kind].hexdigest()[:16]}")
    print("\n".join(differ) or "all the same")
    sys.exit(bool(differ))


if __name__ == "__main__":
    main()
