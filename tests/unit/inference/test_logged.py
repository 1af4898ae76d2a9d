"""A log read as a run: what our own run would have predicted, and what is not known stays unknown."""

import numpy as np
import pytest

from described import untrue
from junkdna.files.logged_answers import LoggedAnswer, SampleLog
from junkdna.inference.answers import compare_options
from junkdna.inference.logged import logged_facts, logged_predictions
from junkdna.statistics.answers import NORMALISERS, exact_match
from junkdna.tasks.logged import check_questions, describe_model, question_ids, questions_of

DENSE = {"family": "dense", "level": 0.0, "method": "none"}
PRUNED = {"family": "theirs", "level": 50.0, "method": "logged", "counts_as": "prune", "source": "logs"}
ROUNDED = {
    "family": "theirs",
    "level": 75.0,
    "method": "logged",
    "counts_as": "quantize",
    "bits": 4,
    "source": "logs",
}


def log_of(answers, **about):
    return SampleLog(
        path="logs/a.jsonl", tool="lm-evaluation-harness 0.4.13", model="m", answers=answers, about=about
    )


def likely(number=20, **changes):
    draw = np.random.default_rng(0)
    return [
        LoggedAnswer(
            key=str(i), question=f"q{i}", options=["a", "bb", "ccc"][: 2 + i % 2], right=int(draw.integers(2)),
            sums=list(draw.normal(-5, 2, 2 + i % 2)), characters=[1, 2, 3][: 2 + i % 2], **changes,
        )
        for i in range(number)
    ]  # fmt: skip


def test_likelihoods_give_the_predictions_of_a_run_of_ours():
    answers = likely()
    counts = [len(each.sums) for each in answers]
    ours = compare_options(
        example_id=question_ids(log_of(answers)),
        right=np.array([each.right for each in answers]),
        ends=np.concatenate([[0], np.cumsum(counts)]),
        rule="char",
        sums=np.concatenate([each.sums for each in answers]),
        tokens=np.ones(sum(counts)),
        characters=np.concatenate([each.characters for each in answers]),
        null_sums=np.zeros(sum(counts)),
    )
    theirs = logged_predictions(log_of(answers), "choice", "char")
    assert untrue("predictions", theirs) == []
    for column in ("example_id", "target", "prediction", "correct", "loss"):
        assert ours[column].equals(theirs[column]), column
    # Against the definition: the log of the share of the right option among all, by character.
    for row, answer in zip(theirs.itertuples(), answers, strict=True):
        by_character = np.array(answer.sums) / answer.characters
        share = np.exp(by_character[answer.right]) / np.exp(by_character).sum()
        assert row.loss == pytest.approx(-np.log(share), rel=1e-5)
        assert row.prediction == by_character.argmax() and np.isnan(row.tokens).all()


def test_a_rule_that_the_log_has_not_is_refused():
    with pytest.raises(
        ValueError, match="logs/a.jsonl: it has no null_sums of options, so score 'pmi' is not there"
    ):
        logged_predictions(log_of(likely()), "choice", "pmi")
    predictions = logged_predictions(log_of([*likely(null_sums=[-1.0, -1.0])[:1]]), "choice", "pmi")
    assert np.isfinite(predictions["loss"]).all()


def test_named_options_have_no_loss_and_an_answer_that_names_none_is_wrong():
    answers = [
        LoggedAnswer(key="1", question="q", options=["a", "b"], right=1, chosen=1, score=1.0),
        LoggedAnswer(key="2", question="q", options=["a", "b", "c"], right=1, chosen=-1, score=0.0),
        LoggedAnswer(key="3", question="q", options=["a", "b"], right=0, chosen=1, score=0.0),
    ]
    predictions = logged_predictions(log_of(answers), "choice", "sum")
    assert untrue("predictions", predictions) == []
    assert predictions["prediction"].tolist() == [1, -1, 1] and predictions["correct"].tolist() == [
        True,
        False,
        False,
    ]
    assert predictions["loss"].isna().all() and predictions["scores"].map(len).tolist() == [2, 3, 2]
    facts = logged_facts(log_of(answers), predictions, DENSE, "choice")
    assert facts["prior_entropy"] == pytest.approx(np.log([2, 3, 2]).mean()) and not facts["diverged"]


def test_free_answers_keep_the_score_of_the_log():
    answers = [
        LoggedAnswer(key="1", question="q", gold=["Ann"], score=1.0, written="ann"),
        LoggedAnswer(key="2", question="r", gold=["Bob"], score=0.0, written="no", ended="length", tokens=4),
    ]
    predictions = logged_predictions(log_of(answers), "generate", "")
    assert untrue("predictions", predictions) == []
    squad = NORMALISERS["squad"]
    ours = [exact_match(each.written, each.gold, squad) for each in answers]
    assert predictions["prediction"].tolist() == ours
    assert predictions["ended"].isna().tolist() == [True, False] and predictions["ended"][1] == "length"


def test_a_score_that_is_no_number_is_told_as_one():
    answers = [LoggedAnswer(key="1", question="q", gold=["a"], written="b")]
    predictions = logged_predictions(log_of(answers), "generate", "")
    assert predictions["prediction"].isna().all()
    assert logged_facts(log_of(answers), predictions, DENSE, "generate")["diverged"]


@pytest.mark.parametrize(
    ("recipe", "sparsity", "bits"), [(DENSE, 0.0, 16), (PRUNED, 0.5, 9), (ROUNDED, 0.0, 4)]
)
def test_what_is_saved_is_as_stated(recipe, sparsity, bits):
    log = log_of(likely(), precision="bf16", versions="lm_eval 0.4.13")
    facts = logged_facts(log, logged_predictions(log, "choice", "sum"), recipe, "choice")
    assert (facts["sparsity"], facts["effective_bits"]) == (sparsity, bits)
    assert (facts["precision"], facts["device"], facts["versions"]) == ("bf16", "unknown", "lm_eval 0.4.13")


def test_other_questions_are_refused_and_other_prompts_are_counted():
    answers = likely(prompt="p")
    questions = questions_of(log_of(answers), "choice")
    assert untrue("validation", questions) == []
    assert check_questions(log_of(answers[::-1]), questions) == 0
    assert check_questions(log_of([*likely(prompt="other")[:3], *answers[3:]]), questions) == 3
    with pytest.raises(
        ValueError, match="of the 20 questions of the dense log 2 are missing, and 0 are others.*'q0'"
    ):
        check_questions(log_of(answers[2:]), questions)
    with pytest.raises(ValueError, match="0 are missing, and 1 are others, such as 'new'"):
        check_questions(log_of([*answers, LoggedAnswer(key="new", question="new")]), questions)


def test_questions_that_are_alike_are_counted():
    twice = [LoggedAnswer(key="k", question="q", gold=["a"], score=1.0)] * 2
    questions = questions_of(log_of(twice), "generate")
    assert questions["example_id"].nunique() == 2 and untrue("validation", questions) == []
    with pytest.raises(ValueError, match="1 are missing"):
        check_questions(log_of(twice[:1]), questions)


def test_a_checkpoint_is_one_model():
    log = log_of(likely(), parameters=1000)
    assert describe_model([log, log], "key")["parameters"] == 1000
    other = SampleLog(path="b", tool="t", model="another", answers=[])
    with pytest.raises(ValueError, match="key: found logs of 'm', 'another'; legal: logs of one model"):
        describe_model([log, other], "key")
