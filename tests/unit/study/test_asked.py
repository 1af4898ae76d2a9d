"""Tasks that a language model is asked: what may stand in a config, what is filled in, which runs there are."""

import pytest
import yaml

from configs import ROOT, SCHEMA, lines, user
from junkdna.inference.answers import AnswerSpec, judge
from junkdna.provenance.config_hashes import hash_parts
from junkdna.statistics.answers import NORMALISERS
from junkdna.study.check import check
from junkdna.study.figure_names import figure_names
from junkdna.study.recipes import expand_recipes
from junkdna.study.runs import null_runs, traced_runs, valid_runs
from junkdna.study.specs import NORMALISATIONS, SCORE_RULES
from junkdna.tasks.prompts import PromptSpec, question_of

QUESTIONS = {
    "source": {"path": {"train": "a.jsonl", "validation": "b.jsonl"}},
    "format": "choice",
    "columns": {"text": "question", "options": "options", "label": "label"},
    "metric": "accuracy",
    "version": 1,
    "prompt": "Q: {{ text }}",
}
FREE = {
    "source": QUESTIONS["source"],
    "format": "generate",
    "columns": {"text": "question", "answers": "answers"},
    "metric": "token-f1",
    "version": 1,
    "prompt": "Q: {{ text }}",
}


def study(**tasks):
    whole = user()
    whole["tasks"] |= tasks
    whole["study"]["tasks"] = list(tasks)
    whole["study"] |= {
        "axes": [],
        "runs": [{"recipes": ["magnitude"], "regimes": ["zero-shot"]}],
        "seeds": [1, 2],
    }
    return whole


def test_what_is_not_said_is_filled_in():
    tasks = check(study(asked=QUESTIONS, free=FREE), SCHEMA)["tasks"]
    assert {key: tasks["asked"][key] for key in ("answer", "delimiter", "score", "separator", "shots")} == {
        "answer": "{{ option }}",
        "delimiter": " ",
        "score": "sum",
        "separator": "\n\n",
        "shots": 0,
    }
    assert tasks["free"]["stop"] == ["\n"] and tasks["free"]["max_new_tokens"] == 16
    assert tasks["free"]["normalise"] == "squad" and "score" not in tasks["free"]
    assert tasks["asked"]["max_length"] == 2048
    trained = {key: value for key, value in QUESTIONS.items() if key != "prompt"}
    assert "shots" not in check(study(asked=QUESTIONS, trained=trained) | {"study": study(asked=QUESTIONS)["study"]},
                                SCHEMA)["tasks"]["trained"]  # fmt: skip


def test_what_is_said_of_writing_is_dropped_where_nothing_is_written():
    free = FREE | {"stop": ["."], "max_new_tokens": 3, "normalise": "triviaqa", "human": "squad", "shots": 2}
    tasks = check(study(free=free, likely={"base": "free", "metric": "gold-likelihood"}), SCHEMA)["tasks"]
    dropped = {"stop", "max_new_tokens", "normalise", "human"}
    assert dropped <= set(tasks["free"]) and not dropped & set(tasks["likely"])
    assert {key: value for key, value in tasks["free"].items() if key not in dropped | {"metric"}} == {
        key: value for key, value in tasks["likely"].items() if key != "metric"
    }
    whole = check(study(free=free, likely={"base": "free", "metric": "gold-likelihood"}), SCHEMA)
    assert check(whole, SCHEMA) == whole
    for name, drawn in (("free", True), ("likely", False)):
        runs = [{"task": name, "recipe": "magnitude-u50", "regime": "zero-shot"}]
        assert ("answers" in figure_names(whole, runs)) == drawn


def test_a_task_has_a_run_a_seed_only_where_shots_are_drawn():
    config = check(study(asked=QUESTIONS, shown=QUESTIONS | {"shots": 3}), SCHEMA)
    runs = valid_runs(config)
    seeds = {task: {run["seed"] for run in runs if run["task"] == task} for task in ("asked", "shown")}
    assert seeds == {"asked": {1}, "shown": {1, 2}}
    assert {run["regime"] for run in runs} == {"dense", "zero-shot"}
    config["study"] |= {"null_input": True, "cartography": True}
    assert null_runs(config, runs) == [] and traced_runs(config, runs) == []


@pytest.mark.parametrize(
    ("task", "line"),
    [
        (FREE | {"score": "sum"}, "tasks.asked.score: found beside format generate; legal: with format choice only"),
        (QUESTIONS | {"stop": ["."]}, "tasks.asked.stop: found beside format choice; legal: with format generate only"),
        ({k: v for k, v in FREE.items() if k != "prompt"},
         "tasks.asked.prompt: missing; format generate needs what a model is asked"),
        ({k: v for k, v in QUESTIONS.items() if k != "prompt"} | {"shots": 2},
         "tasks.asked.shots: found without prompt; legal: beside prompt only"),
        (FREE | {"metric": "accuracy"},
         "tasks.asked.metric: found 'accuracy'; legal: exact-match, token-f1, number, gold-likelihood (format "
         "generate)"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told(task, line):
    assert line in lines(study(asked=task))


def test_a_regime_that_trains_is_refused_and_so_is_asking_without_a_prompt():
    wrong = study(asked=QUESTIONS)
    wrong["study"]["runs"] = [{"recipes": ["magnitude"], "regimes": ["sparse"]}]
    (line,) = lines(wrong)
    assert "found 'sparse' on task asked with a prompt; legal: zero-shot" in line
    wrong = study(asked={k: v for k, v in QUESTIONS.items() if k != "prompt"})
    assert any("found 'zero-shot' on task asked of format choice" in line for line in lines(wrong))


def test_another_prompt_makes_other_tokens_and_another_task_does_not():
    def tokens(**changed):
        config = check(study(asked=QUESTIONS | changed), SCHEMA)
        return hash_parts(config, expand_recipes(config["sweeps"]), {})["tokens"]["asked"]

    assert tokens() == tokens() != tokens(prompt="{{ text }}")
    assert len({tokens(), tokens(shots=1), tokens(score="pmi"), tokens(null_prompt="A:")}) == 4


def test_triviaqa_is_asked_as_it_is_written_and_judged_by_its_own_scorer():
    """lm-evaluation-harness adds a second question mark, stops at full stops and commas, and keeps articles."""
    tasks = yaml.safe_load((ROOT / "config/catalog/tasks.yaml").read_text())["tasks"]
    catalog = {name: tasks[name] for name in ("triviaqa", "triviaqa-closed")}
    asked = check(study(**catalog), SCHEMA)["tasks"]
    for task in asked.values():
        if task["format"] != "generate":
            continue
        row = {"text": "Who led the U.S. Army?", "evidence": "", "answers": ["Ulysses S. Grant"]}
        question = question_of(row, PromptSpec.from_mapping(task)).contexts[0]
        assert question == "Question: Who led the U.S. Army?\nAnswer:"
        how = AnswerSpec.from_mapping(task)
        assert how.stop == ("\n",) and how.normalise == "triviaqa"
        assert judge("the Ulysses S. Grant", row["answers"], how) == 1
        assert judge("Ulysses S", row["answers"], how) == 0, "which is what stands before the first full stop"


def test_the_schema_names_the_rules_that_there_are():
    task = SCHEMA["$defs"]["task"]["properties"]
    assert tuple(task["score"]["enum"]) == SCORE_RULES
    assert tuple(task["normalise"]["enum"]) == NORMALISATIONS == tuple(NORMALISERS)
