"""How a stage script starts: in a warm process if there is one, its messages in its log, errors in one line."""

import faulthandler
import os
import sys
import traceback
from pathlib import Path

from junkdna import warm

_terminal = sys.stderr


def start(log: str) -> None:
    """Begin a stage script; call it before any heavy import.

    From here on stdout and stderr, also those of libraries written in C, go to the file `log`. An error
    leaves its traceback there and one line on the terminal.
    """
    global _terminal
    warm.enter()
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    _terminal = os.fdopen(os.dup(2), "w", buffering=1)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    faulthandler.enable()

    def report(kind, error, trace) -> None:
        traceback.print_exception(kind, error, trace)
        print(f"error: {error or kind.__name__}  (full log: {log})", file=_terminal)

    sys.excepthook = report


def progress(line: str) -> None:
    """Show a line on the terminal and keep it in the log."""
    print(line, file=sys.stderr, flush=True)
    print(line, file=_terminal, flush=True)
