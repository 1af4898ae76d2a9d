"""Runs made elsewhere, from files to the report: models that others compressed, and an export that comes back."""

import json
import shutil

import numpy as np
import pytest
import yaml
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from decoders import save_decoder
from junkdna.files.artifacts import read_json, read_table
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
        }
        for i in range(count)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))


def study(sweeps, blocks):
    """A config of one asked and one trained task."""
    files = {"path": {"train": "train.jsonl", "validation": "validation.jsonl"}}
    chosen = {
        "source": files, "format": "choice", "columns": {"text": "question", "options": "options", "label": "label"},
        "metric": "accuracy", "version": 1, "max_length": 64,
    }  # fmt: skip
    return {
        "study": {
            "name": "elsewhere",
            "checkpoints": ["tiny-decoder"],
            "tasks": ["asked", "trained"],
            "seeds": [1],
            "null_input": False,
            "runs": blocks,
        },
        "sweeps": sweeps,
        "training": {"epochs": 1, "learning_rate": 1.0e-3, "batch_size": 4},
        "checkpoints": {"tiny-decoder": {"source": {"path": "decoder"}}},
        "tasks": {
            "asked": chosen | {"prompt": "Q: {{ text }}\nA:", "max_length": 400},
            "trained": chosen,
        },
    }


def write(folder, config):
    (folder / "elsewhere.yaml").write_text(yaml.safe_dump(config))


