"""Sample logs of lm-evaluation-harness (`--log_samples`): JSON lines, a question each, beside a JSON of results."""

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from junkdna.files.logged_answers import LoggedAnswer, SampleLog, checked_score
from junkdna.study.problems import problem

SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl")
PRECISIONS = {"torch.float32": "fp32", "torch.bfloat16": "bf16", "torch.float16": "fp16"}
NEEDED = ("arguments", "doc_hash", "filter", "filtered_resps", "target")
Sample = Mapping[str, Any]


def read_lm_eval(path: Path, form: str, wanted: Mapping[str, str]) -> SampleLog:
    """Read `samples_<task>_<date>.jsonl` and `results_<date>.json` beside it.

    form: `choice` or `generate`. wanted: `metric` and `filter`, where there are several. ValueError where a line is no
    sample of that form, FileNotFoundError without the results.
    """
    match = SAMPLES.fullmatch(path.name)
    assert match, path
    results = path.with_name(f"results_{match['date']}.json")
    if not results.is_file():
        raise FileNotFoundError(
            f"{path}: {results.name} is not beside it; legal: both, as lm-evaluation-harness writes"
        )
    about = json.loads(results.read_text(encoding="utf-8"))
    config = about.get("configs", {}).get(match["task"], {})
    samples = _of_filter(path, _lines(path), wanted.get("filter"))
    read = _choices if form == "choice" else _written
    answers = read(path, samples, config, wanted.get("metric"))
    return SampleLog(
        path=str(path),
        tool=f"lm-evaluation-harness {about.get('lm_eval_version', 'of unknown version')}",
        model=str(about.get("model_name") or about.get("config", {}).get("model", "")),
        answers=answers,
        about=_facts(about),
    )


def _facts(about: Mapping[str, Any]) -> dict[str, Any]:
    held = about.get("config", {})
    versions = [f"lm_eval {about['lm_eval_version']}"] if "lm_eval_version" in about else []
    versions += [f"transformers {about['transformers_version']}"] if "transformers_version" in about else []
    facts = {
        "precision": PRECISIONS.get(str(held.get("model_dtype"))),
        "device": held.get("device"),
        "parameters": held.get("model_num_parameters"),
        "versions": ", ".join(versions),
    }
    return {name: value for name, value in facts.items() if value}


def _lines(path: Path) -> list[Sample]:
    samples = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            sample = json.loads(line)
            lost = [key for key in NEEDED if key not in sample]
        except (ValueError, TypeError):
            raise ValueError(f"{path}: line {number} is no JSON object; the log may be cut off") from None
        if lost:
            raise ValueError(
                f"{path}: line {number} lacks {', '.join(lost)}; legal: what --log_samples writes"
            )
        samples.append(sample)
    if not samples:
        raise ValueError(f"{path}: it holds no sample")
    return sorted(samples, key=lambda sample: sample.get("doc_id", 0))


def _of_filter(path: Path, samples: Sequence[Sample], wanted: str | None) -> list[Sample]:
    found = list(dict.fromkeys(str(sample["filter"]) for sample in samples))
    if wanted is None and len(found) > 1:
        raise ValueError(
            f"{path}: found filters {', '.join(found)}; say which: source.logs.filter of the task"
        )
    if wanted is not None and wanted not in found:
        raise ValueError(f"{path}: {problem('source.logs.filter', wanted, found)}")
    return [sample for sample in samples if sample["filter"] == (wanted or found[0])]


def _choices(
    path: Path, samples: Sequence[Sample], config: Mapping[str, Any], _: object
) -> list[LoggedAnswer]:
    delimiter = config.get("target_delimiter", " ")
    rows = [_options(path, sample, delimiter) for sample in samples]
    for reading in (_place, _text, _by_score):
        rights = [reading(sample, row) for sample, row in zip(samples, rows, strict=True)]
        if all(map(_agrees, samples, rows, rights)):
            break
    else:
        raise ValueError(
            f"{path}: it does not say which option is right, or names several; legal: one a question"
        )
    return [
        LoggedAnswer(**row, **_question(sample, config), right=int(right or 0))
        for sample, row, right in zip(samples, rows, rights, strict=True)
    ]


