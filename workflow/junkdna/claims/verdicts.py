"""From an effect and its interval to a verdict and a sentence that a reader can quote."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from junkdna.claims.caveats import points
from junkdna.tables.families import MIN_SEEDS

QUESTIONS = {
    "monotone": "More sparsity, less performance",
    "harder-falls-further": "Harder tasks fall further",
    "difficulty-order": "The fall follows the order of difficulty",
    "interaction": "Harder tasks fall faster with sparsity",
    "irreversible": "Training does not bring it back",
    "small-weights": "The small weights carry it",
    "quantization-differs": "Not so for quantization",
    "quantization-differs-bytes": "Not so for quantization of as many bytes",
    "fails-earlier": "Harder tasks fail to train earlier",
    "more-than-margin": "Harder tasks lose more than their margins foretell",
    "asked-or-written": "What is written is lost before what is chosen",
}
VERDICTS = ("supported", "refuted", "undecided", "too few seeds", "not measured")
# What a corrected p may be at most for an effect to be supported: Holm's over the claims as a whole, Benjamini and
# Hochberg's over the others.
LEVEL = 0.05


def verdict(
    effect: float,
    low: float,
    high: float,
    *,
    margin: float,
    n_seeds: int,
    p: float = np.nan,
    corrected: float = np.nan,
    seeds_needed: float = np.nan,
    seeded: bool = True,
) -> str:
    """Judge an effect (positive speaks for the claim) by its interval.

    `supported`: the whole interval lies above the margin, `p` (of all estimates that must agree, where there are
    several) is at most 0.025, and it survives the correction for the number of rows: `corrected` is at most 0.05.
    `refuted`: the interval lies below, so the effect is smaller than what was declared to matter, or points the
    other way. `undecided`: the margin is inside. `too few seeds`: fewer than three, or undecided where more would
    do (`seeds_needed` is more than there are). `not measured`: no effect. seeded: whether the seed decides anything
    in its runs; where it does not, one is enough.
    """
    if np.isnan([effect, low, high]).any():
        return "not measured"
    if n_seeds < MIN_SEEDS and seeded:
        return "too few seeds"
    if low > margin and not p > LEVEL / 2 and not corrected > LEVEL:
        return "supported"
    if high < margin:
        return "refuted"
    return "too few seeds" if seeded and seeds_needed > n_seeds else "undecided"


def with_failed(claims: pd.DataFrame, other: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Add to rows of effects what they would be if failed runs had kept nothing (rows of `other`).

    A claim as a whole is found by its name, a single row by what it is about.
    """
    of_other = {_about(row): row for row in other.to_dict("records")}
    names = {"effect": "with_failed", "low": "with_failed_low", "high": "with_failed_high"}
    added = []
    for row in claims.to_dict("records"):
        twin = of_other.get(_about(row))
        new = dict.fromkeys(names.values(), np.nan) | {"with_failed_verdict": "not measured"}
        if twin is not None:
            new = {name: twin[old] for old, name in names.items()}
            new["with_failed_verdict"] = _verdict_of(twin, margin)
        added.append(new)
    return pd.concat([claims, pd.DataFrame(added, index=claims.index)], axis=1)


def _about(row: Mapping[str, Any]) -> tuple[Any, ...]:
    if row["scope"] == "primary":
        return row["scope"], row["claim"]
    level = None if pd.isna(row["level"]) else row["level"]
    return (
        row["scope"],
        row["claim"],
        *(row[key] for key in ("checkpoint", "recipes", "subject", "regime")),
        level,
    )


def _verdict_of(row: Mapping[str, Any], margin: float) -> str:
    return verdict(
        row["effect"],
        row["low"],
        row["high"],
        margin=margin,
        n_seeds=row["n_seeds"],
        p=row["p"],
        corrected=corrected_p(row),
        seeds_needed=row["seeds_needed"],
        seeded=row["regime"] != "zero-shot",
    )


