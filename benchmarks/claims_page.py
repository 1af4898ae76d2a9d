"""The page of `benchmarks/claims.py`: rates with their intervals, as Markdown tables."""

from collections.abc import Sequence

import pandas as pd
from claims_settings import MARGIN, Setting
from scipy import stats

Results = Sequence[tuple[Setting, pd.DataFrame]]
# What a rate of false claims may be at most, and of intervals that hold the truth at least; above MUCH they are wide.
FALSE, HELD, MUCH = 0.05, 0.93, 0.99

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
`loud` 0.06 and 0.08; `skewed` as usual with a long tail downwards; `heavy` as usual, from Student's t with 3 degrees
of freedom; `paired`: the noise of a dense run is in its compressed runs too (elsewhere each has its own).

Where intervals hold the truth too seldom: a run that keeps next to nothing of its task cannot be told from one that
failed to train, so where a curve comes near its floor the highest levels leave the claims. The slopes (`monotone`,
`interaction`) and the means over levels are then those of fewer levels than the truth here is computed over. What was
left out, and what the effect would be if those runs had kept nothing, stands in each sentence. `fails-earlier` counts
seeds, not runs, and so is too wide rather than too narrow.

"""


def page(results: Results) -> str:
    """All tables; results: the settings that were measured, with one row an estimate and study."""
    parts: dict[str, list] = {part: [] for part in ("hard", "false", "coverage", "power", "tasks")}
    for setting, rows in results:
        parts[setting.part].append((setting, rows))
    hard, false, covered, found, tasks = parts.values()
    kinds = ["scope", "claim", "spread"]
    sections = {
        "What is beyond the limits": results and beyond(results),
        "Hard to judge: false claims, single rows": hard and hardships(hard, "false", "cell"),
        "Hard to judge: false claims, primary rows (after Holm)": hard
        and hardships(hard, "false", "primary"),
        "Hard to judge: studies with a verdict": hard and hardships(hard, "judged", "cell"),
        "Hard to judge: coverage": hard and hardships(hard, "held", "cell"),
        "Hard to judge: refuted, though true": hard and wrongly_refuted(hard),
        "False claims, single rows": false and false_claims(false, "cell"),
        "False claims, primary rows (after Holm)": false and false_claims(false, "primary"),
        "Any false primary claim": false and any_false(false),
        "Coverage under nulls": false and coverage(false, ["scope", "claim"]),
        "Coverage": covered and coverage(covered, kinds),
        "Power": found and power(found),
        "Tasks that differ for other reasons: how often the axis claims are supported": tasks
        and power(tasks),
    }
    written = "\n\n".join(f"## {title}\n\n{content}" for title, content in sections.items() if content)
    return PAGE.format(margin=MARGIN) + written + "\n"


def wilson(hits: pd.Series, study: pd.Series) -> tuple[float, float, float, int]:
    """Share of hits with its 95 % Wilson interval, where studies are what is counted, and their number."""
    share, n = float(hits.mean()), study.nunique()
    low, high = stats.binomtest(round(share * n), n).proportion_ci(method="wilson")
    return share, low, high, n


def rate(hits: pd.Series, study: pd.Series) -> str:
    """Share of hits in percent with its interval."""
    share, low, high, _ = wilson(hits, study)
    return f"{100 * share:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def table(rows: pd.DataFrame, down: list[str], value: str, across: str = "runs") -> str:
    """Rates as Markdown: a line for each combination of `down`, a column for each value of `across`."""
    cells: dict[tuple, dict] = {}
    for (*line, column), group in rows.groupby([*down, across], sort=False):
        cells.setdefault(tuple(line), {})[column] = rate(group[value], group["study"])
    columns = list(dict.fromkeys(rows[across]))
    lines = [
        f"| {' | '.join([*down, *columns])} | n |",
        "|" + " --- |" * len(down) + " ---: |" * (1 + len(columns)),
    ]
    numbers = rows.groupby([*down, across])["study"].nunique().groupby(down).min()
    ordered = sorted(cells.items(), key=lambda item: item[0]) if across == "runs" else cells.items()
    for line, found in ordered:
        fewest = numbers.loc[line if len(line) > 1 else line[0]]
        listed = [*map(str, line), *(found.get(column, "") for column in columns), f"{fewest}"]
        lines.append(f"| {' | '.join(listed)} |")
    return "\n".join(lines)


def gathered(results: Results) -> pd.DataFrame:
    """The estimates of all settings, with what the tables go by."""
    parts = []
    for setting, rows in results:
        scenario = setting.scenario
        told = {"scenario": setting.null, "hardship": setting.hardship, "seeds": setting.seeds}
        told |= {"runs": setting.runs, "spread": setting.spread}
        parts.append(
            rows.assign(
                null=rows["claim"].isin(scenario.nulls),
                supported=rows["verdict"] == "supported",
                refuted=rows["verdict"] == "refuted",
                judged=~rows["verdict"].isin(["not measured", "too few seeds"]),
                **told,
            )
        )
    return pd.concat(parts, ignore_index=True)


def intervals(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose interval can hold the truth or not, with at least three seeds, and whether it does."""
    rows = rows[rows[["truth", "low", "high"]].notna().all(axis=1) & ~(rows["n_seeds"] < 3)]
    return rows.assign(held=rows["truth"].between(rows["low"], rows["high"]))


