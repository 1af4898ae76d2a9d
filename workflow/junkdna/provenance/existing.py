"""What a folder holds already of the files of a study: made by which study, and with which versions of the libraries.

Told before anything runs. Standard library only: Snakemake imports this on every dry run.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from junkdna.provenance.record import WORDS, differing, installed_versions, peek


@dataclass(frozen=True)
class Existing:
    """versions: how many of the files were made with each. foreign: file -> the study that made it, and the parts of
    the config (`record.WORDS`) in which it differs, of the files that another study made with other settings.
    """

    versions: Counter[str] = field(default_factory=Counter)
    foreign: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)


def survey(files: Iterable[tuple[str, Mapping[str, str]]], study: str) -> Existing:
    """Look at the files that the study has or will have, each with what it is made with (`config_hashes.made_of`)."""
    found = Existing()
    for path, made in files:
        about = peek(path)
        if about is None or "made" not in about:
            continue
        found.versions[about.get("versions", "unknown")] += 1
        others = differing(about["made"], made)
        if others and about.get("study", study) != study:
            found.foreign[path] = (about["study"], tuple(others))
    return found


def describe_versions(versions: Mapping[str, int]) -> list[str]:
    """Say which files are of other versions of the libraries than those installed here; nothing where none is."""
    installed, total = installed_versions(), sum(versions.values())
    lines = [
        f"note: {count} of {total} files of this study were made with {name}; installed here: {installed}."
        for name, count in sorted(versions.items())
        if name != installed
    ]
    remedy = (
        "      They are kept, and the report says so. To make them anew: --forceall, or --forcerun finetune "
        "finetune_null for the runs alone."
    )
    return [*lines, remedy] if lines else []


def describe_foreign(
    foreign: Mapping[str, tuple[str, Sequence[str]]], study: str, allowed: Sequence[str] = ()
) -> str:
    """Say what of other studies this one would replace, and how to have both; "" where there is nothing.

    allowed: studies whose files may be replaced.
    """
    lines = []
    for other in sorted({name for name, _ in foreign.values()} - set(allowed)):
        files = [path for path, (name, _) in foreign.items() if name == other]
        parts = sorted({part for name, parts in foreign.values() if name == other for part in parts})
        words = " and ".join(WORDS.get(part, part) for part in parts)
        lines.append(
            f"{len(files)} files here were made by the study {other!r} with {words} than {study!r} has under the same "
            f"names, the first: {files[0]}. To keep both, give the task, checkpoint or sweep another name (`base` "
            f"copies a task), or use another folder. To replace them: study.overwrites: [{other}]"
        )
    return "\n".join(lines)
