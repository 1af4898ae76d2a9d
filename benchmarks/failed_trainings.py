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
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from failed_trainings_judge import (
    AMONG_GOOD,
    AMONG_WEAK,
    BETWEEN,
    DID,
    DRAWS,
    LEARNT,
    NOTHING,
    ORDERS,
    cells,
    judge,
    ordered_anew,
    shuffled_among_others,
)
from failed_trainings_runs import all_runs
from failed_trainings_training import checkpoints, train_and_write
from scipy import stats

from junkdna.files.artifacts import write_text
from junkdna.tables.outcomes import LEVEL, OUTCOMES

PAGE = Path(__file__).parents[1] / "docs/failed-trainings.md"
COMMAND = "OMP_NUM_THREADS=1 python benchmarks/failed_trainings.py --raw R --minilm M --glue G --study S"
# Columns of the table of runs: the rule, the rule without the other runs of the cell, the rule before this one.
RULES = {"passed": "wrong", "alone": "alone", "before": "before"}
PAGE_TEXT = """# What the rule for failed trainings is worth

Made by `benchmarks/failed_trainings.py`:

    {command}

{runs} real trainings by the workflow's own code, each judged by the rule (`junkdna.tables.outcomes`: what the runs of
its cell predict on the test examples), by the same rule without the other runs of its cell (`alone`), and by the
rule that it replaces (`before`: the lowest mean of a few batches' training losses is 5 % below the prior entropy, or
the score is above the 99 % band around chance). {made} of the {planned} runs of the benchmark were made, a random part
of those of MiniLM among them. Every cell (one to three seeds) has training and test examples of its own.

| truth | aim | runs | wrong, % | alone, % | before, % |
| --- | --- | ---: | ---: | ---: | ---: |
| nothing to learn; wrong is `trained` | at most 5 % | {nothing} |
| the same, their test labels in {orders} other orders | at most 5 % | {ordered} | {ordered_rate} | | |
| shuffled, beside runs that learnt; wrong is `trained` | at most 5 % | {among_good} |
| shuffled, beside runs that pass but did not all learn; wrong is `trained` | none | {among_weak} |
| learnt; wrong is anything but `trained` | at most 1 % | {learnt} |
| between: true labels, less than {errors} standard errors | none | {between} | | | |

All rates with their 95 % Wilson interval, which takes the runs of a cell for independent. *Learnt*: the score is
{errors} standard errors or more above that of the predictor that has seen only the labels, found without the rule: the
commonest training label for accuracy (1/k for multiple choice), always 1 for F1, 0 for correlations; standard error of
the difference by {draws} resamples of the test examples. `even`: classes about as frequent; `most in one`: more than
80 % of the test examples are of one class. *Shuffled*: of each cell of three seeds on true labels each run's
answers in turn are shuffled over the examples, so that they are worth nothing, while the other seeds stay as they are.
(The rule before looks at the training loss, which stays too.)

- The toy encoder (`tiny-encoder` of the catalog), on the tasks of its generated world, and on three more of it: the
  sort of a thing (three classes, 3 : 3 : 2), its size (regression), the town of a person as a pair of texts. 256 test
  examples (128 where the world holds no more), up to 384 to train on.
- MiniLM (all-MiniLM-L6-v2), on texts of GLUE of at most 24 (SST-2, CoLA), 40 or 48 tokens, and on a choice of the one
  of three sentences that answers a question of QNLI. 400 test examples (277 of RTE), 100 to 400 to train on.
- The runs that there were of the study config/glue-small.yaml: 872 to 1,000 test examples, 2,000 to train on.

## Nothing to learn

The labels are drawn without a look at the text, in training and test alike: two classes at 50/50, 70/30 and 90/10,
three even and at 50/30/20, permuted values, a right option at random; learning rates of 1e-4 to 2e-3 (toy), 2e-5 and
1e-4 (MiniLM), 1 to 12 epochs (in the longest the training loss falls to a half of the prior entropy, in some to 6 %:
they learn the training examples by heart), dense and 50, 80 and 90 % pruned.

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
    wrong = runs[(runs["passed"] != (runs["truth"] == DID)) & ~runs["truth"].isin([BETWEEN, AMONG_WEAK])]
    rows = [
        [f"`{run.name}`", run.cell, run.truth, run.outcome]
        + [f"{run.errors:.1f}", f"{run.agreement:.4f}", f"{run.losses:.4f}"]
        for run in wrong.itertuples(index=False)
    ]
    head = ["run", "runs of its cell", "truth", "outcome", "standard errors", "p of agreement", "p of losses"]
    return markdown(head, rows, 4)


def page(runs: pd.DataFrame, ordered: list[bool]) -> str:
    """All tables, with what they are of."""
    groups = {
        truth: runs[runs["truth"] == truth] for truth in (NOTHING, AMONG_GOOD, AMONG_WEAK, DID, BETWEEN)
    }
    nothing, learnt, between = groups[NOTHING], groups[DID], groups[BETWEEN]
    lines = {
        truth: " | ".join([str(len(group)), *(error(group[rule], truth == DID) for rule in RULES)])
        for truth, group in groups.items()
    }
    edges = [-np.inf, 0, 1, 2, 3, 4, 5]
    names = ["0 or less", "0 to 1", "1 to 2", "2 to 3", "3 to 4", "4 to 5"]
    above = pd.cut(between["errors"], edges, labels=names, right=True).astype(str)
    down = ["model", "kind"]
    return PAGE_TEXT.format(
        command=COMMAND,
        errors=LEARNT,
        draws=f"{DRAWS:,}",
        level=LEVEL,
        made=(
            runs["model"].isin(["toy encoder", "MiniLM"]) & ~runs["truth"].isin([AMONG_GOOD, AMONG_WEAK])
        ).sum(),
        planned=len(all_runs()),
        runs=len(nothing) + len(learnt) + len(between),
        nothing=lines[NOTHING],
        orders=ORDERS,
        ordered=f"{len(ordered):,}",
        ordered_rate=rate(sum(ordered), len(ordered)),
        among_good=lines[AMONG_GOOD],
        among_weak=lines[AMONG_WEAK],
        learnt=lines[DID],
        between=len(between),
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
    if arguments.minilm and not arguments.glue:
        parser.error("--minilm: found without --glue, whose texts it is trained on")
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
    write_text(PAGE, page(runs, [passed for cell in found for passed in ordered_anew(cell)]))


if __name__ == "__main__":
    main()
