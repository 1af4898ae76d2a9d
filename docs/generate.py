"""Write what can be read off the code: the tree in CONTRIBUTING.md. Run by `make docs`.

    python docs/generate.py [--check]

The phrase of a file is the first line of its docstring; those of the folders stand here. With `--check` nothing is
written, and the exit status says whether something would be.
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "workflow/junkdna"
# From the ground up: a folder imports from folders above it.
FOLDERS = {
    "study": "what is asked: the config checked, and expanded to recipes, tasks, axes and runs; its cost",
    "jobs": "how a script of a rule starts: warm process, log, device",
    "statistics": "numbers that know nothing of language models: replicates, intervals, scores, fits, tests",
    "compression": "maths on weight tensors: scores, selections, allocations, quantizers",
    "files": "how artefacts stand on disk, whole or not at all; downloads and the hub's moods",
    "provenance": "how a file came to be: hashes of config, code and local files, written into it and checked",
    "tasks": "examples brought into one form, and to tokens",
    "checkpoints": "a pre-trained model brought into a folder of ours",
    "models": "that folder as a module; which of its weights a recipe may touch; a model with a recipe applied",
    "inference": "predictions without training: batches, precision, running text, calibration; what a run is",
    "training": "fine-tuning a compressed model: regimes while they train, steps, resuming",
    "tables": "from predictions to tidy tables: runs, drops, cells, curves, replication; the price of a study",
    "difficulty": "how hard a task or an example is, a file a measure",
    "claims": "effects, equal terms, verdicts and their sentences; all tables of a study in one call",
    "simulation": "studies whose truth is known, held against what the tables say",
    "figures": "one file a kind of figure, one style",
    "report": "the page",
}
START, END = "<!-- tree: make docs -->", "<!-- end of tree -->"


def phrase_of(path: Path) -> str:
    """The first line of a module's docstring, without its full stop."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0].rstrip(".")


def tree() -> str:
    """The library, a phrase a folder and a phrase a file."""
    lines = []
    for folder, phrase in FOLDERS.items():
        lines += [f"**`{folder}/`** {phrase}", ""]
        for path in sorted((PACKAGE / folder).glob("*.py")):
            if path.name != "__init__.py":
                lines.append(f"- `{path.name}` {phrase_of(path)}")
        lines.append("")
    return "\n".join(lines)


def between(text: str, content: str) -> str:
    """`text` with what stands between the marks replaced."""
    head, tail = text.split(START)[0], text.split(END)[1]
    return f"{head}{START}\n\n{content}\n{END}{tail}"


def pages() -> dict[Path, str]:
    """What each page that is made here should hold."""
    contributing = ROOT / "CONTRIBUTING.md"
    return {contributing: between(contributing.read_text(encoding="utf-8"), tree())}


def main() -> None:
    stale = [path for path, text in pages().items() if path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        sys.exit("\n".join(f"{path.relative_to(ROOT)} is not in step: make docs" for path in stale) or 0)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
