"""What a study will cost: jobs present and missing, device hours, disk. Sees only tables."""

import pandas as pd

# Training touches each weight about six times a token (forward 2, backward 4): Kaplan et al. 2020,
# arXiv 2001.08361, section 2.1.
FLOPS_PER_WEIGHT_AND_TOKEN = 6
BYTES_PER_PREDICTION = 40
BYTES_PER_RUN = 30_000


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
        `tokens` (per example), `epochs`, `max_steps`, `batch` (examples per step). NaN where not known.
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
    if len(measured):
        median = measured.groupby(["checkpoint", "task"])["total_seconds"].median()
        known = pd.Series([median.get(key) for key in zip(priced["checkpoint"], priced["task"], strict=True)])
        known.index = priced.index
        priced["seconds"] = known.astype(float).fillna(priced["seconds"])
        priced.loc[known.notna(), "basis"] = "measured"
    return priced


def describe(jobs: pd.DataFrame, runs: pd.DataFrame, checkpoint_bytes: float) -> str:
    """Say in a few lines what is there and what the rest will cost.

    runs: the rows of `price_runs` with `pending`. checkpoint_bytes: of the checkpoints still to fetch.
    """
    todo = runs[runs["pending"]]
    lines = [jobs.to_string(index=False), ""]
    for basis, part in todo.groupby("basis"):
        if basis == "unknown":
            names = ", ".join(sorted(part["task"].unique()))
            lines.append(f"{len(part)} runs cannot be priced: no number of training rows for {names}")
        else:
            hours = part["seconds"].sum() / 3600
            lines.append(f"{len(part)} runs to do, {hours:.2g} device hours ({basis})")
    disk = todo["bytes"].sum() + checkpoint_bytes
    lines.append(f"disk for what is missing: {disk / 1e9:.2g} GB")
    return "\n".join(lines)
