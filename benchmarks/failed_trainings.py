"""Measure the rule for failed trainings on real trainings whose truth is known.

    OMP_NUM_THREADS=1 nice python benchmarks/failed_trainings.py --raw FOLDER [--minilm FOLDER --glue FOLDER]
        [--study FOLDER ...] [--only TEXT] [--judge]

Fine-tunes the toy encoder (pre-trained into FOLDER first) and, where its checkpoint is given, MiniLM on GLUE's texts:
on labels that have nothing to do with the text, and on the true ones, dense and compressed. Each run leaves a file in
FOLDER; one that is there is not made again, so the measurement can be interrupted. At the end all files there, and
the runs of finished studies (--study, a folder `results/runs`), are judged, and the tables go to
docs/failed-trainings.md; with --judge nothing is trained. A run of the toy encoder takes about 2 s of processor time,
one of MiniLM 20 s.

False alarm: a run that learnt and is not called trained. Learnt: its score is five standard errors (bootstrap over the
test examples) or more above that of the predictor that has seen only the labels: on the same resample, the commonest
training label, for multiple choice 1/k, for F1 always saying 1, for correlations 0. Miss: a run on permuted labels
that is called trained.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from failed_trainings_runs import all_runs, checkpoints, train_and_write
from scipy import stats

from junkdna.artifacts import METADATA_KEY, read_table, write_text
from junkdna.failures import LEVEL, OUTCOMES, p_agreement, p_losses, training_outcomes
from junkdna.metrics import score

PAGE = Path(__file__).parents[1] / "docs/failed-trainings.md"
DRAWS = 1000
COMMAND = "OMP_NUM_THREADS=1 python benchmarks/failed_trainings.py --raw R --minilm M --glue G --study S"
LEARNT = 5
# Columns of the table of runs: the rule, the rule without the other runs of the cell, the rule before this one.
RULES = {"passed": "wrong", "alone": "alone", "before": "before"}
NOTHING, BETWEEN, DID, MIXED = "nothing to learn", "between", "learnt", "shuffled"
# Of the studies' tasks, by the beginning of the name: format and metric; else two classes and accuracy.
STUDIED = {
    "cola": ("classification", "mcc"),
    "stsb": ("regression", "pearson"),
    "sst2": ("classification", "accuracy"),
}

PAGE_TEXT = """# What the rule for failed trainings is worth

Made by `benchmarks/failed_trainings.py`:

    {command}

{runs} real trainings by the workflow's own code, each judged by the rule (`junkdna.failures`: what the runs of its cell
predict on the test examples), by the same rule without the other runs of its cell (`alone`), and by the rule that it
replaces (`before`: the lowest mean of a few batches' training losses is 5 % below the prior entropy, or the score is
above the 99 % band around chance). Every cell (one to three seeds) has training and test examples of its own.

| truth | aim | runs | wrong, % | alone, % | before, % |
| --- | --- | ---: | ---: | ---: | ---: |
| nothing to learn; wrong is `trained` | at most 5 % | {nothing} |
| shuffled, in a cell with runs that pass; wrong is `trained` | none | {mixed} |
| learnt; wrong is anything but `trained` | at most 1 % | {learnt} |
| between: true labels, less than {errors} standard errors | none | {between} | | | |

All rates with their 95 % Wilson interval, which takes the runs of a cell for independent. *Learnt*: the score is
{errors} standard errors or more above that of the predictor that has seen only the labels, found without the rule: the
commonest training label for accuracy (1/k for multiple choice), always 1 for F1, 0 for correlations; standard error of
the difference by {draws} resamples of the test examples. `even`: classes about as frequent; `most in one`: more than
80 % of the test examples are of one class. *Shuffled*: of each cell of three seeds on true labels the first run's
answers are shuffled over the examples, so that they are worth nothing, beside seeds of which at least one passes; the
training loss that the rule before looks at stays as it was, so its rate there means little.

- The toy encoder (`tiny-encoder` of the catalog), on the tasks of its generated world, and on three more of it: the
  sort of a thing (three classes, 3 : 3 : 2), its size (regression), the town of a person as a pair of texts. 256 test
  examples (128 where the world holds no more), up to 384 to train on.
- MiniLM (all-MiniLM-L6-v2), on texts of GLUE of at most 24 (SST-2, CoLA), 40 or 48 tokens, and on a choice of the one
  of three sentences that answers a question of QNLI. 400 test examples (277 of RTE), 100 to 400 to train on.
- The runs that there were of the study config/glue-small.yaml: 872 to 1,000 test examples, 2,000 to train on.

## Nothing to learn

The labels are drawn without a look at the text, in training and test alike: two classes at 50/50, 70/30 and 90/10,
three even and at 50/30/20, permuted values, a right option at random; learning rates of 1e-4 to 2e-3 (toy), 2e-5 and
1e-4 (MiniLM), 1 to 12 epochs (the longest learn the training examples by heart), dense and 50, 80 and 90 % pruned.

{nothing_table}

## Learnt

True labels: dense, pruned by magnitude at 30 to 90 %, regrown and frozen; unequal shares of two classes by leaving out
examples; few examples (48 to 200).

{learnt_table}

## Between

True labels too. Some of these learnt a little, some nothing; which is which is not known.

{between_table}

By how far above the predictor that has seen only the labels they are, in standard errors:

{between_errors}

## Judged wrong

p: one-sided, of the rule's two tests of a run; either at or below {level:g} is enough to be called trained.

