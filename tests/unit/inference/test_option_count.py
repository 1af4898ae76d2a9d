"""Fewer options from the run with all of them, against brute force over every choice of the others."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from described import untrue
from junkdna.inference.option_count import chance_to_win, facts_of_fewer, mean_loss, with_fewer_options
from junkdna.statistics.metrics import chance, score


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def brute(scores, right, count):
    """Share of the choices in which the right option is the first of the best ones, and its mean loss."""
    wins, losses = [], []
    for others in combinations([i for i in range(len(scores)) if i != right], count - 1):
        kept = sorted([right, *others])
        own = np.asarray(scores)[kept]
        wins.append(kept[int(own.argmax())] == right)
        losses.append(-np.log(np.exp(scores[right]) / np.exp(own).sum()))
    return np.mean(wins), np.mean(losses)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_equals_the_mean_over_every_choice_of_the_others(rng, count):
    for _ in range(40):
        scores = rng.normal(size=5).round(1)  # some are equal
        right = int(rng.integers(5))
        won, lost = brute(scores, right, count)
        assert chance_to_win(scores, right, count) == pytest.approx(won)
        assert mean_loss(scores, right, count, 0) == pytest.approx(lost)


def test_of_very_many_choices_a_seeded_part_comes_near_the_mean_over_all(rng):
    scores = rng.normal(size=20)
    assert mean_loss(scores, 3, 6, 1) == mean_loss(scores, 3, 6, 1) != mean_loss(scores, 3, 6, 2)
    assert mean_loss(scores, 3, 6, 1) == pytest.approx(brute(scores, 3, 6)[1], rel=0.03)


def predictions(rng, knows, n=400, k=5):
    right = rng.integers(k, size=n)
    raw = rng.normal(size=(n, k))
    raw[np.arange(n), right] += knows
    scores = raw - np.logaddexp.reduce(raw, axis=1, keepdims=True)
    return pd.DataFrame(
        {
            "example_id": np.arange(n),
            "target": right.astype(float),
            "prediction": scores.argmax(axis=1).astype(float),
            "correct": pd.array(scores.argmax(axis=1) == right, dtype="boolean"),
            "loss": -scores[np.arange(n), right].astype(np.float32),
            "scores": list(scores.astype(np.float32)),
        }
    )


def test_with_all_its_options_a_question_stays_as_it_is(rng):
    whole = predictions(rng, 1.0)
    same = with_fewer_options(whole, 5)
    assert same["prediction"].tolist() == whole["correct"].astype(float).tolist()
    assert same["loss"].to_numpy() == pytest.approx(whole["loss"].to_numpy(), rel=1e-5)


def test_who_knows_nothing_is_at_chance_and_who_knows_gains_by_fewer_options(rng):
    for knows in (0.0, 1.5):
        whole = predictions(rng, knows, n=4000)
        means = []
        for count in (2, 3, 5):
            fewer = with_fewer_options(whole, count)
            assert untrue("predictions", fewer) == []
            options = fewer["scores"].map(len).to_numpy()
            guess = chance("expected-accuracy", fewer["target"].to_numpy(), options)[0]
            means.append(score("expected-accuracy", fewer["target"], fewer["prediction"].to_numpy())[0])
            assert guess == pytest.approx(1 / count)
            if not knows:
                assert means[-1] == pytest.approx(1 / count, abs=0.025)
        assert means[0] > means[1] > means[2]


def test_what_is_no_number_stays_none(rng):
    whole = predictions(rng, 1.0, n=6)
    whole.at[2, "scores"] = np.full(5, np.nan, dtype=np.float32)
    whole.loc[2, ["prediction", "loss"]] = np.nan
    fewer = with_fewer_options(whole, 3)
    assert fewer["prediction"].isna().tolist() == [False, False, True, False, False, False]
    assert fewer["loss"].isna().sum() == 1 and not np.isfinite(fewer["scores"][2]).any()


def test_more_options_than_there_are_is_an_error(rng):
    with pytest.raises(ValueError, match="options: found 6; legal: up to 5"):
        with_fewer_options(predictions(rng, 1.0, n=3), 6)


def test_time_is_counted_once_and_a_loss_that_is_no_number_is_a_divergence(rng):
    whole = dict.fromkeys(
        ("train_examples", "validation_examples", "steps", "train_seconds", "eval_seconds", "load_seconds",
         "examples_per_second", "peak_memory_mb", "sparsity", "effective_bits", "body_bytes", "first_loss",
         "final_loss", "min_loss", "prior_entropy", "precision", "device", "threads"), 7.0,
    )  # fmt: skip
    fewer = with_fewer_options(predictions(rng, 1.0), 2)
    facts = facts_of_fewer(whole, fewer, 2)
    assert (facts["eval_seconds"], facts["load_seconds"], facts["peak_memory_mb"]) == (0, 0, 7)
    assert facts["final_loss"] == pytest.approx(fewer["loss"].mean()) and not facts["diverged"]
    assert facts["prior_entropy"] == pytest.approx(np.log(2))
    fewer.loc[0, "loss"] = np.nan
    assert facts_of_fewer(whole, fewer, 2)["diverged"]
