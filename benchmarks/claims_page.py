"""The page of `benchmarks/claims.py`: rates with their intervals, as Markdown tables, from what was counted."""

from collections.abc import Sequence

import pandas as pd
from claims_settings import MARGIN, Setting
from scipy import stats

from junkdna.simulation.asked import MANY

# One row a rate: the setting's name, what was counted, the share of rows in which it was so, and of how many studies.
COUNTED = ["setting", "scope", "claim", "measure", "share", "rows", "studies"]
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

A run that keeps next to nothing of its task cannot be told from one that failed to train, so where a curve comes near
its floor the highest levels leave the claims. The truth that an interval has to hold is that over the levels which a
study could use. What was left out, and what the effect would be if those runs had kept nothing, stands in each
sentence. `fails-earlier` counts seeds, not runs, and so is too wide rather than too narrow.

Models that are asked have one run where nothing is drawn, and an interval from the questions alone. Under noise of one
size every option's score moves by the same normal (or heavy-tailed) noise; the hard task loses more, for its margins
are smaller, and nothing beyond them: `more-than-margin` is 0. Where the hard task is hit harder, the truth is what the
estimator says of {many:,} questions. `asked-or-written`: the same questions, chosen of four by one who guesses where he
does not know, and written.

"""


def counts(setting: Setting, rows: pd.DataFrame) -> pd.DataFrame:
    """What is counted of a setting, from its estimates (one row an estimate and study): COUNTED."""
    found = []

    def count(chosen: pd.DataFrame, what: str, hits: pd.Series, claim: str = "") -> None:
        for (scope, each), at in chosen.groupby(["scope", "claim"], sort=False).groups.items():
            share, studies = float(hits.loc[at].mean()), chosen.loc[at, "study"].nunique()
            found.append((setting.name, scope, claim or each, what, share, len(at), studies))

    count(rows, "supported", rows["verdict"] == "supported")
    judged = ~rows["verdict"].isin(["not measured", "too few seeds"])
    count(rows[rows["verdict"].notna()], "judged", judged)
    above = rows[rows["truth"] > MARGIN]
    count(above, "refuted", above["verdict"] == "refuted")
    # Where nothing trains one run is enough.
    few = (rows["n_seeds"] < 3) & (rows["regime"] != "zero-shot")
    known = rows[rows[["truth", "low", "high"]].notna().all(axis=1) & ~few]
    count(known, "held", known["truth"].between(known["low"], known["high"]))
    first = rows[(rows["scope"] == "primary") & rows["claim"].isin(setting.scenario.nulls)]
    if len(first):
        one = first.assign(hit=first["verdict"] == "supported").groupby("study", as_index=False)["hit"].any()
        one = one.assign(scope="primary", claim="any")
        count(one, "supported", one["hit"])
    return pd.DataFrame(found, columns=COUNTED)


def page(settings: Sequence[Setting], counted: pd.DataFrame) -> str:
    """All tables; counted: what was counted of the settings that were measured."""
    rows = gathered(settings, counted)
    one_of = {
        part: rows[rows["part"] == part] for part in ("hard", "false", "coverage", "power", "tasks", "asked")
    }
    hard, false, covered, found, tasks, asked = one_of.values()
    sections = {
        "What is beyond the limits": beyond(rows[rows["part"] != "tasks"]),
        "Hard to judge: false claims, single rows": hardships(hard, "supported", "cell"),
        "Hard to judge: false claims, primary rows (after Holm)": hardships(hard, "supported", "primary"),
        "Hard to judge: studies with a verdict": hardships(hard, "judged", "cell"),
        "Hard to judge: coverage": coverage_of_hardships(hard),
        "Hard to judge: refuted, though true": wrongly_refuted(hard),
        "False claims, single rows": false_claims(false, "cell"),
        "False claims, primary rows (after Holm)": false_claims(false, "primary"),
        "Any false primary claim": any_false(false),
        "Coverage under nulls": table(false[false["measure"] == "held"], ["scope", "claim"]),
        "Coverage": table(covered[covered["measure"] == "held"], ["scope", "claim", "spread"]),
        "Power": power(found),
        "Tasks that differ for other reasons: how often the axis claims are supported": power(tasks),
        "Models that are asked, 400 questions": of_questions(asked),
    }
    written = "\n\n".join(f"## {title}\n\n{content}" for title, content in sections.items() if content)
    return PAGE.format(margin=MARGIN, many=MANY) + written + "\n"


def gathered(settings: Sequence[Setting], counted: pd.DataFrame) -> pd.DataFrame:
    """The counted rates in the order of the settings, with what the tables go by."""
    told = pd.DataFrame(
        {
            "setting": each.name,
            "part": each.part,
            "scenario": each.null,
            "hardship": each.hardship,
            "seeds": each.seeds,
            "runs": each.runs,
            "spread": each.spread,
            "exact": bool(each.scenario.exact),
            "nulls": each.scenario.nulls,
        }
        for each in settings
    )
    rows = told.merge(counted, on="setting")
    pairs = zip(rows["claim"], rows["nulls"], strict=True)
    return rows.assign(null=[claim == "any" or claim in nulls for claim, nulls in pairs])


def interval(share: float, studies: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share, where studies are what is counted."""
    low, high = stats.binomtest(round(share * studies), studies).proportion_ci(method="wilson")
    return low, high


