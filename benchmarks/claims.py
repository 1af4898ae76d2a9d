"""Measure what the verdicts are worth: simulated studies whose truth is known go through the tables.

    OMP_NUM_THREADS=1 nice python benchmarks/claims.py --raw FOLDER [--studies N] [--only TEXT]

Draws N studies of each setting (scenario, number of seeds, rate of collapsed runs, spread of the runs), seeded by
the setting's name, and writes what became of each estimate to FOLDER, a file a setting; a file that is there is not
made again, so the measurement can be interrupted. At the end the tables of all files there go to
docs/claims-machinery.md. A study takes about 0.1 s of processor time: 1,000 studies of all settings take two hours.

False claims: the share of studies in which a row of the claim is `supported` though its true effect is at or below
the margin. Coverage: the share of 95 % intervals that hold the true value. Rates come with their Wilson interval;
several rows of one study count as one study there.
"""

import argparse
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from junkdna.machinery import trial
from junkdna.scenarios import (
    Scenario,
    at_margin,
    equal_curves,
    nothing_lost,
    only_pruning_separates,
    planted,
    unrelated,
)
from junkdna.simulation import USUAL, Spread

ROOT = Path(__file__).parents[1]
MARGIN = 0.02
PARTS = ("false", "coverage", "power", "tasks")
SPREADS = {
    "usual": USUAL,
    "quiet": Spread(dense_sd=0.005, seed_sd=0.005, run_sd=0.005),
    "loud": Spread(dense_sd=0.02, seed_sd=0.06, run_sd=0.08),
    "skewed": Spread(skew=1.0),
    "selective": Spread(selective=True),
}

PAGE = """# What the verdicts are worth

Made by `benchmarks/claims.py` (see there): simulated studies whose truth is known go through the tables and claims of
the workflow. Three tasks with three metrics, four levels, 240 test examples a task, a margin of {margin:g}. All rates
in % with their 95 % Wilson interval; several rows of one study count as one study. `n` is the number of studies
behind the fewest of a line; a blank, or a line that is not there, is a setting that was not measured yet.

Nulls are the hardest there are: `nothing is lost (margin 0)`, where every effect is exactly at the margin, and one
scenario a claim in which its effect is just the margin of {margin:g}. A one-sided error of 2.5 % is nominal there, and
5 % the limit. Where trainings fail, more do at high levels and on hard tasks, up to the rate given; `the worse ones`:
runs fail that would have scored low. Claims that have fewer than three seeds left get no verdict, so they cannot be
false. Spreads of the runs, in retention: `usual` 0.02 shared by a seed and 0.04 of its own; `quiet` 0.005 and 0.005;
`loud` 0.06 and 0.08; `skewed` as usual with a long tail downwards.

"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One cell of the benchmark; part says in which table it comes. task_sd: redraw `unrelated` tasks each time."""

    part: str
    task_sd: float = 0.0
    scenario: Scenario
    seeds: int
    collapse: float = 0.0
    spread: str = "usual"
    margin: float = MARGIN
    studies: int

    @property
    def name(self) -> str:
        scenario = self.scenario.name.replace(" ", "-").replace(";", "")
        margin = f"_margin{self.margin:g}" * (self.margin != MARGIN)
        return f"{self.part}_{scenario}_{self.seeds}seeds_collapse{self.collapse:g}_{self.spread}{margin}"

    @property
    def null(self) -> str:
        """The scenario in words, with the margin where it is another."""
        return self.scenario.name + f" (margin {self.margin:g})" * (self.margin != MARGIN)

    @property
    def runs(self) -> str:
        """The seeds and which trainings fail, in words."""
        failed = f", up to {self.collapse:.0%} fail" * (self.collapse > 0)
        return f"{self.seeds} seeds{failed}" + ", the worse ones" * (self.spread == "selective")