def judge(claims: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Add `margin`, `verdict` and `sentence` to rows of effects (see `claims_table`).

    Each row's `words` have a place for the effect; its `caveat` is a sentence or empty; `examples_short` says that
    more seeds would not do but more test examples would.
    """
    rows = claims.to_dict("records")
    judged = claims.drop(columns=["words", "caveat", "examples_short"])
    judged["margin"] = margin
    judged["verdict"] = [_verdict_of(row, margin) for row in rows]
    judged["sentence"] = [
        _sentence(row, margin, decided) for row, decided in zip(rows, judged["verdict"], strict=True)
    ]
    return judged


def corrected_p(row: Mapping[str, Any]) -> float:
    """The p that a row is judged by: corrected over the rows of its scope."""
    return row["p_holm"] if row["scope"] == "primary" else row["p_bh"]


def summarise(claims: pd.DataFrame) -> list[dict[str, Any]]:
    """Count the verdicts of each claim, in one row with claim, regime, question, verdict, counts, sentence.

    claims: from `claims_table`. verdict: of the claim as a whole, where it was judged; else the one that all single
    rows share, or `mixed`. counts: of the single rows. primary: the sentence of the claim as a whole, or empty.
    """
    out = []
    for claim, question in QUESTIONS.items():
        for regime, group in claims[claims["claim"] == claim].groupby("regime", sort=False):
            whole = group[group["scope"] == "primary"]
            single = group[group["scope"] == "cell"]
            counted = single["verdict"].value_counts()
            parts = [f"{name} in {counted[name]}" for name in VERDICTS if name in counted]
            parts[0] += f" of {len(single)}"
            known = single["effect"].dropna()
            effects = ""
            if len(known) > 1:
                effects = f"; effects from {points(known.min())} to {points(known.max())} points"
            named = f"{question} ({regime})" if claim == "irreversible" else question
            shared = counted.index[0] if len(counted) == 1 else "mixed"
            out.append(
                {
                    "claim": claim,
                    "regime": regime,
                    "question": named,
                    "verdict": whole["verdict"].iloc[0] if len(whole) else shared,
                    "counts": {name: int(counted.get(name, 0)) for name in VERDICTS},
                    "primary": whole["sentence"].iloc[0] if len(whole) else "",
                    "sentence": f"{named}: {', '.join(parts)}{effects}.",
                }
            )
    return out


def _sentence(row: dict[str, Any], margin: float, decided: str) -> str:
    who = f"{row['checkpoint']}, {row['recipes']}"
    if decided == "not measured":
        asked = f"{QUESTIONS[row['claim']]}, {row['subject']}"
        why = "" if row["n_runs"] else ", no run is usable"
        return f"{asked}: not measured{why} ({who}).{row['caveat']}{_if_failed(row)}"
    effect = _interval(row["effect"], row["low"], row["high"])
    behind = [
        f"margin {points(margin)}",
        f"corrected p {_p(corrected_p(row))}",
        _counted(row["n_seeds"], "seed"),
        _counted(row["n_runs"], "run"),
        who,
    ]
    return (
        f"{row['words'].format(effect=effect)}: {decided}{_what_would_do(row, margin, decided)} "
        f"({'; '.join(behind)}).{row['caveat']}{_if_failed(row)}"
    )


def _if_failed(row: Mapping[str, Any]) -> str:
    """What the verdict would be if failed runs had kept nothing; empty where none failed."""
    if not row["n_failed"]:
        return ""
    start = f" If the {_counted(row['n_failed'], 'run')} that failed had kept nothing"
    if row["with_failed_verdict"] == "not measured":
        return f"{start}: not measured."
    found = _interval(row["with_failed"], row["with_failed_low"], row["with_failed_high"])
    return f"{start}: {found}, {row['with_failed_verdict']}."


def _interval(value: float, low: float, high: float) -> str:
    return f"{points(value)} [{points(low)}, {points(high)}]"


def _what_would_do(row: dict[str, Any], margin: float, decided: str) -> str:
    if decided == "too few seeds":
        needed = row["seeds_needed"]
        if np.isnan(needed) or needed <= row["n_seeds"]:
            return f" for this claim, at least {MIN_SEEDS} are needed"
        return f" for this claim, {needed:.0f} would do"
    if decided == "undecided" and row["examples_short"]:
        return ", for which more test examples are needed rather than more seeds"
    if decided == "undecided" and row["low"] > margin:
        return ", its corrected p is not small enough"
    return ""


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.2g}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def verdict_text(claims: pd.DataFrame, page: str) -> str:
    """The verdicts for a terminal: a line a claim, a table of all, and where the report is."""
    lines = [f"{row['verdict']:>13}  {row['primary'] or row['sentence']}" for row in summarise(claims)]
    columns = ["scope", "claim", "subject", "recipes", "level", "regime", "effect", "low", "high", "verdict"]
    table = claims[columns].copy()
    for name in ("effect", "low", "high"):
        table[name] = [points(value) if pd.notna(value) else "" for value in table[name]]
    table["level"] = [f"{value:g}" if pd.notna(value) else "" for value in table["level"]]
    note = "Effects in points of chance-corrected retention, positive for the claim, with 95 % intervals."
    return "\n".join([table.to_string(index=False), "", note, *lines, f"report: {page}", ""])
