"""A decoder that is asked, from a folder and files of questions to the tables: by options and in free text."""

import json

import numpy as np
import pytest
import yaml

from decoders import save_decoder
from described import untrue
from junkdna.files.artifacts import read_table
from studies import copy_project, planned, snakemake

RUNS = "results/runs/tiny-decoder"


def questions(path, count, start):
    draw = np.random.default_rng(start)
    words = ["sun", "moon", "a star", "no"]
    rows = [
        {
            "question": f"what is {start + i}?",
            "options": [str(each) for each in draw.permutation(words)[:3]],
            "label": int(draw.integers(3)),
            "answers": ["sun", "the moon"],
        }
        for i in range(count)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("asked"))
    save_decoder(folder / "decoder")
    questions(folder / "train.jsonl", 12, 0)
    questions(folder / "validation.jsonl", 10, 100)
    source = {"path": {"train": "train.jsonl", "validation": "validation.jsonl"}}
    ask = {"prompt": "Q: {{ text }}\nA:", "source": source, "version": 1, "max_length": 400}
    choice = {"text": "question", "options": "options", "label": "label"}
    config = {
        "study": {
            "name": "asked",
            "checkpoints": ["tiny-decoder"],
            "axes": ["count"],
            "tasks": ["shown", "free", "likely"],
            "seeds": [1, 2],
            "runs": [{"recipes": ["magnitude", "rtn"], "regimes": ["zero-shot"]}],
        },
        "sweeps": {
            "magnitude": {"score": "magnitude", "selection": "layer", "sparsity": [50]},
            "rtn": {"quantizer": "rtn", "bits": [3]},
        },
        "axes": {
            "count": {
                "task": "options",
                "vary": "options",
                "values": [2, 3],
                "knob": "number of options",
                "reason": "More of them are harder to tell apart.",
            }
        },
        "checkpoints": {"tiny-decoder": {"source": {"path": "decoder"}}},
        "tasks": {
            "options": ask | {"format": "choice", "columns": choice, "metric": "accuracy", "score": "pmi"},
            "shown": {"base": "options", "shots": 2, "null_prompt": "A:"},
            "free": ask
            | {
                "format": "generate",
                "columns": {"text": "question", "answers": "answers"},
                "metric": "token-f1",
                "max_new_tokens": 5,
            },
            "likely": ask
            | {
                "format": "generate",
                "columns": {"text": "question", "answers": "answers"},
                "metric": "gold-likelihood",
            },
        },
    }
    (folder / "asked.yaml").write_text(yaml.safe_dump(config))
    done = snakemake(folder, config="asked.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_study_of_questions_runs_to_its_report_and_does_nothing_twice(asked):
    runs = read_table(asked / "results/tables/asked/runs.parquet")
    # The dense twin and two recipes: one run each where nothing is drawn, one a seed where shots are.
    counts = {"free": 3, "likely": 3, "options": 3, "options-o2": 3, "shown": 6}
    assert runs.groupby("task").size().to_dict() == counts
    assert (runs["steps"] == 0).all() and (runs["outcome"] == "trained").all()
    guessed = {"options": 1 / 3, "options-o2": 1 / 2, "shown": 1 / 3}
    for row in runs.itertuples():
        path = asked / f"{RUNS}/{row.recipe}/{row.task}/{row.regime}/seed{row.seed}/predictions.parquet"
        expected = guessed[row.task] if row.task in guessed else read_table(path)["by_chance"].mean()
        assert row.chance == pytest.approx(expected, abs=1e-6)
    # All questions have the same answers, so none of them tells anything.
    assert not runs.loc[runs["task"] == "likely", "measurable"].any()
    assert (asked / "results/report/asked/index.html").exists()
    assert planned(asked, config="asked.yaml") == {}


def test_all_runs_of_a_seed_are_asked_the_same_and_keep_every_score(asked):
    for task, seed in (("shown", 1), ("shown", 2), ("free", 1), ("likely", 1)):
        regimes = {"dense": "dense", "magnitude-u50": "zero-shot", "rtn-w3": "zero-shot"}
        tables = [
            read_table(asked / f"{RUNS}/{recipe}/{task}/{regime}/seed{seed}/predictions.parquet")
            for recipe, regime in regimes.items()
        ]
        assert all(table["example_id"].equals(tables[0]["example_id"]) for table in tables)
        assert [line for table in tables for line in untrue("predictions", table)] == []
        assert not tables[0]["loss"].equals(tables[1]["loss"]), "the recipe was applied"
    prompts = asked / "results/prompts/tiny-decoder"
    assert sorted(path.relative_to(prompts).as_posix() for path in prompts.rglob("*.safetensors")) == [
        "free/seed1.safetensors", "likely/seed1.safetensors", "options/seed1.safetensors", "shown/seed1.safetensors",
        "shown/seed2.safetensors",
    ]  # fmt: skip


def test_what_was_answered_stands_in_tables_and_on_the_page(asked):
    tables = asked / "results/tables/asked"
    for name in ("score_rules", "answer_kinds", "examples"):
        table = read_table(tables / f"{name}.parquet")
        assert len(table) and untrue(name, table) == [] and (tables / f"{name}.csv").stat().st_size
    rules = read_table(tables / "score_rules.parquet")
    runs = read_table(tables / "runs.parquet").set_index(["task", "recipe", "seed"])
    for row in rules[rules["chosen"]].itertuples():
        assert row.accuracy == pytest.approx(runs.loc[(row.task, row.recipe, row.seed), "score"])
    page = (asked / "results/report/asked/index.html").read_text()
    for title in ("By every score rule", "Free answers", "Ten questions", "What free answers turned out as"):
        assert title in page, title
    assert (asked / "results/figures/asked/answers.png").stat().st_size


def test_fewer_options_are_read_off_the_run_with_all(asked):
    for recipe, regime in (("dense", "dense"), ("magnitude-u50", "zero-shot")):
        whole, fewer = (
            read_table(asked / f"{RUNS}/{recipe}/{task}/{regime}/seed1/predictions.parquet")
            for task in ("options", "options-o2")
        )
        assert whole["example_id"].equals(fewer["example_id"])
        assert untrue("predictions", fewer) == []
        for scores, right, share in zip(whole["scores"], whole["target"], fewer["prediction"], strict=True):
            wrong = np.delete(scores, int(right))
            assert share == pytest.approx(np.mean(scores[int(right)] > wrong))
    assert not (asked / "results/prompts/tiny-decoder/options-o2").exists(), "nothing is asked twice"


def test_another_prompt_reruns_its_own_task_alone(asked):
    text = (asked / "asked.yaml").read_text()
    config = yaml.safe_load(text)
    config["tasks"]["free"]["prompt"] = "Tell: {{ text }}"
    (asked / "asked.yaml").write_text(yaml.safe_dump(config))
    plan = planned(asked, config="asked.yaml")
    (asked / "asked.yaml").write_text(text)
    assert (plan["encode_prompts"], plan["evaluate"], plan["fetch_task"]) == (1, 3, 0)


def test_a_template_that_does_not_fit_is_one_line(asked):
    text = (asked / "asked.yaml").read_text()
    config = yaml.safe_load(text)
    config["tasks"]["free"]["prompt"] = "Tell: {{ txt }}"
    (asked / "asked.yaml").write_text(yaml.safe_dump(config))
    done = snakemake(asked, "results/prompts/tiny-decoder/free/seed1.safetensors", config="asked.yaml")
    (asked / "asked.yaml").write_text(text)
    assert done.returncode == 1
    told = (
        "error: tasks.free.prompt: found the name 'txt'; legal: text, answers, answer; did you mean 'text'?"
    )
    assert told in done.stderr, done.stderr
