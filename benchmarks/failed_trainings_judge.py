"""What `failed_trainings.py` knows of each run apart from the rule, and what the rule says of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from junkdna.files.artifacts import METADATA_KEY, read_table
from junkdna.statistics.bootstrap import distinct_weights
from junkdna.statistics.metrics import score
from junkdna.tables.outcomes import p_agreement, p_losses, training_outcomes

# Resamples of the test examples; other orders of their labels; standard errors of a run that learnt.
DRAWS, ORDERS, LEARNT = 1000, 20, 5
NOTHING, BETWEEN, DID = "nothing to learn", "between", "learnt"
AMONG_GOOD, AMONG_WEAK = "shuffled, among learnt", "shuffled, among weak"
# Of the studies' tasks, by the beginning of the name: format and metric; else two classes and accuracy.
STUDIED = {
    "cola": ("classification", "mcc"),
    "stsb": ("regression", "pearson"),
    "sst2": ("classification", "accuracy"),
}


def cells(raw: Path, studies: list[Path]) -> Iterator[list[tuple[dict, pd.DataFrame]]]:
    """What is known of each run and what it predicted, the runs of a cell together."""
    found: dict[str, list] = {}
    for path in sorted(raw.glob("*_*.parquet")):
        table = read_table(path)
        found.setdefault(path.stem.rsplit("_", 1)[0], []).append(
            ({**table.attrs[METADATA_KEY], "name": path.stem}, table)
        )
    for path in sorted(file for study in studies for file in study.rglob("predictions.parquet")):
        if not (path.parent / "metrics.parquet").exists():
            continue
        facts = read_table(path.parent / "metrics.parquet").iloc[0].to_dict()
        form, metric = STUDIED.get(facts["task"].split("-")[0], ("pair", "accuracy"))
        told = {"model": "MiniLM, glue-small", "permuted": False, "format": form, "metric": metric}
        told["name"] = f"{facts['recipe']} {facts['task']} {facts['regime']} seed {facts['seed']}"
        found.setdefault(str(path.parent.parent), []).append(({**facts, **told}, read_table(path)))
    yield from found.values()


def judge(cell: list[tuple[dict, pd.DataFrame]]) -> list[dict]:
    """A row of the table of runs for each run of a cell. alone: what it would be without the others."""
    told, table = cell[0]
    form, target = told["format"], table["target"].to_numpy(dtype=float)
    assert all(np.array_equal(one["target"], target) for _, one in cell), told["name"]
    options = table["scores"].map(len).to_numpy() if form == "choice" else None
    said, losses = (
        np.stack([one[part].to_numpy(dtype=float) for _, one in cell]) for part in ("prediction", "loss")
    )
    outcomes = training_outcomes(form, target, said, losses, options)
    rows = []
    for place, (told, _) in enumerate(cell):
        own, lost = said[[place]], losses[[place]]
        finite = np.isfinite(own).all() and np.isfinite(lost).all() and not told["diverged"]
        above, error = excess(told, target, own[0], options) if finite else (0.0, 1.0)
        # Without error: all right in every resample.
        errors = above / error if error else np.inf if above > 0 else 0.0
        rows.append(
            {
                "name": told["name"],
                "model": {"toy": "toy encoder", "minilm": "MiniLM"}.get(told["model"], told["model"]),
                "kind": kind_of(form, target),
                "truth": NOTHING if told["permuted"] else DID if errors >= LEARNT else BETWEEN,
                "errors": errors,
                "outcome": outcomes[place],
                "passed": outcomes[place] == "trained",
                "alone": training_outcomes(form, target, own, lost, options)[0] == "trained",
                "before": bool(finite and passed_before(told, target, own[0], options)),
                "agreement": p_agreement(form, target, own) if finite else 1.0,
                "losses": p_losses(form, target, lost, options) if finite else 1.0,
                "cell": len(cell),
            }
        )
    return rows


def shuffled_among_others(cell: list[tuple[dict, pd.DataFrame]]) -> list[dict]:
    """Judge each run of a cell of three or more once its answers are shuffled over the examples.

    What it says is then worth nothing, as when one of several trainings fails, while the others stay as they are.
    """
    if len(cell) < 3 or cell[0][0]["permuted"]:
        return []
    shuffled, rng = [], np.random.default_rng(0)
    for place, (told, table) in enumerate(cell):
        others = [*cell[:place], *cell[place + 1 :]]
        changed = (
            {**told, "name": f"{told['name']}, shuffled"},
            in_other_order(told, table, rng.permutation(len(table))),
        )
        first, *rest = judge([changed, *others])
        if any(row["passed"] for row in rest):
            all_learnt = all(row["truth"] == DID for row in rest)
            shuffled.append({**first, "truth": AMONG_GOOD if all_learnt else AMONG_WEAK})
    return shuffled


def ordered_anew(cell: list[tuple[dict, pd.DataFrame]]) -> list[bool]:
    """Whether runs with nothing to learn pass, for other orders of the test examples' labels, the same for a cell."""
    told, table = cell[0]
    if not told["permuted"]:
        return []
    target, rng, passed = table["target"].to_numpy(dtype=float), np.random.default_rng(0), []
    options = table["scores"].map(len).to_numpy() if told["format"] == "choice" else None
    for _ in range(ORDERS):
        order = rng.permutation(len(table))
        parts = [in_other_order(told, one, order) for _, one in cell]
        said, losses = (
            np.stack([one[part].to_numpy(dtype=float) for one in parts]) for part in ("prediction", "loss")
        )
        passed += list(training_outcomes(told["format"], target, said, losses, options) == "trained")
    return passed


