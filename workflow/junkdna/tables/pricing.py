"""What a study will cost: jobs present and missing, device hours, disk. Sees only tables."""

import io
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from junkdna.files.artifacts import read_table
from junkdna.files.runs import SECONDS
from junkdna.files.seals import DamagedFileError

# Training touches each weight about six times a token (forward 2, backward 4): Kaplan et al. 2020,
# arXiv 2001.08361, section 2.1.
FLOPS_PER_WEIGHT_AND_TOKEN = 6
BYTES_PER_PREDICTION = 40
BYTES_PER_RUN = 30_000
BYTES_PER_WEIGHT = 4


def read_summary(text: str, patterns: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Read the table of `snakemake --summary`: one row an output file, with `rule`, `job` and `pending`.

    patterns: rule -> its output paths with their wildcards in braces. The values of the wildcards tell the jobs
    of a rule apart.
    """
    start = text.index("output_file\t")
    table = pd.read_csv(io.StringIO(text[start:]), sep="\t", usecols=["output_file", "rule", "plan"])
    table = table[table["rule"] != "all"]
    matchers = {rule: [_matcher(pattern) for pattern in paths] for rule, paths in patterns.items()}
    table["job"] = [
        next((found.groups() for each in matchers[rule] if (found := each.fullmatch(file))), (file,))
        for file, rule in zip(table["output_file"], table["rule"], strict=True)
    ]
    table["pending"] = table["plan"] != "no update"
    return table


def _matcher(pattern: str) -> re.Pattern[str]:
    """A pattern whose groups are the values of the wildcards, each without a slash."""
    parts = re.split(r"\{(\w+)[^}]*\}", pattern)
    return re.compile(
        "".join(f"(?P<{part}>[^/]+)" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    )


def read_measured(folder: Path) -> pd.DataFrame:
    """The size and time of every finished run below `folder`, whatever study it belongs to.

    A damaged file is passed over, with a word on stderr: the job that needs it will say so.
    """
    columns, seconds = ["checkpoint", "task", "train_examples", "validation_examples"], list(SECONDS)
    parts = []
    for path in sorted(folder.rglob("metrics.parquet")):
        try:
            parts.append(read_table(path, [*columns, *seconds]))
        except DamagedFileError as error:
            print(f"warning: {error}", file=sys.stderr)
    if not parts:
        return pd.DataFrame(columns=[*columns, "total_seconds"])
    table = pd.concat(parts, ignore_index=True)
    return table[columns].assign(total_seconds=table[seconds].sum(axis=1))


def size_runs(
    runs: Sequence[Mapping[str, Any]], files: Sequence[str], outputs: pd.DataFrame, measured: pd.DataFrame
) -> pd.DataFrame:
    """One row a run for `price_runs`, with `pending` from the summary and sizes from finished runs if there are.

    runs: keys of the run and what its config says of its size (`weights`, `train_rows`, ..., None if it does not).
    files: for each run one of its output files, as the summary names it.
    """
    table = pd.DataFrame(runs)
    pending = outputs.loc[outputs["pending"], "output_file"]
    table["pending"] = pd.Series(files).isin(set(pending))
    for name, known in (("train_rows", "train_examples"), ("validation_rows", "validation_examples")):
        seen = measured.groupby("task")[known].max() if len(measured) else pd.Series(dtype=float)
        table[name] = table[name].astype(float).fillna(table["task"].map(seen).astype(float))
    table["weights"] = table["weights"].astype(float)
    return table


def count_jobs(outputs: pd.DataFrame) -> pd.DataFrame:
    """Count jobs by stage from one row an output file.

    outputs: columns `rule`, `job` (any key of the job), `pending` (bool: the job will run).
    Returns columns `stage`, `jobs`, `present`, `to_do`, in the order of first appearance.
    """
    jobs = outputs.groupby(["rule", "job"], sort=False)["pending"].any().reset_index()
    table = jobs.groupby("rule", sort=False)["pending"].agg(jobs="size", to_do="sum").reset_index()
    table["present"] = table["jobs"] - table["to_do"]
    return table.rename(columns={"rule": "stage"})[["stage", "jobs", "present", "to_do"]]


def price_runs(runs: pd.DataFrame, measured: pd.DataFrame, flops_per_second: float) -> pd.DataFrame:
    """Estimate seconds and bytes of each run.

    runs: one row a run with `checkpoint`, `task`, `weights` (parameters), `train_rows`, `validation_rows`,
        `tokens` (per example), `epochs`, `max_steps`, `batch` (examples per step), `kept` (bool: its trained
        weights stay on disk). NaN where not known.
    measured: finished runs with `checkpoint`, `task`, `total_seconds`; may be empty.
    flops_per_second: sustained speed assumed for what has not been measured.
    Returns `runs` with `seconds`, `bytes` and `basis`: `measured` (the median of finished runs of the same
    checkpoint and task), `computed` (floating-point operations over speed) or `unknown` (no size given).
    """
    priced = runs.copy()
    examples = priced["train_rows"] * priced["epochs"]
    capped = priced["max_steps"] > 0
    examples = examples.where(~capped, examples.clip(upper=priced["max_steps"] * priced["batch"]))
    # Predicting costs the forward third of a training step.
    work = priced["weights"] * priced["tokens"] * (examples + priced["validation_rows"] / 3)
    priced["seconds"] = FLOPS_PER_WEIGHT_AND_TOKEN * work / flops_per_second
    priced["basis"] = priced["seconds"].isna().map({True: "unknown", False: "computed"})
    priced["bytes"] = BYTES_PER_RUN + BYTES_PER_PREDICTION * priced["validation_rows"].fillna(0)
    priced["bytes"] += BYTES_PER_WEIGHT * priced["weights"].fillna(0) * priced["kept"]
    if len(measured):
        median = measured.groupby(["checkpoint", "task"])["total_seconds"].median()
        known = pd.Series([median.get(key) for key in zip(priced["checkpoint"], priced["task"], strict=True)])
        known.index = priced.index
        priced["seconds"] = known.astype(float).fillna(priced["seconds"])
        priced.loc[known.notna(), "basis"] = "measured"
    return priced


def describe(jobs: pd.DataFrame, runs: pd.DataFrame) -> str:
    """Say in a few lines what is there and what the rest will cost.

    runs: the rows of `price_runs` with `pending`.
    """
    todo = runs[runs["pending"]]
    lines = [jobs.to_string(index=False), ""]
    for basis, part in todo.groupby("basis"):
        if basis == "unknown":
            names = ", ".join(sorted(part["task"].unique()))
            lines.append(
                f"{len(part)} runs cannot be priced before one has run: the size of {names} is not known"
            )
        else:
            hours = part["seconds"].sum() / 3600
            shown = f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"
            lines.append(f"{len(part)} runs to do, {shown} device hours ({basis})")
    lines.append(f"disk for the missing runs: {todo['bytes'].sum() / 1e9:.2g} GB")
    return "\n".join(lines)