def _options(path: Path, sample: Sample, delimiter: str) -> dict[str, Any]:
    """The options of a question, and how likely each was."""
    asked = list(sample["arguments"].values())
    answers = sample["filtered_resps"]
    if not (len(asked) == len(answers) > 1) or any(
        not isinstance(each, list) or len(each) != 2 for each in answers
    ):
        raise ValueError(
            f"{path}: question {sample.get('doc_id')} has no likelihood for each of two options or more; legal with "
            "format choice: a task of output_type multiple_choice"
        )
    sums = [float(likelihood) for likelihood, _ in answers]
    null_sums: list[float] = []
    # Options for acc_mutual_info stand there twice, the second time after nothing.
    if len(asked) % 2 == 0 and all(each["arg_0"] == "" for each in asked[len(asked) // 2 :]):
        half = len(asked) // 2
        asked, sums, null_sums = asked[:half], sums[:half], sums[half:]
    shown = [str(each["arg_1"]).removeprefix(delimiter) for each in asked]
    if len({each["arg_0"] for each in asked}) == 1:
        return {
            "options": shown,
            "sums": sums,
            "null_sums": null_sums,
            "characters": [len(text) for text in shown],
        }
    # The options stand in the contexts (partial scoring); their length is not told.
    return {"options": [str(each["arg_0"]) for each in asked], "sums": sums, "null_sums": null_sums}


def _place(sample: Sample, row: Mapping[str, Any]) -> int | None:
    target = str(sample["target"])
    return int(target) if target.isdecimal() and int(target) < len(row["options"]) else None


def _text(sample: Sample, row: Mapping[str, Any]) -> int | None:
    target = str(sample["target"])
    return row["options"].index(target) if row["options"].count(target) == 1 else None


def _by_score(sample: Sample, row: Mapping[str, Any]) -> int | None:
    """From whether the likeliest option was right; of two options that tells the right one."""
    best = max(range(len(row["sums"])), key=lambda place: row["sums"][place])
    if sample.get("acc") == 1:
        return best
    return 1 - best if sample.get("acc") == 0 and len(row["sums"]) == 2 else None


def _agrees(sample: Sample, row: Mapping[str, Any], right: int | None) -> bool:
    """Whether the option `right` goes with the score of the log."""
    if right is None:
        return False
    if "acc" not in sample or not all(map(math.isfinite, row["sums"])):
        return True
    return (row["sums"].index(max(row["sums"])) == right) == bool(sample["acc"])


def _written(
    path: Path, samples: Sequence[Sample], config: Mapping[str, Any], metric: str | None
) -> list[LoggedAnswer]:
    return [
        LoggedAnswer(
            **_question(sample, config),
            gold=_gold(sample["target"]),
            score=_score(path, sample, metric),
            written=_answer(path, sample),
        )
        for sample in samples
    ]


def _question(sample: Sample, config: Mapping[str, Any]) -> dict[str, Any]:
    context = str(next(iter(sample["arguments"].values()))["arg_0"])
    return {
        "key": str(sample["doc_hash"]),
        "prompt": str(sample.get("prompt_hash", "")),
        "question": context.split(config.get("fewshot_delimiter") or "\n\n")[-1],
    }


def _gold(target: Any) -> list[str]:
    """The right answers: a list of them is logged as Python writes it."""
    text = str(target)
    if text.startswith("[") and text.endswith("]"):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return [text]
        return [str(each) for each in found] or [text]
    return [text]


def _answer(path: Path, sample: Sample) -> str:
    answer = sample["filtered_resps"]
    while isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, str) or len(sample["arguments"]) != 1:
        legal = "legal with format generate: a task of output_type generate_until"
        raise ValueError(f"{path}: question {sample.get('doc_id')} has no written answer; {legal}")
    return answer


def _score(path: Path, sample: Sample, metric: str | None) -> float:
    found = list(sample.get("metrics", ()))
    if metric is None and len(found) != 1:
        shown = ", ".join(found) or "none"
        raise ValueError(f"{path}: found metrics {shown}; say which: source.logs.metric of the task")
    if metric is not None and metric not in found:
        raise ValueError(f"{path}: {problem('source.logs.metric', metric, found)}")
    return checked_score(path, sample.get("doc_id"), sample[metric or found[0]], float)
