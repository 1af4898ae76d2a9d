"""What is odd about the data of a task, in sentences: told before anything trains, and in the report.

Standard library only. The facts are counted where the data are at hand (`tasks`, `tokens`) and kept in their
manifests; here they become words.
"""

from collections.abc import Iterable, Mapping
from typing import Any

# Of the texts of a split, above which a study measures other texts than it says.
TRUNCATED = 0.05


def split_cautions(manifest: Mapping[str, Any]) -> list[str]:
    """List what a reader must know of the two splits of a task; `manifest`: as `fetch.fetch_task` gives it."""
    name, splits, lines = manifest["name"], manifest["splits"], []
    files = manifest.get("files", {})
    shared, measured = manifest["shared"], splits["validation"]["examples"]
    number = f"{shared} of {measured} validation examples ({_percent(shared, measured)})"
    if len({file["sha256"] for file in files.values()}) == 1 and len(files) == 2:
        lines.append(
            f"{name}: the training file and the validation file are the same, and {number} stand in the training set. "
            "What is measured is what was trained on."
        )
    elif shared:
        lines.append(
            f"{name}: {number} stand in the training set too, word for word. Their scores say what was remembered."
        )
    for split, adjective, effect in (
        ("train", "training", "There is nothing to learn but that"),
        ("validation", "validation", "A constant answer is right on all of them"),
    ):
        answers = splits[split].get("classes") or splits[split].get("answers") or {}
        found = [answer for answer, count in answers.items() if count]
        if len(found) == 1 and splits[split]["examples"] > 1:
            lines.append(
                f"{name}: all {splits[split]['examples']} {adjective} examples have the same answer ({found[0]}). "
                f"{effect}."
            )
    learnt, asked = (splits[split].get("classes", {}) for split in ("train", "validation"))
    if unknown := [answer for answer, count in asked.items() if count and not learnt.get(answer)]:
        count = sum(asked[answer] for answer in unknown)
        lines.append(
            f"{name}: {count} of {measured} validation examples ({_percent(count, measured)}) have an answer that no "
            f"training example has ({', '.join(unknown)})."
        )
    return lines


def length_cautions(checkpoint: str, task: str, lengths: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """List what a reader must know of texts that were cut; `lengths`: as `tokens.describe_lengths` gives them."""
    cut = {split: facts["truncated"] for split, facts in lengths.items()}
    if max(cut.values()) <= TRUNCATED:
        return []
    limit = lengths["train"]["max_length"]
    return [
        f"{task}: {100 * cut['train']:.1f} % of the training texts and {100 * cut['validation']:.1f} % of those to "
        f"measure on are longer than {limit} tokens for {checkpoint} and lose their end."
    ]


def data_cautions(
    manifests: Iterable[Mapping[str, Any]], lengths: Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]]
) -> list[str]:
    """All of these of a study. manifests: of its tasks. lengths: by checkpoint and task."""
    cut = [
        line
        for (checkpoint, task), facts in lengths.items()
        for line in length_cautions(checkpoint, task, facts)
    ]
    return [*(line for manifest in manifests for line in split_cautions(manifest)), *cut]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