def in_other_order(told: dict, table: pd.DataFrame, order: np.ndarray) -> pd.DataFrame:
    """The same answers to the examples in another order, and what they lose there."""
    scores, target = table["scores"].to_numpy()[order], table["target"].to_numpy(dtype=float)
    if told["format"] == "regression":
        loss = (np.array([one[0] for one in scores]) - target) ** 2
    else:
        assert table["scores"].map(len).nunique() == 1, "an answer must fit every example"
        loss = -np.array([one[int(label)] for one, label in zip(scores, target, strict=True)])
    return table.assign(prediction=table["prediction"].to_numpy()[order], loss=loss, scores=scores)


def excess(told: dict, target: np.ndarray, prediction: np.ndarray, options) -> tuple[float, float]:
    """By how much a run beats the predictor that has seen only the labels, and the standard error of that."""
    n, metric = len(target), told["metric"]
    weights = np.concatenate(list(distinct_weights(np.arange(n), DRAWS, 0))).astype(float)
    if metric not in ("accuracy", "f1"):
        only_labels = 0.0
    elif options is not None:
        only_labels = (weights @ (1 / options)) / n
    else:
        values, count = np.unique(target, return_counts=True)
        common = told.get("commonest", values[count.argmax()])
        only_labels = score(metric, target, np.full(n, 1.0 if metric == "f1" else common), weights)
    above = score(metric, target, prediction, weights) - only_labels
    return float(above[0]), float(above[1:].std(ddof=1))


def passed_before(told: dict, target: np.ndarray, prediction: np.ndarray, options) -> bool:
    """What the rule before this one said: above a band around chance, or a training loss 5 % below the entropy."""
    n, metric = len(target), told["metric"]
    share = np.unique(target, return_counts=True)[1].max() / n
    if options is not None:
        share = max(share, np.mean(1 / options))
    high = stats.binom.ppf(0.995, n, np.mean(target == 1) if metric == "f1" else share) / n
    if metric == "f1":
        high = 2 * high / (1 + high)
    elif metric != "accuracy":
        high = stats.norm.ppf(0.995) / np.sqrt(n)
    return bool(
        score(metric, target, prediction)[0] > high or told["min_loss"] < 0.95 * told["prior_entropy"]
    )


def kind_of(form: str, target: np.ndarray) -> str:
    """Format of the task, of classes also how many and how they are shared out."""
    if form in ("choice", "regression"):
        return {"choice": "multiple choice"}.get(form, form)
    count = np.unique(target, return_counts=True)[1]
    share = count.max() / len(target)
    classes = {2: "two", 3: "three"}[len(count)]
    shares = "even" if share < 1.2 / len(count) else "most in one" if share > 0.8 else "uneven"
    return f"{'pair' if form == 'pair' else 'text'}, {classes} classes, {shares}"
