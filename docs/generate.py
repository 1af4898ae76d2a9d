"""Write what can be read off the code: the tree in CONTRIBUTING.md, and docs/tables.md. Run by `make docs`.

    python docs/generate.py [--check]

The phrase of a file is the first line of its docstring; those of the folders stand here. What the columns of a table
mean is said in the modules `*_columns` of the library; which rule writes it, in workflow/rules. With `--check` nothing
is written, and the exit status says whether something would be.
"""

import ast
import re
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "workflow/junkdna"
# The library of this very folder, whichever is installed.
sys.path.insert(0, str(PACKAGE.parent))
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
# Chapters of docs/tables.md, and the tables in each.
CHAPTERS = {
    "Tables of a study": "runs drops cells curves equal_terms claims score_rules answer_kinds examples difficulty "
    "agreement orders strata connectivity replication replication-summary",
    "Files of a run": "metrics predictions history confidences",
    "Files of a path between two solutions": "path losses",
    "Data of a task": "train",
}
# A number beyond this is no bound that a reader wants to know of.
WIDE = 1e15
HEAD = """# What the tables mean

Made by `make docs` from the modules `*_columns` of the library: edit those. Every table is Parquet; those of a study
are written as CSV too. The metadata of a file say how it was made.

- **Shares, not points.** Retention, effects, drops and rates are shares: 0.02 is two points. Levels are in %.
- **Intervals** `_low`, `_high` are of 95 %. Over seeds and examples together they are t intervals, which may leave the
  range of what they are of; over examples alone, percentiles of resamples (`statistics/bootstrap.py`). Of a single run
  they are over examples alone.
- **Twin**: the dense run of the same checkpoint, task and seed. **Cell**: all seeds of one checkpoint, recipe, task and
  regime.
- **Unit of the metric**: `accuracy` and `f1` are shares, `mcc`, `pearson` and `spearman` correlations, `log-likelihood`
  is nats a token, minus the logarithm of the perplexity.
- A column without an entry under *missing* has no NaN and no null.
"""
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


def descriptions() -> dict:
    """What is known of each kind of table, by the name of its files."""
    found = {}
    for path in sorted(PACKAGE.rglob("*_columns.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        found |= {name: table for table in import_module(module).TABLES for name in table.names}
    return found


def written() -> dict[str, dict[str, list[str]]]:
    """The Parquet files of the workflow, and the rules that write each: name of the file -> path -> rules."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for part in re.split(r"\n(?=(?:use )?rule )", path.read_text(encoding="utf-8"))[1:]:
            rule = re.match(r"rule (\w+)|use rule \w+ as (\w+)", part)
            output = re.search(r"\n    output:\n((?: {8}.*\n)+)", part)
            for file in re.findall(r'"([^"]+\.parquet)"', output[1]) if rule and output else ():
                found.setdefault(Path(file).stem, {}).setdefault(file, []).append(rule[1] or rule[2])
    return found


def values_of(column) -> str:
    """The legal values of a column, in words."""
    if column.legal:
        return ", ".join(f"`{word}`" if word else "empty" for word in column.legal)
    least, most = column.least > -WIDE, column.most < WIDE
    span = f"from {column.least:g}" * least + " " * (least and most) + f"up to {column.most:g}" * most
    return ", ".join(filter(None, (column.kind, span, column.unit)))


def section(name: str, table, files: dict[str, list[str]]) -> list[str]:
    """One table as Markdown."""
    lines = [f"### {', '.join(f'`{each}`' for each in table.names)}", "", f"One row: {table.row}.", ""]
    lines += [f"- `{file}`, by {', '.join(f'`{rule}`' for rule in rules)}" for file, rules in files.items()]
    lines += ["", table.note, ""] if table.note else [""]
    lines += ["| column | values | meaning | missing |", "| --- | --- | --- | --- |"]
    for column_name, column in table.columns.items():
        meaning = (
            f"{column.meaning}. *Not there where {column.optional}*" if column.optional else column.meaning
        )
        cells = f"`{column_name}`", values_of(column), meaning, column.missing
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return [*lines, ""]


def tables_page() -> str:
    """docs/tables.md."""
    described, files = descriptions(), written()
    lines = [*HEAD.splitlines(), ""]
    for chapter, names in CHAPTERS.items():
        lines += [f"## {chapter}", ""]
        for name in names.split():
            own = {path: rules for each in described[name].names for path, rules in files[each].items()}
            lines += section(name, described[name], own)
    return "\n".join(lines).rstrip() + "\n"


def pages() -> dict[Path, str]:
    """What each page that is made here should hold."""
    contributing = ROOT / "CONTRIBUTING.md"
    return {
        contributing: between(contributing.read_text(encoding="utf-8"), tree()),
        ROOT / "docs/tables.md": tables_page(),
    }


def main() -> None:
    stale = [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv:
        sys.exit("\n".join(f"{path.relative_to(ROOT)} is not in step: make docs" for path in stale) or 0)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