def settings(studies: int) -> list[Setting]:
    """All settings, the most telling first."""
    # With the margin at 0 the study in which nothing is lost is the hardest null of all claims at once.
    nulls = [(nothing_lost(), 0.0)]
    nulls += [(each, MARGIN) for each in (equal_curves(), *at_margin(MARGIN))]
    false = [
        Setting(
            part="false",
            scenario=scenario,
            seeds=seeds,
            collapse=collapse,
            spread=spread,
            margin=margin,
            studies=studies,
        )
        for scenario, margin in nulls
        for collapse, spread in ((0.0, "usual"), (0.2, "usual"), (0.2, "selective"))
        for seeds in (3, 5)
    ]
    few = max(studies // 4, 1)
    coverage = [
        Setting(part="coverage", scenario=planted(8), seeds=seeds, spread=spread, studies=studies)
        for spread in ("usual", "quiet", "loud", "skewed")
        for seeds in (3, 5, 10)
    ]
    power = [
        Setting(part="power", scenario=planted(step, n_tasks=tasks), seeds=seeds, studies=few)
        for step in (0, 2, 4, 8)
        for tasks in (3, 5)
        for seeds in (3, 5, 10)
    ]
    power += [
        Setting(part="power", scenario=only_pruning_separates(step), seeds=seeds, studies=few)
        for step in (4, 8)
        for seeds in (3, 5, 10)
    ]
    tasks = [
        Setting(
            part="tasks",
            scenario=unrelated(sd, np.random.default_rng(0)),
            task_sd=sd,
            seeds=seeds,
            studies=few,
        )
        for sd in (2.0, 8.0)
        for seeds in (3, 10)
    ]
    return false + coverage + power + tasks


def measure(setting: Setting) -> pd.DataFrame:
    """Run the trials of a setting; one row an estimate and study."""
    rng = np.random.default_rng(zlib.crc32(setting.name.encode()))
    options = {"collapse": setting.collapse, "spread": SPREADS[setting.spread], "margin": setting.margin}
    options |= {"known": {}, "claims_only": setting.part != "coverage"}
    rows = []
    start = time.monotonic()
    for study in range(setting.studies):
        scenario = unrelated(setting.task_sd, rng) if setting.task_sd else setting.scenario
        # What is true of tasks that are drawn anew must not be remembered.
        options["known"] = {} if setting.task_sd else options["known"]
        rows.append(trial(scenario, setting.seeds, rng, **options).assign(study=study))
        if study % 100 == 99:
            seconds = time.monotonic() - start
            print(f"{setting.name}: {study + 1} of {setting.studies}, {seconds:.0f} s", flush=True)
    return pd.concat(rows, ignore_index=True)


def rate(hit: pd.Series, study: pd.Series) -> str:
    """Share of hits in percent with its 95 % Wilson interval; n is the number of studies."""
    share, n = float(hit.mean()), study.nunique()
    low, high = stats.binomtest(round(share * n), n).proportion_ci(method="wilson")
    return f"{100 * share:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def table(rows: pd.DataFrame, down: list[str], value: str) -> str:
    """Rates as Markdown: a line for each combination of `down`, a column for each `runs`."""
    cells = {}
    for (*line, column), group in rows.groupby([*down, "runs"], sort=False):
        cells.setdefault(tuple(line), {})[column] = rate(group[value], group["study"])
    columns = list(dict.fromkeys(rows["runs"]))
    lines = [
        f"| {' | '.join([*down, *columns])} | n |",
        "|" + " --- |" * len(down) + " ---: |" * (1 + len(columns)),
    ]
    numbers = rows.groupby([*down, "runs"])["study"].nunique().groupby(down).min()
    for line, found in sorted(cells.items(), key=lambda item: item[0]):
        fewest = numbers.loc[line if len(line) > 1 else line[0]]
        listed = [*line, *(found.get(column, "") for column in columns), f"{fewest}"]
        lines.append(f"| {' | '.join(listed)} |")
    return "\n".join(lines)


def gathered(results: list[tuple[Setting, pd.DataFrame]]) -> pd.DataFrame:
    """The estimates of all settings, with what the tables go by."""
    parts = []
    for setting, rows in results:
        null = rows["claim"].isin(setting.scenario.nulls)
        parts.append(rows.assign(scenario=setting.null, runs=setting.runs, spread=setting.spread, null=null))
    return pd.concat(parts, ignore_index=True)


def false_claims(results: list[tuple[Setting, pd.DataFrame]], scope: str) -> str:
    """How often a claim is supported under its nulls; a claim that was not judged was not false."""
    rows = gathered(results)
    rows = rows[rows["null"] & (rows["scope"] == scope)]
    return table(rows.assign(supported=rows["verdict"] == "supported"), ["claim", "scenario"], "supported")


def any_false(results: list[tuple[Setting, pd.DataFrame]]) -> str:
    """In what share of studies any primary claim is supported where all are null."""
    rows = gathered(results)
    rows = rows[rows["null"] & (rows["scope"] == "primary") & rows["scenario"].str.startswith("nothing")]
    rows = rows.assign(supported=rows["verdict"] == "supported")
    studies = rows.groupby(["scenario", "runs", "study"], sort=False)["supported"].any().reset_index()
    return table(studies, ["scenario"], "supported")


def coverage(results: list[tuple[Setting, pd.DataFrame]], down: list[str]) -> str:
    """How often the 95 % intervals hold the truth, where an estimate has at least three seeds."""
    rows = gathered(results)
    rows = rows[rows[["truth", "low", "high"]].notna().all(axis=1) & ~(rows["n_seeds"] < 3)]
    return table(rows.assign(held=rows["truth"].between(rows["low"], rows["high"])), down, "held")


def power(results: list[tuple[Setting, pd.DataFrame]]) -> str:
    """How often the claims along an axis are supported as s50 falls faster along it (under pruning alone)."""
    rows = gathered(results)
    along = rows["claim"].isin(["harder-falls-further", "difficulty-order", "interaction"])
    # Where quantized runs are there too, they are no curves of pruning.
    along &= ~rows["scenario"].str.endswith("under quantization")
    rows = rows[along | rows["claim"].str.startswith("quantization-differs")]
    rows = rows[rows["scope"] == "cell"]
    return table(rows.assign(supported=rows["verdict"] == "supported"), ["claim", "scenario"], "supported")


def written(results: dict[str, list[tuple[Setting, pd.DataFrame]]]) -> str:
    """All tables, as Markdown."""
    false, covered, found, tasks = (results[part] for part in PARTS)
    kinds = ["scope", "claim", "spread"]
    sections = {
        "False claims, single rows": false and false_claims(false, "cell"),
        "False claims, primary rows (after Holm)": false and false_claims(false, "primary"),
        "Any false primary claim": false and any_false(false),
        "Coverage under nulls": false and coverage(false, ["scope", "claim"]),
        "Coverage": covered and coverage(covered, kinds),
        "Power": found and power(found),
        "Tasks that differ for other reasons: how often the axis claims are supported": tasks
        and power(tasks),
    }
    return "\n\n".join(f"## {title}\n\n{content}" for title, content in sections.items() if content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--only", default="", help="measure the settings whose name holds this text")
    arguments = parser.parse_args()
    arguments.raw.mkdir(parents=True, exist_ok=True)
    results: dict[str, list] = {part: [] for part in PARTS}
    for setting in settings(arguments.studies):
        path = arguments.raw / f"{setting.name}.parquet"
        if not path.exists() and arguments.only in setting.name:
            measure(setting).to_parquet(path)
        if path.exists():
            results[setting.part].append((setting, pd.read_parquet(path)))
    page = ROOT / "docs/claims-machinery.md"
    page.write_text(PAGE.format(margin=MARGIN) + written(results) + "\n")


if __name__ == "__main__":
    main()
