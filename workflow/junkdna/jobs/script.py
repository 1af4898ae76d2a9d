"""How a stage script starts: in a warm process if there is one, its messages in its log, errors in one line."""

import ast
import faulthandler
import os
import re
import sys
import traceback
from pathlib import Path
from types import TracebackType

from junkdna.jobs import warm

# Of a rule, what its script reads.
SECTIONS = ("input", "output", "params")
_terminal = sys.stderr


def start() -> None:
    """Begin the stage script that calls this; call it before any heavy import.

    From here on stdout and stderr, also those of libraries written in C, go to the log of the script's rule. An error
    leaves its traceback there and one line on the terminal. A script that was not started by Snakemake says what it
    needs, and ends.
    """
    global _terminal
    caller = sys._getframe(1).f_globals
    if "snakemake" not in caller:
        sys.exit(needs(Path(caller["__file__"])))
    warm.enter()
    log = caller["snakemake"].log[0]
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    _terminal = os.fdopen(os.dup(2), "w", buffering=1)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    faulthandler.enable()

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, error, trace)
        print(f"error: {str(error) or kind.__name__}  (full log: {log})", file=_terminal)

    sys.excepthook = report


def progress(line: str) -> None:
    """Show a line on the terminal and keep it in the log."""
    print(line, file=sys.stderr, flush=True)
    print(line, file=_terminal, flush=True)


def needs(path: Path) -> str:
    """What a stage script needs, in words: what it does, and what its rule gives it."""
    name = path.stem
    about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    lines = [f"{path.name}: {about}", "", f"Snakemake runs it, and gives it what the rule {name} says:"]
    for rules in sorted(path.resolve().parents[1].glob("rules/*.smk")):
        if found := re.search(
            rf"^rule {name}:\n((?:    .*\n|\n)*)", rules.read_text(encoding="utf-8"), re.MULTILINE
        ):
            lines.append(f"(workflow/rules/{rules.name})")
            sections = re.split(r"^    (?=\w+:)", found[1], flags=re.MULTILINE)
            lines += [f"    {each.rstrip()}" for each in sections if each.partition(":")[0] in SECTIONS]
    return "\n".join([*lines, "", "Ask for one of these outputs: snakemake --cores 1 <file>"])