MAGNITUDE = {"score": "magnitude", "selection": "layer", "sparsity": [50]}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("given"))
    save_decoder(folder / "decoder")
    questions(folder / "train.jsonl", 12, 0)
    questions(folder / "validation.jsonl", 10, 100)
    asked = {"recipes": ["magnitude"], "regimes": ["zero-shot"], "tasks": ["asked"]}
    write(folder, study({"magnitude": MAGNITUDE}, [asked]))
    done = snakemake(folder, "export", config="elsewhere.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copytree(folder / "results/models/tiny-decoder/magnitude-u50", folder / "theirs")
    sweeps = {
        "magnitude": MAGNITUDE,
        "theirs": {"source": {"given": {"u50": {"path": "theirs"}}}},
        "same": {"source": {"given": {"u10": {"path": "decoder"}}}},
    }
    trained = {"recipes": ["magnitude", "theirs"], "regimes": ["sparse", "regrow"], "tasks": ["trained"]}
    trained["keep_weights"] = True
    recipes = ["magnitude", "theirs", "same"]
    write(folder, study(sweeps, [asked | {"recipes": recipes}, trained]))
    done = snakemake(folder, config="elsewhere.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_given_model_answers_as_the_recipe_it_was_exported_from(given):
    for task, regime in (("asked", "zero-shot"), ("trained", "sparse"), ("trained", "regrow")):
        ours, theirs = (
            read_table(given / f"{RUNS}/{recipe}/{task}/{regime}/seed1/predictions.parquet")
            for recipe in ("magnitude-u50", "theirs-u50")
        )
        assert ours.drop(columns="scores").equals(theirs.drop(columns="scores")), (task, regime)
        assert np.array_equal(np.stack(ours["scores"]), np.stack(theirs["scores"]))


def test_what_it_saves_is_measured_and_stands_in_the_tables(given):
    runs = (
        read_table(given / "results/tables/elsewhere/runs.parquet")
        .set_index(["recipe", "task", "regime"])
        .sort_index()
    )
    ours, theirs = (runs.loc[recipe, "asked", "zero-shot"] for recipe in ("magnitude-u50", "theirs-u50"))
    for column in ("level", "sparsity", "effective_bits", "body_bytes", "score"):
        assert ours[column] == theirs[column], column
    trained = runs.loc["theirs-u50", "trained"]
    assert trained["sparsity"].tolist() == [ours["sparsity"]] * 2
    assert trained.loc["regrow", "effective_bits"] == 16 and trained.loc["sparse", "effective_bits"] < 10
    assert "theirs" in (given / "results/report/elsewhere/index.html").read_text()


def test_a_given_model_that_is_the_dense_one_loses_nothing(given):
    drops = read_table(given / "results/tables/elsewhere/drops.parquet").set_index("recipe").loc["same-u10"]
    assert (drops["drop"], drops["flips"], drops["drop_low"], drops["drop_high"]) == (0, 0, 0, 0)
    metrics = read_table(given / f"{RUNS}/same-u10/asked/zero-shot/seed1/metrics.parquet").iloc[0]
    assert (metrics["sparsity"], metrics["effective_bits"]) == (0, 16)
    log = (given / "logs/fetch_given/tiny-decoder/same-u10.log").read_text()
    assert "warning: sweeps.same.source.given.u10 states 10 %" in log


def test_nothing_is_done_twice_and_another_file_reruns_its_own(given):
    assert planned(given, config="elsewhere.yaml") == {}
    config = given / "theirs/config.json"
    text = config.read_text()
    config.write_text(text + "\n")
    plan = planned(given, config="elsewhere.yaml")
    config.write_text(text)
    assert (plan["fetch_given"], plan["evaluate"], plan["finetune_kept"], plan["build_mask"]) == (1, 1, 2, 0)


def test_trained_runs_that_keep_their_weights_are_exported(given):
    done = snakemake(given, "export", config="elsewhere.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    folders = sorted(
        path.parent.relative_to(given).as_posix() for path in given.glob("results/*/**/config.json")
    )
    trained = "results/trained/tiny-decoder"
    runs = [
        f"{recipe}/trained/{regime}/seed1"
        for recipe in ("magnitude-u50", "theirs-u50")
        for regime in ("regrow", "sparse")
    ]
    models = [f"results/models/tiny-decoder/{recipe}" for recipe in ("dense", "magnitude-u50")]
    assert folders == [*models, f"{trained}/dense/trained/dense/seed1", *(f"{trained}/{run}" for run in runs)]
    folder = given / trained / "theirs-u50/trained/sparse/seed1"
    model, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
    )
    predictions = read_table(given / f"{RUNS}/theirs-u50/trained/sparse/seed1/predictions.parquet")
    questions = read_table(given / "resources/tasks/trained/validation.parquet").set_index("example_id")
    for row in predictions.itertuples():
        asked = questions.loc[row.example_id]
        # A decoder gets the question and an option on two lines.
        texts = [f"{asked['text']}\n{option}" for option in asked["options"]]
        logits = [model(**tokenizer(text, return_tensors="pt")).logits.item() for text in texts]
        shares = np.array(logits) - np.logaddexp.reduce(logits)
        assert row.scores == pytest.approx(shares, abs=1e-4)
    assert read_json(folder / "junkdna.json")["regime"] == "sparse"


def test_another_vocabulary_is_refused(given, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(given / "theirs", other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    text = (given / "elsewhere.yaml").read_text()
    config = yaml.safe_load(text)
    config["sweeps"]["theirs"]["source"]["given"] = {"u60": {"path": str(other)}}
    write(given, config)
    done = snakemake(given, "resources/given/tiny-decoder/theirs-u60/manifest.json", config="elsewhere.yaml")
    (given / "elsewhere.yaml").write_text(text)
    told = (
        "error: sweeps.theirs.source.given.u60: found a tokenizer that differs from that of the checkpoint in 2 "
        "tokens, such as 'a'; legal: a model with the vocabulary of tiny-decoder, from which it was made"
    )
    assert done.returncode == 1 and told in done.stderr, done.stderr
    assert not (given / "resources/given/tiny-decoder/theirs-u60/manifest.json").exists()


def test_the_manifest_says_what_was_measured(given):
    manifest = read_json(given / "resources/given/tiny-decoder/theirs-u50/manifest.json")
    assert manifest["source"] == {"path": "theirs"} and manifest["name"] == "theirs-u50"
    assert manifest["measured"]["sparsity"] == pytest.approx(0.5, abs=1e-3)