{unlike}
"""


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
    """Whether the first run of a cell of three or more passes once its answers are shuffled over the examples.

    What it says is then worth nothing, as when one of several trainings fails, while the others stay as they are.
    """
    told, table = cell[0]
    if len(cell) < 3 or told["permuted"]:
        return []
    order = np.random.default_rng(0).permutation(len(table))
    if told["format"] == "choice":
        # Options have their own places: the answers are spread over examples of as many.
        assert table["scores"].map(len).nunique() == 1
    scores = table["scores"].to_numpy()[order]
    target = table["target"].to_numpy(dtype=float)
    if told["format"] == "regression":
        loss = (np.array([one[0] for one in scores]) - target) ** 2
    else:
        loss = -np.array([one[int(label)] for one, label in zip(scores, target, strict=True)])
    other = table.assign(prediction=table["prediction"].to_numpy()[order], loss=loss)
    rows = judge([({**told, "name": f"{told['name']}, shuffled"}, other), *cell[1:]])
    # Only where the others give it something to hide behind.
    return [{**rows[0], "truth": MIXED}] if any(row["passed"] for row in rows[1:]) else []


def excess(told: dict, target: np.ndarray, prediction: np.ndarray, options) -> tuple[float, float]:
    """By how much a run beats the predictor that has seen only the labels, and the standard error of that."""
    n, metric = len(target), told["metric"]
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=DRAWS)
    weights = np.concatenate([np.ones((1, n)), draws])
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


def rate(hits: int, n: int) -> str:
    """A share in percent with its 95 % Wilson interval."""
    if not n:
        return ""
    low, high = stats.binomtest(int(hits), int(n)).proportion_ci(method="wilson")
    return f"{100 * hits / n:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def markdown(head: list[str], rows: list[list], text: int) -> str:
    """A table; the first `text` columns hold words."""
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * text + " ---: |" * (len(head) - text)]
    return "\n".join([*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)])


def counted(runs: pd.DataFrame, down: list[str], right: bool | None = None) -> str:
    """Runs by outcome, a line for each combination of `down` and one for all. right: whether they should pass."""
    groups = [*runs.groupby(down)]
    groups += [(("all", *[""] * (len(down) - 1)), runs)] * (len(groups) > 1)
    rows = []
    for line, group in groups:
        rows.append([*line, len(group), *((group["outcome"] == outcome).sum() for outcome in OUTCOMES)])
        if right is None:
            rows[-1] += [group["before"].sum()]
        else:
            rows[-1] += [error(group[rule], right) for rule in RULES]
    head = [*down, "runs", *OUTCOMES]
    head += ["trained before"] if right is None else [f"{rule}, %" for rule in RULES.values()]
    return markdown(head, rows, len(down))


def error(passed: pd.Series, right: bool) -> str:
    """Share of runs that a rule judges wrong."""
    return rate((passed != right).sum(), len(passed))


def unlike(runs: pd.DataFrame) -> str:
    """The runs that were judged wrong, with what the rule saw of them."""
    wrong = runs[
        (runs["truth"].isin([NOTHING, MIXED]) & runs["passed"]) | ((runs["truth"] == DID) & ~runs["passed"])
    ]
    rows = [
        [f"`{run.name}`", run.cell, run.truth, run.outcome]
        + [f"{run.errors:.1f}", f"{run.agreement:.4f}", f"{run.losses:.4f}"]
        for run in wrong.itertuples(index=False)
    ]
    head = ["run", "runs of its cell", "truth", "outcome", "standard errors", "p of agreement", "p of losses"]
    return markdown(head, rows, 4)


def page(runs: pd.DataFrame) -> str:
    """All tables, with what they are of."""
    nothing, learnt, between, mixed = (
        runs[runs["truth"] == truth] for truth in (NOTHING, DID, BETWEEN, MIXED)
    )
    edges = [-np.inf, 0, 1, 2, 3, 4, 5]
    names = ["0 or less", "0 to 1", "1 to 2", "2 to 3", "3 to 4", "4 to 5"]
    above = pd.cut(between["errors"], edges, labels=names, right=True).astype(str)
    down = ["model", "kind"]
    return PAGE_TEXT.format(
        command=COMMAND,
        errors=LEARNT,
        draws=f"{DRAWS:,}",
        level=LEVEL,
        runs=len(runs) - len(mixed),
        nothing=" | ".join([str(len(nothing)), *(error(nothing[rule], False) for rule in RULES)]),
        learnt=" | ".join([str(len(learnt)), *(error(learnt[rule], True) for rule in RULES)]),
        between=len(between),
        mixed=" | ".join([str(len(mixed)), *(error(mixed[rule], False) for rule in RULES)]),
        nothing_table=counted(nothing, down, right=False),
        learnt_table=counted(learnt, down, right=True),
        between_table=counted(between, down),
        between_errors=counted(between.assign(**{"standard errors": above}), ["standard errors"]),
        unlike=unlike(runs),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--minilm", type=Path, help="folder of the checkpoint all-MiniLM-L6-v2")
    parser.add_argument("--glue", type=Path, help="folder of GLUE: a folder a task with its Parquet files")
    parser.add_argument("--study", type=Path, nargs="*", default=[], help="folders `results/runs` of studies")
    parser.add_argument("--only", default="", help="make the runs whose name holds this text")
    parser.add_argument("--judge", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folders = {} if arguments.judge else checkpoints(arguments.raw, arguments.minilm)
    for run in all_runs():
        path = arguments.raw / f"{run.name}.parquet"
        if path.exists() or arguments.only not in run.name or run.model not in folders:
            continue
        start = time.monotonic()
        train_and_write(run, path, folders[run.model], arguments.glue)
        print(f"{run.name}  {time.monotonic() - start:.1f} s", flush=True)
    found = [*cells(arguments.raw, arguments.study)]
    runs = pd.DataFrame([row for cell in found for row in [*judge(cell), *shuffled_among_others(cell)]])
    runs.to_csv(arguments.raw / "judged.csv", index=False)
    write_text(PAGE, page(runs))


if __name__ == "__main__":
    main()
