"""How a wrong config is told: one line a problem, all of them in one error.

Standard library only: Snakemake imports this on every dry run.
"""

from collections.abc import Iterable
from difflib import get_close_matches


def problem(where: str, found: object, legal: str | Iterable[str], *, what: str = "") -> str:
    """One line about the wrong value `found` of the key `where`.

    legal: all legal names (the line then proposes the nearest), or words that describe what is legal.
    what: what `found` is, where the key does not tell ("regime").
    """
    shown = repr(found) if isinstance(found, str | int | float) else str(found)
    line = f"{where}: found {what} {shown}" if what else f"{where}: found {shown}"
    if isinstance(legal, str):
        return f"{line}; legal: {legal}"
    names = list(legal)
    near = get_close_matches(str(found), names, n=1)
    if len(names) > 30:  # a whole catalog would drown the message
        close = get_close_matches(str(found), names, n=10, cutoff=0) or names[:10]
        names = [*close, f"and {len(names) - len(close)} more"]
    line += f"; legal: {', '.join(names) or 'nothing, none is defined'}"
    return f"{line}; did you mean {near[0]!r}?" if near else line


def raise_all(problems: Iterable[str]) -> None:
    """Raise one ValueError with these lines, each once; do nothing where there is none."""
    if lines := list(dict.fromkeys(problems)):
        raise ValueError("\n".join(lines))