def hardships(results: Results, what: str, scope: str) -> str:
    """A line a scenario and number of seeds, a column a claim: rates of false claims, verdicts or coverage."""
    rows = gathered(results)
    if what == "held":
        rows = intervals(rows[rows["scope"] != "primary"])
    else:
        rows = rows[rows["null"] & (rows["scope"] == scope)]
    value = "supported" if what == "false" else what
    return table(rows, ["hardship", "seeds"], value, across="claim") if len(rows) else ""


def wrongly_refuted(results: Results) -> str:
    """How often a claim is refuted whose stated effect is above the margin."""
    stated = [(setting, rows) for setting, rows in results if setting.scenario.exact]
    if not stated:
        return ""
    rows = gathered(stated)
    rows = rows[~rows["null"] & rows["truth"].gt(MARGIN) & (rows["scope"] == "cell")]
    rows = rows[[claim == "quantization-differs" for claim in rows["claim"]]]
    return table(rows, ["hardship"], "refuted") if len(rows) else ""


def beyond(results: Results) -> str:
    """The rates whose interval lies outside the limits, a line each, and where intervals are too wide."""
    lines = []
    for setting, rows in results:
        if setting.part == "tasks":
            continue
        told = gathered([(setting, rows)])
        where = f"{setting.hardship}, {setting.seeds} seeds" + setting.runs.partition(" seeds")[2]
        for (scope, claim), group in told.groupby(["scope", "claim"], sort=False):
            if group["null"].all():
                share, low, _, n = wilson(group["supported"], group["study"])
                if low > FALSE:
                    lines.append(f"| false claims | {scope} | {claim} | {where} | {100 * share:.1f} | {n} |")
            held = intervals(group)
            if len(held):
                share, low, high, n = wilson(held["held"], held["study"])
                kind = "coverage" if high < HELD else "over-coverage" if low > MUCH else ""
                if kind:
                    lines.append(f"| {kind} | {scope} | {claim} | {where} | {100 * share:.1f} | {n} |")
    order = {"| false": 0, "| cover": 1, "| over-": 2}
    lines = sorted(lines, key=lambda line: order[line[:7]])
    limits = (
        f"False claims whose interval lies above {FALSE:.0%}, coverage below {HELD:.0%}, "
        f"and intervals that hold the truth more often than {MUCH:.0%}."
    )
    head = ["| what | scope | claim | where | rate | n |", "| --- | --- | --- | --- | ---: | ---: |"]
    return "\n".join([limits, "", *(head + lines if lines else ["None."])])


def false_claims(results: Results, scope: str) -> str:
    """How often a claim is supported under its nulls; a claim that was not judged was not false."""
    rows = gathered(results)
    return table(rows[rows["null"] & (rows["scope"] == scope)], ["claim", "scenario"], "supported")


def any_false(results: Results) -> str:
    """In what share of studies any primary claim is supported where all are null."""
    rows = gathered(results)
    rows = rows[rows["null"] & (rows["scope"] == "primary") & rows["scenario"].str.startswith("nothing")]
    studies = rows.groupby(["scenario", "runs", "study"], sort=False)["supported"].any().reset_index()
    return table(studies, ["scenario"], "supported") if len(studies) else ""


def coverage(results: Results, down: list[str]) -> str:
    """How often the 95 % intervals hold the truth."""
    return table(intervals(gathered(results)), down, "held")


def power(results: Results) -> str:
    """How often the claims are supported whose effect grows with what a scenario plants."""
    rows = gathered(results)
    along = rows["claim"].isin(["harder-falls-further", "difficulty-order", "interaction"])
    # Where quantized runs are there too, they are no curves of pruning.
    along &= ~rows["scenario"].str.contains("quantization|pruning|fails")
    along |= (rows["claim"] == "fails-earlier") & rows["scenario"].str.contains("fails")
    rows = rows[along | rows["claim"].str.startswith("quantization-differs")]
    return table(rows[rows["scope"] == "cell"], ["claim", "scenario"], "supported")
