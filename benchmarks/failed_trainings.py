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
NOTHING, BETWEEN, DID = "nothing to learn", "between", "learnt"
# Of the studies' tasks, by the beginning of the name: format and metric; else two classes and accuracy.
STUDIED = {
    "cola": ("classification", "mcc"),
    "stsb": ("regression", "pearson"),
    "sst2": ("classification", "accuracy"),
}

PAGE_TEXT = """# What the rule for failed trainings is worth

Made by `benchmarks/failed_trainings.py`:

    {command}

{runs} real trainings by the workflow's own code, each judged by the rule (`junkdna.failures`, from what the run predicts
on its test examples) and, beside it, by the rule before it (`before`: the lowest mean of a few batches' training losses
is 5 % below the prior entropy, or the score is above the 99 % band around chance). Each run draws examples of its own.

| truth | runs | aim | error of the rule, % | error before, % |
| --- | ---: | --- | ---: | ---: |
| nothing to learn, yet called trained (miss) | {nothing} | at most 5 % | {miss} | {missed_before} |
| learnt, yet not called trained (false alarm) | {learnt} | at most 1 % | {alarm} | {alarm_before} |
| between: on true labels, less than {errors} standard errors | {between} | none | | |

All rates with their 95 % Wilson interval. *Learnt*: the score is {errors} standard errors or more above that of the
predictor that has seen only the labels, which the rule has no part in: the commonest training label for accuracy (1/k
for multiple choice), always 1 for F1, 0 for correlations; standard error of the difference by {draws} resamples of the
test examples. `most in one`: more than 80 % of the test examples are of one class; `even`: all about as frequent.

- The toy encoder (`tiny-encoder` of the catalog), on the tasks of its generated world, and on three more of it: the
  sort of a thing (three classes, 3 : 3 : 2), its size (regression), the town of a person as a pair of texts. 256 test
  examples (128 where the world holds no more), up to 384 to train on.
- MiniLM (all-MiniLM-L6-v2), on texts of GLUE of at most 24 (SST-2, CoLA), 40 or 48 tokens, and on a choice of the one of
  three sentences that answers a question of QNLI. 400 test examples (277 of RTE), 100 to 400 to train on.
- The runs of the study config/glue-small.yaml that were there: up to 1,000 test examples, 2,000 to train on.

## Nothing to learn

The labels are drawn without a look at the text, in training and test alike: two classes at 50/50, 70/30 and 90/10, three
even and at 50/30/20, permuted values, a right option at random; learning rates of 1e-4 to 2e-3 (toy) and 2e-5 and 1e-4
(MiniLM), 1 to 12 epochs (the longest learn the training examples by heart), dense and with 50, 80 and 90 % pruned.

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

p: one-sided, of the rule's two tests; either below {level:g} is enough to be called trained. So a run that knows nothing
passes in at most {twice:.0%} of the cases.

{unlike}
"""


def told_runs(raw: Path, studies: list[Path]) -> Iterator[tuple[dict, pd.DataFrame]]:
    """What is known of each run, and what it predicted."""
    for path in sorted(raw.glob("*_*.parquet")):
        table = read_table(path)
        told = table.attrs[METADATA_KEY]
        yield {**told, "name": path.stem}, table
    for path in sorted(file for study in studies for file in study.rglob("predictions.parquet")):
        if not (path.parent / "metrics.parquet").exists():
            continue
        facts = read_table(path.parent / "metrics.parquet").iloc[0].to_dict()
        task = facts["task"]
        form, metric = STUDIED.get(task.split("-")[0], ("pair", "accuracy"))
        told = {
            "model": f"{facts['checkpoint']}, a study",
            "permuted": False,
            "format": form,
            "metric": metric,
        }
        told["name"] = f"{facts['recipe']} {task} {facts['regime']} seed {facts['seed']}"
        yield {**facts, **told}, read_table(path)


