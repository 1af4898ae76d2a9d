"""Sample logs made elsewhere as a study, from the files to the report: no model is loaded, nothing is asked."""

import math

import numpy as np
import pytest
import yaml

from described import untrue
from junkdna.files.artifacts import read_table
from junkdna.statistics.option_scores import RULES
from logs import choice_sample, inspect_sample, write_inspect, write_lm_eval, written_sample
from studies import copy_project, planned, snakemake

RIGHT = {"logs/dense": 34, "logs/u30": 30, "logs/u60": 16}
NUMBER = 40


def likelihoods(number, right, options):
    """The right option is the likeliest, or the last."""
    sums = np.random.default_rng(number).normal(-6, 0.5, options)
    sums[number % options] = -3.0 if right else -12.0
    return sums.tolist()


def write_logs(folder, right):
    """One call of lm-evaluation-harness on two tasks, and a log of inspect; `right`: so many answers are."""
    options = ["sun", "moon", "a star", "no"]
    arc = [choice_sample(i, options, i % 4, likelihoods(i, i < right, 4)) for i in range(NUMBER)]
    who = [written_sample(i, ["Ann"], "Ann" if i < right else "Bob", float(i < right)) for i in range(NUMBER)]
    write_lm_eval(folder / "some__model", {"arc_easy": arc, "who_is": who}, "some/model")
    named = [
        inspect_sample(i, "A", "C" if i < right else "I", "A" if i < right else "", options)
        for i in range(NUMBER)
    ]
    write_inspect(
        folder / "named.json", "named", named, eval={"task": "named", "model": "some/model", "packages": {}}
    )


def config():
    return {
        "study": {
            "name": "logs",
            "checkpoints": ["theirs"],
            "axes": ["asked"],
            "tasks": ["named"],
            "seeds": [1, 2, 3],
            "runs": [{"recipes": ["pruned"], "regimes": ["zero-shot"]}],
        },
        "checkpoints": {"theirs": {"source": {"logs": "logs/dense"}}},
        "sweeps": {"pruned": {"source": {"logs": {"u30": "logs/u30", "u60": "logs/u60"}}}},
        "tasks": {
            "arc": {
                "source": {"logs": {"task": "arc_easy"}},
                "format": "choice",
                "metric": "accuracy",
                "version": 1,
            },
            "who": {
                "source": {"logs": {"task": "who_is"}},
                "format": "generate",
                "metric": "exact-match",
                "version": 1,
            },
            "named": {
                "source": {"logs": {"task": "named"}},
                "format": "choice",
                "metric": "accuracy",
                "version": 1,
            },
        },
        "axes": {"asked": {"tasks": ["arc", "who"], "knob": "chosen or written", "reason": "a test"}},
    }


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("logged"))
    for place, right in RIGHT.items():
        write_logs(folder / place, right)
    (folder / "logs.yaml").write_text(yaml.safe_dump(config()))
    done = snakemake(folder, config="logs.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_scores_of_the_logs_stand_in_the_tables(logged):
    runs = read_table(logged / "results/tables/logs/runs.parquet")
    assert untrue("runs", runs) == []
    # Nothing is drawn: one seed.
    assert len(runs) == 3 * 3 and (runs["seed"] == 1).all() and (runs["outcome"] == "trained").all()
    places = {"dense": "logs/dense", "pruned-u30": "logs/u30", "pruned-u60": "logs/u60"}
    expected = runs["recipe"].map(lambda recipe: RIGHT[places[recipe]] / NUMBER)
    assert runs["score"].to_numpy() == pytest.approx(expected.to_numpy())
    assert runs["chance"].tolist() == pytest.approx(
        runs["task"].map({"who": 0, "arc": 0.25, "named": 0.25}).tolist()
    )
    assert set(runs["versions"]) == {"lm_eval 0.4.13, transformers 5.23.0", "unknown"}
    drops = read_table(logged / "results/tables/logs/drops.parquet").set_index(["task", "recipe"])
    assert (
        untrue("drops", drops.reset_index()[read_table(logged / "results/tables/logs/drops.parquet").columns])
        == []
    )
    assert drops.loc[("arc", "pruned-u60"), "lost"] == pytest.approx(18 / 40)
    assert drops.loc[("who", "pruned-u60"), "retention"] == pytest.approx(16 / 34)
    assert drops.loc[("named", "pruned-u60"), "retention"] == pytest.approx((0.4 - 0.25) / (0.85 - 0.25))


def test_what_a_log_does_not_tell_is_not_made_up(logged):
    tables = logged / "results/tables/logs"
    rules = read_table(tables / "score_rules.parquet")
    assert untrue("score_rules", rules) == []
    known = rules[rules["task"] == "arc"].groupby("rule")["accuracy"].agg(lambda values: values.notna().all())
    assert known.to_dict() == {rule: rule in ("sum", "char") for rule in RULES}
    difficulty = read_table(tables / "difficulty.parquet").set_index(["task", "measure"])
    assert math.isfinite(difficulty.loc[("arc", "v-information"), "value"])
    assert math.isnan(difficulty.loc[("named", "v-information"), "value"])
    examples = read_table(tables / "examples.parquet")
    none = examples[(examples["task"] == "named") & ~examples["correct"]]
    assert len(none) and (none["answer"] == "").all()
    for task in ("arc", "who", "named"):
        path = logged / f"results/runs/theirs/pruned-u60/{task}/zero-shot/seed1"
        for name in ("predictions", "metrics", "history"):
            assert untrue(name, read_table(path / f"{name}.parquet")) == [], (task, name)


def test_the_study_has_its_verdicts_and_page_and_does_nothing_twice(logged):
    claims = read_table(logged / "results/tables/logs/claims.parquet")
    assert (claims["claim"] == "monotone").any() and untrue("claims", claims) == []
    page = (logged / "results/report/logs/index.html").read_text()
    assert "some/model" in page and "pruned" in page
    assert planned(logged, config="logs.yaml") == {}


@pytest.fixture
def spoiled(logged):
    """A function that writes other samples of a task at 60 %, and gives what a run then says; all is undone after."""
    path = next((logged / "logs/u60").rglob("samples_arc_easy*"))
    text = path.read_text()

    def told(lines):
        path.write_text(lines)
        plan = planned(logged, config="logs.yaml")
        assert (plan["read_log"], plan["fetch_logged_task"]) == (3, 0), "the logs of one level"
        target = "results/runs/theirs/pruned-u60/arc/zero-shot/seed1/metrics.parquet"
        return snakemake(logged, target, config="logs.yaml")

    yield told, text
    path.write_text(text)


def test_questions_that_are_missing_are_an_error(spoiled):
    told, text = spoiled
    done = told("".join(text.splitlines(keepends=True)[2:]))
    assert done.returncode == 1
    assert "of the 40 questions of the dense log 2 are missing, and 0 are others" in done.stderr, done.stderr


def test_a_log_whose_scores_are_no_numbers_counts_as_failed(spoiled, logged):
    told, _ = spoiled
    samples = [
        choice_sample(i, ["sun", "moon", "a star", "no"], i % 4, [math.nan] * 4) for i in range(NUMBER)
    ]
    write_lm_eval(logged / "elsewhere", {"arc_easy": samples})
    done = told(next((logged / "elsewhere").glob("samples*")).read_text())
    assert done.returncode == 0, done.stderr
    metrics = read_table(logged / "results/runs/theirs/pruned-u60/arc/zero-shot/seed1/metrics.parquet").iloc[
        0
    ]
    assert metrics["diverged"] and math.isnan(metrics["final_loss"])
