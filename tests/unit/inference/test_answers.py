"""A model that is asked: score rules, free answers, compressed ones, and what no number becomes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from decoders import save_decoder
from junkdna.compression.compressed import Compressed
from junkdna.compression.masks import build_mask
from junkdna.inference import answers
from junkdna.inference.answers import AnswerSpec, AskedRun, ask_model, choose_options, judge, null_sums
from junkdna.inference.options import target_sums
from junkdna.models.decoder import load_causal
from junkdna.models.prunable import prunable_weights
from junkdna.study.specs import PruneSpec
from junkdna.tasks.ask import ask
from junkdna.tasks.prompts import PromptSpec
from junkdna.tasks.tokens import load_tokenizer
from trainings import DENSE, PRUNED

SPEC = PromptSpec(prompt="Q: {{ text }}\nA:", null_prompt="A:")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_decoder(tmp_path_factory.mktemp("decoder"))


def table(count: int) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    words = ["sun", "a long answer", "moon", "up there", "no"]
    rows = [[str(each) for each in draw.permutation(words)[: draw.integers(2, 5)]] for _ in range(count)]
    right = [int(draw.integers(len(row))) for row in rows]
    text = [f"what is {i}?" for i in range(count)]
    return pd.DataFrame({"example_id": range(count), "text": text, "options": rows, "label": right})


def run_of(checkpoint, asked, **changed) -> AskedRun:
    settings = {"gold": None, "recipe": DENSE, "regime": "dense", "how": AnswerSpec(), "precision": "fp32"}
    return AskedRun(checkpoint=checkpoint, asked=asked, device=torch.device("cpu"), **(settings | changed))


@pytest.fixture(scope="module")
def asked(checkpoint):
    return ask(table(8), table(0), load_tokenizer(checkpoint), SPEC, seed=1, room=200)


def test_the_four_score_rules_compare_what_they_say(checkpoint, asked):
    model = load_causal(checkpoint)
    tables = {rule: choose_options(model, asked, rule, "fp32") for rule in ("sum", "char", "token", "pmi")}
    for name, made in tables.items():
        for i, row in made.iterrows():
            options = table(8)["options"][i]
            assert list(row["characters"]) == [len(option) for option in options]
            assert list(row["tokens"]) == [len(option) + 1 for option in options], (
                "the space before it counts"
            )
            score = {
                "sum": row["sums"],
                "char": row["sums"] / row["characters"],
                "token": row["sums"] / row["tokens"],
                "pmi": row["sums"] - row["null_sums"],
            }[name]
            assert row["prediction"] == score.argmax()
            np.testing.assert_allclose(row["scores"], score - np.log(np.exp(score).sum()), atol=1e-4)
            assert row["loss"] == pytest.approx(-row["scores"][int(row["target"])], abs=1e-5)
            assert row["correct"] == (row["prediction"] == row["target"])
    assert not tables["sum"]["prediction"].equals(tables["token"]["prediction"])


def test_a_run_of_a_compressed_model(checkpoint, asked):
    dense = ask_model(run_of(checkpoint, asked))
    assert dense.facts["steps"] == 0 and dense.facts["effective_bits"] == 16 and not dense.facts["diverged"]
    assert dense.facts["prior_entropy"] == pytest.approx(np.log(table(8)["options"].map(len)).mean())
    found = prunable_weights(load_causal(checkpoint), "body")
    weights = {name: entry.tensor.detach() for name, entry in found.items()}
    mask = build_mask(weights, dict.fromkeys(weights, 1), PruneSpec.from_mapping(PRUNED))
    settings = {"recipe": PRUNED, "regime": "zero-shot", "compressed": Compressed(mask=mask)}
    pruned = ask_model(run_of(checkpoint, asked, **settings))
    assert pruned.facts["sparsity"] == pytest.approx(0.4, abs=1e-3)
    assert not np.allclose(
        np.concatenate(pruned.predictions["sums"]), np.concatenate(dense.predictions["sums"])
    )
    again = ask_model(run_of(checkpoint, asked, **settings))
    pd.testing.assert_frame_equal(again.predictions, pruned.predictions)
    with pytest.raises(ValueError, match="'sparse' trains"):
        ask_model(run_of(checkpoint, asked, recipe=PRUNED, regime="sparse"))


def test_weights_are_held_once_in_the_dtype_of_the_forward_pass(checkpoint, asked):
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        result = ask_model(run_of(checkpoint, asked, precision=precision))
        assert {parameter.dtype for parameter in result.model.parameters()} == {dtype}
        assert result.facts["precision"] == precision
        assert np.isfinite(result.predictions["loss"]).all()


def test_targets_after_the_null_prompt_are_those_of_one_pass_each(checkpoint, asked, monkeypatch):
    model = load_causal(checkpoint)
    expected = np.concatenate(target_sums(model, asked.without_question(), "fp32", fast=False))
    for together in (1, 3, 32):
        monkeypatch.setattr(answers, "TOGETHER", together)
        for fast in (True, False):
            np.testing.assert_allclose(null_sums(model, asked, "fp32", fast), expected, atol=2e-3)


def test_a_model_that_knows_nothing_is_at_chance_with_letters_too(checkpoint):
    """Letters are compared, not read off the end of what it writes: there a model falls below chance."""
    options = ["sun", "moon", "star", "sky"]
    rows = [(i, place) for i in range(5) for place in range(4)]
    asked_of = pd.DataFrame(
        {
            "example_id": range(len(rows)),
            "text": [f"what is {i}?" for i, _ in rows],
            "options": [options] * len(rows),
            "label": [place for _, place in rows],
        }
    )
    shown = "{{ text }} {% for each in options %}{{ 'ABCD'[loop.index0] }}. {{ each }} {% endfor %}A:"
    spec = PromptSpec(prompt=shown, answer="{{ 'ABCD'[place] }}")
    asked = ask(asked_of, table(0), load_tokenizer(checkpoint), spec, seed=1, room=200)
    made = choose_options(load_causal(checkpoint), asked, "sum", "fp32")
    # Each question once with the right one in each place: whatever it prefers, one of four is right.
    assert made["correct"].sum() == 5 and made["prediction"].isin(range(4)).all()


def test_scores_that_are_no_numbers_choose_nothing(checkpoint, asked):
    model = load_causal(checkpoint)
    model.lm_head.weight.data[7] = float("nan")
    made = choose_options(model, asked, "sum", "fp32")
    assert made["prediction"].isna().all() and made["loss"].isna().all() and not made["correct"].any()


def test_free_answers_are_judged_and_the_gold_one_has_a_likelihood(checkpoint):
    free = table(5).drop(columns=["options", "label"]).assign(answers=[["sun", "the moon"]] * 5)
    tokenizer = load_tokenizer(checkpoint)
    asked = ask(free, free.iloc[:0], tokenizer, replace(SPEC, answer="{{ answer }}"), seed=1, room=200)
    how = AnswerSpec(metric="token-f1", stop=("\n",), max_new_tokens=6)
    made = ask_model(run_of(checkpoint, asked, gold=[["sun", "the moon"]] * 5, how=how)).predictions
    assert list(made.columns[-3:]) == ["text", "ended", "written"] and len(made) == 5
    assert (made["target"] == 1).all() and made["ended"].isin(["end", "stop", "length"]).all()
    assert (made["written"] <= 6).all() and np.isfinite(made["loss"]).all() and (made["loss"] > 0).all()
    for _, row in made.iterrows():
        assert row["prediction"] == judge(row["text"], ["sun", "the moon"], how)


def test_answers_are_judged_by_the_metric():
    exact, overlap, number = (AnswerSpec(metric=each) for each in ("exact-match", "token-f1", "number"))
    assert judge("The moon.", ["moon"], exact) == 1 and judge("no moon", ["moon"], exact) == 0
    assert judge("no moon", ["moon"], overlap) == pytest.approx(2 / 3)
    assert judge("so it is 1,200.", ["1200.0"], number) == 1 and judge("", ["3"], number) == 0
    assert judge("O-Neill", ["o neill"], replace(exact, normalise="triviaqa")) == 1
    assert judge("O-Neill", ["o neill"], exact) == 0
