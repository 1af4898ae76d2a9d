"""From an effect and its interval to a verdict and a sentence that a reader can quote."""

import numpy as np
import pandas as pd

MIN_SEEDS = 3
QUESTIONS = {
    "monotone": "More sparsity, less performance",
    "harder-falls-further": "Harder tasks fall further",
    "difficulty-order": "The fall follows the order of difficulty",
    "irreversible": "Training does not bring it back",
    "small-weights": "The small weights carry it",
}
VERDICTS = ("supported", "refuted", "undecided", "too few seeds", "not measured")


def verdict(effect: float, low: float, high: float, *, margin: float, n_seeds: int) -> str:
    """Judge an effect (positive speaks for the claim) by its interval.

    `supported`: the whole interval lies above the margin. `refuted`: it lies below, so the effect is smaller
    than what was declared to matter, or points the other way. `undecided`: the margin is inside.
    `too few seeds`: fewer than three. `not measured`: no effect.
    """
    if np.isnan([effect, low, high]).any():
        return "not measured"
    if n_seeds < MIN_SEEDS:
        return "too few seeds"
    if low > margin:
        return "supported"
    return "refuted" if high < margin else "undecided"


def judge(claims: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Add `margin`, `verdict` and `sentence` to rows of effects (see `claims_table`).

    Each row's `words` have a place for the effect; its `caveat` is a sentence or empty.
    """
    rows = claims.to_dict("records")
    judged = claims.drop(columns=["words", "caveat"])
    judged["margin"] = margin
    judged["verdict"] = [
        verdict(row["effect"], row["low"], row["high"], margin=margin, n_seeds=row["n_seeds"]) for row in rows
    ]
    judged["sentence"] = [
        _sentence(row, margin, decided) for row, decided in zip(rows, judged["verdict"], strict=True)
    ]
    return judged


def summarise(claims: pd.DataFrame) -> list[dict]:
    """Count the verdicts of each claim, in one row with claim, regime, question, verdict, counts, sentence.

    claims: from `claims_table`. verdict: the one that all rows share, else `mixed`.
    """
    out = []
    for claim, question in QUESTIONS.items():
        for regime, group in claims[claims["claim"] == claim].groupby("regime", sort=False):
            counted = group["verdict"].value_counts()
            parts = [f"{name} in {counted[name]}" for name in VERDICTS if name in counted]
            parts[0] += f" of {len(group)}"
            known = group["effect"].dropna()
            effects = ""
            if len(known) > 1:
                effects = f"; effects from {points(known.min())} to {points(known.max())} points"
            named = f"{question} ({regime})" if claim == "irreversible" else question
            out.append(
                {
                    "claim": claim,
                    "regime": regime,
                    "question": named,
                    "verdict": counted.index[0] if len(counted) == 1 else "mixed",
                    "counts": {name: int(counted.get(name, 0)) for name in VERDICTS},
                    "sentence": f"{named}: {', '.join(parts)}{effects}.",
                }
            )
    return out


def points(value: float) -> str:
    """A retention (1 = dense) in points, one decimal, with a proper minus sign."""
    return f"{100 * value:z.1f}".replace("-", "\N{MINUS SIGN}")


def _sentence(row: dict, margin: float, decided: str) -> str:
    who = f"{row['checkpoint']}, {row['recipes']}"
    if decided == "not measured":
        asked = f"{QUESTIONS[row['claim']]}, {row['subject']}"
        return f"{asked}: not measured, no run is usable ({who}).{row['caveat']}"
    effect = f"{points(row['effect'])} [{points(row['low'])}, {points(row['high'])}]"
    behind = (
        f"{row['n_seeds']} seed{'s' * (row['n_seeds'] != 1)}, {row['n_runs']} run{'s' * (row['n_runs'] != 1)}"
    )
    return (
        f"{row['words'].format(effect=effect)}: {decided} "
        f"(margin {points(margin)}; {who}; {behind}).{row['caveat']}"
    )


def verdict_text(claims: pd.DataFrame, page: str) -> str:
    """The verdicts for a terminal: a line a claim, a table of all, and where the report is."""
    lines = [f"{row['verdict']:>13}  {row['sentence']}" for row in summarise(claims)]
    columns = ["claim", "subject", "recipes", "level", "regime", "effect", "low", "high", "verdict"]
    table = claims[columns].copy()
    for name in ("effect", "low", "high"):
        table[name] = [points(value) if pd.notna(value) else "" for value in table[name]]
    table["level"] = [f"{value:g}" if pd.notna(value) else "" for value in table["level"]]
    note = "Effects in points of chance-corrected retention, positive for the claim, with 95 % intervals."
    return "\n".join([table.to_string(index=False), "", note, *lines, f"report: {page}", ""])
