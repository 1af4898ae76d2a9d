"""Sample logs are read as they are, and what is wrong with one is told with its file."""

import json
import math

import pytest

from junkdna.files.sample_logs import read_log
from logs import choice_sample, inspect_sample, write_inspect, write_lm_eval, written_sample

KEY = "checkpoints.mine.source.logs"
OPTIONS = ["sun", "the moon", "star"]


def read(place, task="arc", form="choice", **wanted):
    return read_log(place, {"task": task, **wanted}, form, KEY)


def chosen(**changes):
    return [
        choice_sample(0, OPTIONS, 1, [-3.5, -1.25, -9.0], **changes),
        choice_sample(1, OPTIONS, 0, [-3.5, -1.25, -9.0], **changes),
    ]


def test_options_come_with_their_likelihoods_and_lengths(tmp_path):
    log = read(write_lm_eval(tmp_path / "out/some__model", {"arc": chosen()}).parent)
    first, second = log.answers
    assert (first.options, first.right, second.right) == (OPTIONS, 1, 0)
    assert first.sums == [-3.5, -1.25, -9.0] and first.characters == [3, 8, 4] and not first.null_sums
    assert first.question == "Question: what is 0?\nAnswer:" and first.key != second.key
    assert log.likely and log.model == "some/model" and log.tool == "lm-evaluation-harness 0.4.13"
    assert log.about == {
        "precision": "fp32", "device": "cpu", "parameters": 1000, "versions": "lm_eval 0.4.13, transformers 5.23.0",
    }  # fmt: skip


def test_the_right_option_may_be_told_by_its_text(tmp_path):
    samples = chosen()
    for sample, text in zip(samples, ("the moon", "sun"), strict=True):
        sample["target"] = text
    log = read(write_lm_eval(tmp_path, {"arc": samples}))
    assert [answer.right for answer in log.answers] == [1, 0]
    # Options that are numbers: only one reading of the target goes with the scores.
    numbers = [choice_sample(i, ["1", "2", "0"], right, [-1.0, -2.0, -3.0]) for i, right in enumerate((0, 2))]
    for sample in numbers:
        sample["target"] = sample["doc"]["options"][sample["doc"]["label"]]
    log = read(write_lm_eval(tmp_path / "numbers", {"arc": numbers}))
    assert [answer.right for answer in log.answers] == [0, 2]


def test_partial_scoring_says_only_whether_the_likeliest_was_right(tmp_path):
    samples = [choice_sample(i, ["he", "she"], right, [-2.0, -1.0]) for i, right in enumerate((1, 0))]
    for sample in samples:
        sample["target"] = "went home."
        for place, each in enumerate(sample["arguments"].values()):
            each |= {"arg_0": f"Then {sample['doc']['options'][place]}", "arg_1": " went home."}
    log = read(write_lm_eval(tmp_path, {"arc": samples}))
    assert [answer.right for answer in log.answers] == [1, 0]
    assert log.answers[0].options == ["Then he", "Then she"] and not log.answers[0].characters


def test_options_after_nothing_are_the_null_prompt(tmp_path):
    sample = choice_sample(0, OPTIONS, 1, [-3.0, -1.0, -9.0])
    for place, option in enumerate(OPTIONS):
        sample["arguments"][f"gen_args_{3 + place}"] = {"arg_0": "", "arg_1": f" {option}"}
        sample["filtered_resps"].append([str(-10.0 - place), "False"])
    answer = read(write_lm_eval(tmp_path, {"arc": [sample]})).answers[0]
    assert (answer.sums, answer.null_sums) == ([-3.0, -1.0, -9.0], [-10.0, -11.0, -12.0])


def test_free_answers_come_with_the_score_of_the_log(tmp_path):
    samples = [written_sample(0, ["Ann", "Anna"], " Ann", 1.0), written_sample(1, ["Bob"], "", 0.0)]
    log = read(write_lm_eval(tmp_path, {"who": samples}), "who", "generate")
    first, second = log.answers
    assert (first.gold, first.written, first.score, first.ended) == (["Ann", "Anna"], " Ann", 1.0, None)
    assert (second.written, second.score) == ("", 0.0) and not log.likely


def test_of_several_filters_and_metrics_one_is_named(tmp_path):
    samples = [written_sample(0, ["3"], "3 or 4", 0.0, filter="strict")]
    samples.append(
        written_sample(0, ["3"], "3", 1.0, filter="flexible", metrics=["exact_match", "f1"], f1=0.5)
    )
    place = write_lm_eval(tmp_path, {"who": samples})
    with pytest.raises(ValueError, match="found filters strict, flexible; say which: source.logs.filter"):
        read(place, "who", "generate")
    assert read(place, "who", "generate", filter="flexible", metric="f1").answers[0].score == 0.5
    with pytest.raises(ValueError, match="found metrics exact_match, f1; say which: source.logs.metric"):
        read(place, "who", "generate", filter="flexible")
    with pytest.raises(
        ValueError, match="source.logs.filter: found 'strickt'; legal: .*; did you mean 'strict'"
    ):
        read(place, "who", "generate", filter="strickt")


def test_nan_stays_nan(tmp_path):
    samples = [choice_sample(0, OPTIONS, 1, [math.nan, math.nan, math.nan]), *chosen()[1:]]
    log = read(write_lm_eval(tmp_path, {"arc": samples}))
    assert all(map(math.isnan, log.answers[0].sums)) and log.likely
    log = read(write_lm_eval(tmp_path, {"who": [written_sample(0, ["a"], "b", math.nan)]}), "who", "generate")
    assert math.isnan(log.answers[0].score)


