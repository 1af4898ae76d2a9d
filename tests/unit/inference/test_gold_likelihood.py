"""The likelihood of gold answers against a plain loop, and what it is for a model that does not hear its question."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from decoders import save_decoder
from described import untrue
from junkdna.inference.answers import AnswerSpec, AskedRun, ask_model
from junkdna.inference.gold_likelihood import likelihood_of_gold
from junkdna.models.decoder import load_causal
from junkdna.tasks.ask import ask
from junkdna.tasks.prompts import PromptSpec
from junkdna.tasks.tokens import load_tokenizer
from trainings import DENSE

SPEC = PromptSpec(prompt="Q: {{ text }}\nA:", answer="{{ answer }}")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_decoder(tmp_path_factory.mktemp("decoder"))


def questions(count: int = 7) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    words = ["sun", "a long answer", "moon", "up there", "no"]
    answers = [[str(each) for each in draw.permutation(words)[: draw.integers(1, 4)]] for _ in range(count)]
    ids = draw.permutation(np.arange(count) * 10)
    return pd.DataFrame(
        {"example_id": ids, "text": [f"what is {i}?" for i in range(count)], "answers": answers}
    )


def asked_of(table, checkpoint):
    return ask(table, table.iloc[:0], load_tokenizer(checkpoint), SPEC, seed=1, room=200)


def mean_probability(model, context, target) -> float:
    """One sequence alone, a token at a time."""
    logs = []
    for place, token in enumerate(target):
        ids = torch.tensor([[*context, *target[:place]]])
        logs.append(model(ids).logits[0, -1].log_softmax(0)[token].item())
    return float(np.exp(np.mean(logs)))


@torch.inference_mode()
def test_it_is_the_likeliest_alias_after_the_own_question_and_after_another(checkpoint):
    model, table = load_causal(checkpoint), questions()
    asked = asked_of(table, checkpoint)
    made, encoded = likelihood_of_gold(model, asked, "fp32"), asked.encoded()
    assert untrue("predictions", made) == []
    following = dict(zip(sorted(table["example_id"]), np.roll(sorted(table["example_id"]), -1), strict=True))
    place = {example: i for i, example in enumerate(table["example_id"])}
    for i, row in made.iterrows():
        assert row["example_id"] == table["example_id"][i] and row["target"] == 1
        other = place[following[row["example_id"]]]
        for column, at in (("prediction", i), ("by_chance", other)):
            expected = [mean_probability(model, encoded[at].context, own) for own in encoded[i].targets]
            assert row[column] == pytest.approx(max(expected), rel=1e-4), column
        assert row["loss"] == pytest.approx(-np.log(row["prediction"]), abs=1e-5)
        assert row["scores"][0] == pytest.approx(-row["loss"])


def test_every_question_serves_another_one_whatever_their_order(checkpoint):
    table = questions()
    model = load_causal(checkpoint)
    order = np.random.default_rng(3).permutation(len(table))
    first, second = (
        likelihood_of_gold(model, asked_of(each, checkpoint), "fp32").set_index("example_id")
        for each in (table, table.iloc[order].reset_index(drop=True))
    )
    np.testing.assert_allclose(first["by_chance"], second.loc[first.index, "by_chance"], rtol=1e-4)
    other = asked_of(table, checkpoint).another()
    assert sorted(other) == list(range(len(table))) and (other != np.arange(len(table))).all()


def test_a_model_that_does_not_read_its_question_scores_what_chance_is(checkpoint):
    """Nothing passes from one place to the next, so all that counts is the last token, which all contexts share."""
    deaf = copy.deepcopy(load_causal(checkpoint))
    for layer in deaf.model.layers:
        layer.self_attn.o_proj.weight.data.zero_()
    made = likelihood_of_gold(deaf, asked_of(questions(), checkpoint), "fp32")
    np.testing.assert_allclose(made["prediction"], made["by_chance"], rtol=1e-5)
    assert made["prediction"].nunique() > 1


def test_a_single_question_has_nothing_above_chance(checkpoint):
    made = likelihood_of_gold(load_causal(checkpoint), asked_of(questions(1), checkpoint), "fp32")
    assert made["prediction"][0] == pytest.approx(made["by_chance"][0], rel=1e-5)


def test_no_number_is_no_likelihood(checkpoint):
    model = load_causal(checkpoint)
    model.lm_head.weight.data[7] = float("nan")
    made = likelihood_of_gold(model, asked_of(questions(), checkpoint), "fp32")
    assert made["prediction"].isna().all() and made["loss"].isna().all() and made["correct"].isna().all()


def test_the_metric_decides_whether_anything_is_written(checkpoint):
    table = questions()
    common = {"recipe": DENSE, "regime": "dense", "precision": "fp32", "device": torch.device("cpu")}
    common |= {
        "checkpoint": checkpoint,
        "asked": asked_of(table, checkpoint),
        "gold": table["answers"].tolist(),
    }
    made = {}
    for metric in ("gold-likelihood", "exact-match"):
        result = ask_model(AskedRun(how=AnswerSpec(metric=metric, max_new_tokens=3), **common))
        made[metric] = result.predictions
        assert untrue("predictions", result.predictions) == [] and np.isnan(result.facts["prior_entropy"])
    assert "text" in made["exact-match"] and "text" not in made["gold-likelihood"]
    np.testing.assert_allclose(made["exact-match"]["loss"], made["gold-likelihood"]["loss"], atol=1e-4)
