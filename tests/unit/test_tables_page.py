"""That docs/tables.md is whole and true: of the files that rules write, and of made-up studies of every kind."""

import numpy as np
import pytest
from tests.simulated import TASKS, grid, tables

from described import DESCRIBED, generator, untrue
from junkdna.claims.table_columns import EFFECTS
from junkdna.claims.verdicts import QUESTIONS
from junkdna.files.columns import Column
from trainings import make_tokens, run, save_checkpoint

SPARSE = [run for run in grid(extra=()) if run["recipe"] != "dense"]
# By case: what is asked of `simulated.tables`.
STUDIES = {
    "whole": {},
    "failing": {
        "collapse": [
            (run["recipe"], run["task"], run["regime"], run["seed"])
            for run in SPARSE
            if (run["seed"] + len(run["recipe"])) % 3 == 0 or run["task"] == "similarity"
        ]
    },
    "failed twins": {"collapse": [("dense", task, "dense", seed) for task in TASKS for seed in (1, 2)]},
    "failed everywhere": {
        "collapse": [(run["recipe"], run["task"], run["regime"], run["seed"]) for run in SPARSE]
    },
    "one seed": {"seeds": (1,)},
}


def test_every_parquet_file_of_a_rule_is_described_and_no_other():
    page = generator()
    assert set(page.written()) == set(DESCRIBED)
    listed = [name for names in page.CHAPTERS.values() for name in names.split()]
    assert sorted(each for name in listed for each in DESCRIBED[name].names) == sorted(DESCRIBED)


def test_every_claim_says_what_its_effect_is():
    assert set(EFFECTS) == set(QUESTIONS)


@pytest.mark.parametrize("case", STUDIES)
def test_the_tables_of_a_study(case):
    options = dict(STUDIES[case])
    made = tables(grid(seeds=options.pop("seeds", (1, 2, 3))), examples=120, **options)
    assert {name for name, table in made.items() if len(table)} >= {"runs", "drops", "cells", "claims"}
    assert [line for name, table in made.items() for line in untrue(name, table)] == []


@pytest.mark.parametrize("format", ["classification", "regression", "choice"])
def test_the_files_of_a_run(format, tmp_path):
    checkpoint = save_checkpoint(tmp_path / "checkpoint")
    data = {"train": make_tokens(30, 1, format), "validation": make_tokens(13, 2, format)}
    # `run` looks at the files of every training of these tests.
    made = run(checkpoint, tmp_path, traced=format != "regression", **data)
    assert len(made.predictions) == 13 and len(made.history)


def test_lies_are_found():
    """The checks that the other tests rest on."""
    runs = tables(grid(tasks=("keyword", "deduction"), seeds=(1, 2)), examples=60)["runs"]
    assert untrue("runs", runs) == []
    for column, value in {
        "score": 1.5,
        "sparsity": np.nan,
        "outcome": "fine",
        "steps": 1.5,
        "trained": "yes",
        "device": 3,
    }.items():
        (line,) = untrue("runs", runs.assign(**{column: value}))
        assert line.startswith(f"runs.{column}: "), line
    assert untrue("runs", runs[runs.columns[::-1]])[0].startswith("runs: columns")
    assert untrue("runs", runs.drop(columns="device"))[0].startswith("runs: columns")
    with pytest.raises(AssertionError):
        Column(kind="letters", meaning="none")