def rate(group: pd.DataFrame) -> str:
    """The share of a group of counted rates in percent with its interval."""
    share = float((group["share"] * group["rows"]).sum() / group["rows"].sum())
    low, high = interval(share, int(group["studies"].max()))
    return f"{100 * share:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def table(rows: pd.DataFrame, down: list[str], across: str = "runs") -> str:
    """Rates as Markdown: a line for each combination of `down`, a column for each value of `across`."""
    if rows.empty:
        return ""
    cells: dict[tuple, dict] = {}
    numbers: dict[tuple, int] = {}
    for (*line, column), group in rows.groupby([*down, across], sort=False):
        cells.setdefault(tuple(line), {})[column] = rate(group)
        most = int(group["studies"].max())
        numbers[tuple(line)] = min(most, numbers.get(tuple(line), most))
    columns = list(dict.fromkeys(rows[across]))
    lines = [
        f"| {' | '.join([*down, *columns])} | n |",
        "|" + " --- |" * len(down) + " ---: |" * (1 + len(columns)),
    ]
    ordered = sorted(cells.items(), key=lambda item: item[0]) if across == "runs" else cells.items()
    for line, found in ordered:
        listed = [*map(str, line), *(found.get(column, "") for column in columns), f"{numbers[line]}"]
        lines.append(f"| {' | '.join(listed)} |")
    return "\n".join(lines)


def hardships(rows: pd.DataFrame, measure: str, scope: str) -> str:
    """A line a scenario and number of seeds, a column a claim: rates of false claims or of verdicts."""
    chosen = rows[rows["null"] & (rows["scope"] == scope) & (rows["measure"] == measure)]
    return table(chosen[chosen["claim"] != "any"], ["hardship", "seeds"], across="claim")


def coverage_of_hardships(rows: pd.DataFrame) -> str:
    """A line a scenario and number of seeds, a column a claim: how often intervals hold the truth."""
    chosen = rows[(rows["measure"] == "held") & (rows["scope"] != "primary")]
    return table(chosen, ["hardship", "seeds"], across="claim")


def wrongly_refuted(rows: pd.DataFrame) -> str:
    """How often a claim is refuted whose stated effect is above the margin."""
    chosen = rows[rows["exact"] & ~rows["null"] & (rows["measure"] == "refuted") & (rows["scope"] == "cell")]
    return table(chosen[chosen["claim"] == "quantization-differs"], ["hardship"])


def beyond(rows: pd.DataFrame) -> str:
    """The rates whose interval lies outside the limits, a line each, and where intervals are too wide."""
    kinds: dict[str, list[str]] = {"false claims": [], "coverage": [], "over-coverage": []}
    for row in rows[rows["claim"] != "any"].to_dict("records"):
        low, high = interval(row["share"], row["studies"])
        kind = ""
        if row["measure"] == "supported" and row["null"] and low > FALSE:
            kind = "false claims"
        elif row["measure"] == "held":
            kind = "coverage" if high < HELD else "over-coverage" if low > MUCH else ""
        if kind:
            where = f"{row['hardship']}, {row['seeds']} seeds" + row["runs"].partition(" seeds")[2]
            told = [kind, row["scope"], row["claim"], where, f"{100 * row['share']:.1f}", f"{row['studies']}"]
            kinds[kind].append(f"| {' | '.join(told)} |")
    lines = [line for of_kind in kinds.values() for line in of_kind]
    limits = (
        f"False claims whose interval lies above {FALSE:.0%}, coverage below {HELD:.0%}, "
        f"and intervals that hold the truth more often than {MUCH:.0%}."
    )
    head = ["| what | scope | claim | where | rate | n |", "| --- | --- | --- | --- | ---: | ---: |"]
    return "\n".join([limits, "", *(head + lines if lines else ["None."])])


def false_claims(rows: pd.DataFrame, scope: str) -> str:
    """How often a claim is supported under its nulls; a claim that was not judged was not false."""
    chosen = rows[rows["null"] & (rows["scope"] == scope) & (rows["measure"] == "supported")]
    return table(chosen[chosen["claim"] != "any"], ["claim", "scenario"])


def any_false(rows: pd.DataFrame) -> str:
    """In what share of studies any primary claim is supported where all are null."""
    return table(rows[(rows["claim"] == "any") & rows["scenario"].str.startswith("nothing")], ["scenario"])


def power(rows: pd.DataFrame) -> str:
    """How often the claims are supported whose effect grows with what a scenario plants."""
    along = rows["claim"].isin(["harder-falls-further", "difficulty-order", "interaction"])
    # Where quantized runs are there too, they are no curves of pruning.
    along &= ~rows["scenario"].str.contains("quantization|pruning|fails")
    along |= (rows["claim"] == "fails-earlier") & rows["scenario"].str.contains("fails")
    chosen = rows[along | rows["claim"].str.startswith("quantization-differs")]
    chosen = chosen[(chosen["scope"] == "cell") & (chosen["measure"] == "supported")]
    return table(chosen, ["claim", "scenario"])


def of_questions(rows: pd.DataFrame) -> str:
    """A line a claim and scenario, a column a measure: how often supported, decided at all, and the truth held."""
    words = {
        "supported": "supported",
        "refuted": "refuted, though true",
        "judged": "measured",
        "held": "coverage",
    }
    chosen = rows[rows["measure"].isin(list(words)) & (rows["scope"] == "cell")]
    chosen = chosen.assign(measure=chosen["measure"].map(words))
    return table(chosen, ["claim", "scenario", "seeds"], across="measure")
