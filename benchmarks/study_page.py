"""The tables of a study as Markdown, for a page of docs/.

    python benchmarks/study_page.py results/tables/<study> [--tasks TASK TASK]

Prints the claims, the cells, the difficulty of the tasks and, of the paper's points, ours beside theirs; with --tasks
also every recipe side by side on these tasks. What it prints is pasted into the page, whose words are written by hand.
"""

import argparse
from pathlib import Path

import pandas as pd

from junkdna.claims.verdicts import QUESTIONS

MINUS = "\N{MINUS SIGN}"


def number(value: float, digits: int) -> str:
    """A number with a proper minus sign; a dash for what was not measured."""
    return "–" if pd.isna(value) else f"{value:z.{digits}f}".replace("-", MINUS)


def interval(row: pd.Series, name: str, digits: int, times: float = 1.0) -> str:
    """An estimate with its interval."""
    value, low, high = (row[f"{name}{end}"] * times for end in ("", "_low", "_high"))
    if pd.isna(value):
        return "–"
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def table(header: list[str], rows: list[list[str]], right: int = 0) -> str:
    """A Markdown table whose last `right` columns are set to the right."""
    rule = ["---"] * (len(header) - right) + ["---:"] * right
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows)) + "\n"


def failed_of(row: pd.Series) -> str:
    """How many runs of a cell failed, and how."""
    kinds = {kind: int(row[f"n_{kind}"]) for kind in ("constant", "uninformed", "diverged")}
    said = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return f"{sum(kinds.values())} of {int(row['n_seeds'])}" + f" ({said})" * bool(said)


def side_by_side(cells: pd.DataFrame, runs: pd.DataFrame, tasks: list[str]) -> str:
    """A row a recipe and regime: bits, and of each task the score, the retention and the failed runs."""
    bits = runs.groupby(["recipe", "regime"])["effective_bits"].mean()
    own = cells[cells["task"].isin(tasks)].set_index(["recipe", "regime", "task"])
    rows = []
    for recipe, regime in dict.fromkeys(own.index.droplevel("task")):
        row = [recipe, regime, number(bits[recipe, regime], 2)]
        for task in tasks:
            if (recipe, regime, task) not in own.index:
                row += ["–"] * 3
                continue
            cell = own.loc[(recipe, regime, task)]
            row += [
                interval(cell, "score", 3),
                interval(cell, "retention_trained", 0, 100),
                failed_of(cell),
            ]
        rows.append(row)
    header = ["recipe", "regime", "bits"]
    for task in tasks:
        metric = own.xs(task, level="task")["metric"].iloc[0]
        header += [f"{task}: {metric}", "retention, %", "failed"]
    return table(header, rows, len(header) - 2)


def claims_table(claims: pd.DataFrame) -> str:
    """A row a claim: effect in points, verdict, p and what it would be if failed runs had kept nothing."""
    rows = []
    for _, row in claims.iterrows():
        first = row["scope"] == "primary"
        question = QUESTIONS[row["claim"]]
        level = "" if pd.isna(row["level"]) else f" at {row['level']:g} %"
        effect = "–" if pd.isna(row["effect"]) else interval(row.rename(_ends("effect")), "effect", 1, 100)
        p = row["p_holm"] if first else row["p_bh"]
        rows.append(
            [
                f"**{question}**" if first else question,
                f"{row['recipes']}: {row['subject']}{level}",
                row["regime"],
                effect,
                row["verdict"],
                "–" if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.2g}",
                f"{row['n_failed']:.0f}",
                row["with_failed_verdict"] or "–",
            ]
        )
    header = ["claim", "subject", "regime", "effect", "verdict", "p", "failed", "if they had kept nothing"]
    return table(header, rows)


def _ends(name: str) -> dict[str, str]:
    return {"low": f"{name}_low", "high": f"{name}_high"}


def cells_table(cells: pd.DataFrame) -> str:
    """A row a cell."""
    rows = [
        [
            row["recipe"],
            row["task"],
            row["regime"],
            row["metric"],
            interval(row, "score", 3),
            interval(row, "score_trained", 3) if row["n_trained"] != row["n_seeds"] else "",
            interval(row, "retention_trained", 1, 100),
            failed_of(row),
        ]
        for _, row in cells.iterrows()
    ]
    header = [
        "recipe",
        "task",
        "regime",
        "metric",
        "score",
        "of those that trained",
        "retention, %",
        "failed",
    ]
    return table(header, rows, 4)


def difficulty_table(difficulty: pd.DataFrame) -> str:
    """A row a measure, a column a task."""
    tasks, rows = list(dict.fromkeys(difficulty["task"])), []
    for measure, own in difficulty.groupby("measure", sort=False):
        held = own.set_index("task")
        values = [
            "–" if task not in held.index or pd.isna(held.loc[task, "value"])
            else "{value:.3g} [{low:.3g}, {high:.3g}]".format(**held.loc[task]).replace("-", MINUS)
            for task in tasks
        ]  # fmt: skip
        side = "larger" if held["harder"].iloc[0] > 0 else "smaller"
        rows.append([measure, held["unit"].iloc[0], side, *values])
    return table(["measure", "unit", "harder is", *tasks], rows, len(tasks))


def replication_table(replication: pd.DataFrame) -> str:
    """A row a point of the paper that may be compared: ours and theirs in percent of the dense score."""
    rows = [
        [
            row["paper_task"],
            row["regime"],
            f"{row['level']:g}",
            interval(row, "percent", 1),
            number(row["paper_percent"], 1),
            interval(row, "percent_difference", 1),
            number(row["percent_z"], 1),
        ]
        for _, row in replication[replication["comparable"]].iterrows()
    ]
    return table(["task", "regime", "removed, %", "ours", "theirs", "difference", "z"], rows, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tasks", nargs="+", default=[])
    arguments = parser.parse_args()
    read = {path.stem: pd.read_parquet(path) for path in sorted(arguments.folder.glob("*.parquet"))}
    if arguments.tasks:
        print(side_by_side(read["cells"], read["runs"], arguments.tasks))
    print(claims_table(read["claims"]))
    print(cells_table(read["cells"]))
    print(difficulty_table(read["difficulty"]))
    if "replication" in read:
        print(replication_table(read["replication"]))
        print("\n".join(f"- {sentence}" for sentence in read["replication-summary"]["sentence"]))


if __name__ == "__main__":
    main()