def judge(told: dict, table: pd.DataFrame) -> dict:
    """One row of the table of runs."""
    target, prediction, losses = (
        table[part].to_numpy(dtype=float) for part in ("target", "prediction", "loss")
    )
    form = told["format"]
    options = table["scores"].map(len).to_numpy() if form == "choice" else None
    outcome = training_outcomes(form, target, prediction[None], losses[None], options)[0]
    finite = np.isfinite(prediction).all() and np.isfinite(losses).all() and not told["diverged"]
    above, error = excess(told, target, prediction, options) if finite else (0.0, 1.0)
    errors = above / error if error else np.inf if above > 0 else 0.0  # all right in every resample
    return {
        "name": told["name"],
        "model": {"toy": "toy encoder", "minilm": "MiniLM"}.get(told["model"], told["model"]),
        "kind": kind_of(form, target),
        "group": NOTHING if told["permuted"] else DID if errors >= LEARNT else BETWEEN,
        "errors": errors,
        "outcome": outcome,
        "before": finite and passed_before(told, target, prediction, options),
        "agreement": p_agreement(form, target, prediction) if finite else 1.0,
        "losses": p_losses(form, target, losses, options) if finite else 1.0,
    }


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


def counted(runs: pd.DataFrame, down: list[str], wrong=None) -> str:
    """Runs by outcome, a line for each combination of `down`. wrong: the outcome is an error where this holds."""
    rows = []
    groups = [*runs.groupby(down)] if down else []
    if not down or len(groups) > 1:
        groups.append((("all", *[""] * (len(down) - 1))[: max(len(down), 1)], runs))
    for line, group in groups:
        share = [int((group["outcome"] == outcome).sum()) for outcome in OUTCOMES]
        errors = [rate(wrong(group["outcome"] == "trained").sum(), len(group))] if wrong else []
        errors += [rate(wrong(group["before"]).sum(), len(group))] if wrong else [int(group["before"].sum())]
        rows.append([*line, len(group), *share, *errors])
    head = [*(down or [""]), "runs", *OUTCOMES]
    head += ["wrong, %", "before, %"] if wrong else ["trained before"]
    return markdown(head, rows, max(len(down), 1))


def unlike(runs: pd.DataFrame) -> str:
    """The runs that were judged wrong, with what the rule saw of them."""
    wrong = runs[(runs["group"] == NOTHING) & (runs["outcome"] == "trained")]
    wrong = pd.concat([wrong, runs[(runs["group"] == DID) & (runs["outcome"] != "trained")]])
    rows = [
        [row.Index, row.group, row.outcome, f"{row.errors:.1f}", f"{row.agreement:.4f}", f"{row.losses:.4f}"]
        for row in wrong.set_index("name").itertuples()
    ]
    head = ["run", "truth", "outcome", "standard errors", "p of agreement", "p of losses"]
    return markdown(head, rows, 3)


def page(runs: pd.DataFrame) -> str:
    """All tables, with what they are of."""
    own = runs[runs["group"] == NOTHING]
    learnt, between = (runs[runs["group"] == group] for group in (DID, BETWEEN))
    edges = [-np.inf, 0, 1, 2, 3, 4, 5]
    names = ["0 or less", "0 to 1", "1 to 2", "2 to 3", "3 to 4", "4 to 5"]
    between = between.assign(above=pd.cut(between["errors"], edges, labels=names).astype(str))
    down = ["model", "kind"]
    return PAGE_TEXT.format(
        command=COMMAND,
        errors=LEARNT,
        draws=f"{DRAWS:,}",
        level=LEVEL,
        twice=2 * LEVEL,
        runs=len(runs),
        miss=rate((own["outcome"] == "trained").sum(), len(own)),
        missed_before=rate(own["before"].sum(), len(own)),
        nothing=len(own),
        alarm=rate((learnt["outcome"] != "trained").sum(), len(learnt)),
        alarm_before=rate((~learnt["before"]).sum(), len(learnt)),
        learnt=len(learnt),
        between=len(between),
        nothing_table=counted(own, down, wrong=lambda trained: trained),
        learnt_table=counted(learnt, down, wrong=lambda trained: ~trained),
        between_table=counted(between, down),
        between_errors=counted(between.rename(columns={"above": "standard errors"}), ["standard errors"]),
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
    runs = pd.DataFrame([judge(*run) for run in told_runs(arguments.raw, arguments.study)])
    runs.to_csv(arguments.raw / "judged.csv", index=False)
    write_text(PAGE, page(runs))


if __name__ == "__main__":
    main()
