"""Logs of inspect in its JSON format (`--log-format json`), read without its package."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from junkdna.files.logged_answers import LoggedAnswer, SampleLog, checked_score
from junkdna.study.problems import problem

VERSION = 2  # of the format
# What a score in words counts; all else must be a number.
VALUES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
CUT = ("max_tokens", "model_length")
Content = Mapping[str, Any]


def read_inspect(path: Path, content: Content, form: str, wanted: Mapping[str, str]) -> SampleLog:
    """Read a log from its content.

    form: `choice` or `generate`. wanted: `metric`, the scorer, where there are several. ValueError for a log of another
    version, one that did not end well, one that answers a question more than once, and one of another form.
    """
    if content.get("version") != VERSION:
        raise ValueError(
            f"{path}: found version {content.get('version')!r} of inspect's log format; legal: {VERSION}"
        )
    if content.get("status") != "success":
        raise ValueError(
            f"{path}: found status {content.get('status')!r}; legal: success, a log of all questions"
        )
    samples = content.get("samples") or []
    if not samples:
        raise ValueError(f"{path}: it holds no sample")
    if "filter" in wanted:
        raise ValueError(f"{path}: found source.logs.filter; legal: with logs of lm-evaluation-harness only")
    ids = [sample["id"] for sample in samples]
    if len(set(ids)) < len(ids):
        raise ValueError(
            f"{path}: found questions that were answered more than once (epochs); legal: once each"
        )
    scorer = _scorer(path, samples, wanted.get("metric"))
    samples = sorted(samples, key=lambda sample: str(sample["id"]))
    read = _choice if form == "choice" else _written
    spec = content["eval"]
    versions = [f"{name} {number}" for name, number in spec.get("packages", {}).items()]
    return SampleLog(
        path=str(path),
        tool=f"inspect {spec.get('packages', {}).get('inspect_ai', 'of unknown version')}",
        model=spec.get("model", ""),
        answers=[read(path, sample, scorer) for sample in samples],
        about={"versions": ", ".join(versions)} if versions else {},
    )


def _scorer(path: Path, samples: list[Content], wanted: str | None) -> str:
    """Which scorer counts, that every sample has a score of."""
    for sample in samples:
        if sample.get("error"):
            raise ValueError(f"{path}: question {sample['id']} ended in an error; legal: an answer to each")
    found = list(samples[0].get("scores") or {})
    if wanted is None and len(found) != 1:
        shown = ", ".join(found) or "none"
        raise ValueError(f"{path}: found scorers {shown}; say which: source.logs.metric of the task")
    if wanted is not None and wanted not in found:
        raise ValueError(f"{path}: {problem('source.logs.metric', wanted, found)}")
    scorer = wanted or found[0]
    for sample in samples:
        if scorer not in (sample.get("scores") or {}):
            raise ValueError(f"{path}: question {sample['id']} has no score by {scorer}; legal: one for each")
    return scorer


def _question(sample: Content) -> dict[str, Any]:
    asked = sample["input"]
    if isinstance(asked, list):
        asked = "\n".join(str(message.get("content", "")) for message in asked)
    target = sample["target"]
    return {"key": repr([sample["id"], asked, sample.get("choices"), target]), "question": asked}


def _choice(path: Path, sample: Content, scorer: str) -> LoggedAnswer:
    options, target = sample.get("choices") or [], sample["target"]
    targets = target if isinstance(target, list) else [target]
    right = _place(targets[0]) if len(targets) == 1 else -1
    if len(options) < 2 or not 0 <= right < len(options):
        raise ValueError(
            f"{path}: question {sample['id']} has {len(options)} options and the target {target!r}; legal with format "
            "choice: two options or more, and the letter of one"
        )
    score, named = sample["scores"][scorer], _place(str(sample["scores"][scorer].get("answer") or ""))
    value = checked_score(path, sample["id"], score["value"], _number)
    wrong = named if 0 <= named < len(options) and named != right else -1
    chosen = right if value == 1 else wrong
    return LoggedAnswer(**_question(sample), options=options, right=right, chosen=chosen, score=value)


def _place(letter: str) -> int:
    """The place of the option that a letter names, -1 for none."""
    return ord(letter) - ord("A") if len(letter) == 1 and "A" <= letter <= "Z" else -1


def _written(path: Path, sample: Content, scorer: str) -> LoggedAnswer:
    target, output = sample["target"], sample.get("output") or {}
    ended = (output.get("choices") or [{}])[0].get("stop_reason", "stop")
    return LoggedAnswer(
        **_question(sample),
        gold=target if isinstance(target, list) else [target],
        score=checked_score(path, sample["id"], sample["scores"][scorer]["value"], _number),
        written=output.get("completion") or "",
        ended="length" if ended in CUT else "stop",
        tokens=(output.get("usage") or {}).get("output_tokens"),
    )


def _number(value: Any) -> float:
    """A score as a number, as inspect reads its own: letters, truth values, numbers."""
    if isinstance(value, str) and value in VALUES:
        return VALUES[value]
    return float(
        {"yes": 1, "true": 1, "no": 0, "false": 0}.get(value.lower(), value)
        if isinstance(value, str)
        else value
    )
