"""The files of a config as they are written: keys that stand in them twice, of which YAML takes the last."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml  # Snakemake has it loaded


def refuse_duplicates(files: Iterable[str | Path]) -> None:
    """Raise one ValueError with a line for each key that stands twice in its mapping: key, file and lines."""
    if lines := [line for file in files for line in duplicates(Path(file))]:
        raise ValueError("\n".join(lines))


def duplicates(file: Path) -> list[str]:
    """List the keys of a YAML or JSON file that stand in their mapping more than once, nested ones included."""
    # JSON may be indented by tabs, which no YAML is.
    text = file.read_text(encoding="utf-8").replace("\t", " ")
    try:
        root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:  # JSON may hold what is no YAML; Snakemake has read the file
        return []
    return [
        f"{key}: found in line {lines[0]} of {file} and again in line {', '.join(map(str, lines[1:]))}; legal: each "
        "key once in its mapping (the last would win)"
        for key, lines in _repeated(root, "", set())
    ]


def _repeated(node: yaml.Node | None, where: str, seen: set[int]) -> Iterator[tuple[str, list[int]]]:
    """Each key that is there twice below a node, with its lines; what an alias names is looked at once."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield from _repeated(item, f"{where}[{i}]", seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[tuple[str, str], list[int]] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            lines.setdefault((key.tag, str(key.value)), []).append(key.start_mark.line + 1)
            yield from _repeated(value, f"{where}.{name}".lstrip("."), seen)
        for (_, name), at in lines.items():
            if len(at) > 1:
                yield f"{where}.{name}".lstrip("."), at