def test_a_log_of_another_task_is_told_with_the_nearest_name(tmp_path):
    place = write_lm_eval(tmp_path / "logs", {"arc_easy": chosen()})
    with pytest.raises(
        ValueError, match=rf"{KEY}: found in '.*logs' no task 'arc-easy'; .*did you mean 'arc_easy'"
    ):
        read(place, "arc-easy")
    with pytest.raises(ValueError, match="found no log in .*; legal: a samples_<task>_<date>.jsonl"):
        (tmp_path / "empty").mkdir()
        read(tmp_path / "empty")


def test_two_logs_of_a_task_are_one_too_many(tmp_path):
    for name in ("one", "two"):
        write_lm_eval(tmp_path / name, {"arc": chosen()})
    with pytest.raises(ValueError, match=r"found 2 logs of arc: .*one/samples.*two/samples.*; legal: one"):
        read(tmp_path)
    assert len(read(tmp_path / "one").answers) == 2


def test_a_cut_log_is_told_with_its_line(tmp_path):
    place = write_lm_eval(tmp_path, {"arc": chosen()})
    path = next(place.glob("samples*"))
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ValueError, match="line 2 is no JSON object; the log may be cut off"):
        read(path)
    next(place.glob("results*")).unlink()
    with pytest.raises(FileNotFoundError, match=r"results_.*json is not beside it"):
        read(path)


def test_a_form_that_the_log_has_not_is_refused(tmp_path):
    place = write_lm_eval(tmp_path, {"arc": chosen(), "who": [written_sample(0, ["a"], "b", 0.0)]})
    with pytest.raises(ValueError, match="question 0 has no likelihood for each of two options"):
        read(place, "who")
    with pytest.raises(ValueError, match="question 0 has no written answer"):
        read(place, "arc", "generate")
    wrong = write_lm_eval(tmp_path / "percent", {"who": [written_sample(0, ["a"], "b", 34.2)]})
    with pytest.raises(ValueError, match=r"question 0 has the score 34\.2; legal: 0 to 1"):
        read(wrong, "who", "generate")
    several = write_lm_eval(tmp_path / "several", {"arc": chosen(target="[0, 1]")})
    with pytest.raises(ValueError, match="it does not say which option is right, or names several"):
        read(several)


def test_inspect_names_options_by_letter(tmp_path):
    samples = [
        inspect_sample(1, "B", "C", "B", OPTIONS),
        inspect_sample(2, ["A"], "I", "C", OPTIONS),
        inspect_sample(3, "A", "I", "", OPTIONS),
        inspect_sample(4, "A", math.nan, "", OPTIONS),
    ]
    log = read(write_inspect(tmp_path / "logs/a.json", "arc", samples).parent)
    assert [answer.right for answer in log.answers] == [1, 0, 0, 0]
    assert [answer.chosen for answer in log.answers] == [1, 2, -1, -1] and not log.likely
    assert [answer.score for answer in log.answers[:3]] == [1, 0, 0] and math.isnan(log.answers[3].score)
    assert (log.tool, log.model) == ("inspect 0.3.285", "mock/model")


@pytest.mark.parametrize(
    ("value", "score"),
    [("C", 1), ("P", 0.5), ("I", 0), ("N", 0), (True, 1), ("0.25", 0.25), (1, 1), ("yes", 1)],
)
def test_inspect_scores_are_read_as_inspect_reads_them(tmp_path, value, score):
    place = write_inspect(tmp_path / "a.json", "who", [inspect_sample(1, ["Ann"], value, "Ann said")])
    answer = read(place, "who", "generate").answers[0]
    assert (answer.score, answer.written, answer.gold, answer.tokens, answer.ended) == (
        score, "Ann said", ["Ann"], 3, "stop",
    )  # fmt: skip


WRONG = {
    "not finished": ({"status": "error"}, "found status 'error'; legal: success"),
    "another version": ({"version": 3}, "found version 3 of inspect's log format; legal: 2"),
    "twice": (
        {"samples": [inspect_sample(1, "A", "C", "A", OPTIONS)] * 2},
        r"answered more than once \(epochs\); legal: once each",
    ),
    "an error": (
        {"samples": [inspect_sample(1, "A", "C", "A", OPTIONS) | {"error": {"message": "no"}}]},
        "question 1 ended in an error",
    ),
    "no options": (
        {"samples": [inspect_sample(1, "A", "C", "A")]},
        "question 1 has 0 options and the target 'A'",
    ),
    "a score that is a mapping": (
        {"samples": [inspect_sample(1, "A", {"a": 1}, "A", OPTIONS)]},
        r"question 1 has the score \{'a': 1\}; legal: 0 to 1",
    ),
    "nothing": ({"samples": []}, "it holds no sample"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_log_of_inspect_is_refused(tmp_path, wrong):
    changes, told = WRONG[wrong]
    whole = {"samples": [inspect_sample(1, "A", "C", "A", OPTIONS)], **changes}
    place = write_inspect(tmp_path / "a.json", "arc", **whole)
    with pytest.raises(ValueError, match=told):
        read(place)


def test_files_that_are_no_logs_are_passed_over(tmp_path):
    write_lm_eval(tmp_path, {"arc": chosen()})
    (tmp_path / "notes.json").write_text(json.dumps({"eval": 3}))
    (tmp_path / "broken.json").write_text("{")
    assert len(read(tmp_path).answers) == 2
