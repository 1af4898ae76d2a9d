"""What code made a result: a digest that sees every change of the maths and none of the comments.

Only the standard library: this runs while Snakemake parses the workflow.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeGuard

PACKAGE = Path(__file__).resolve().parents[1]
SCRIPTS = PACKAGE.parent / "scripts"
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def code_digest(script: str, without: tuple[str, ...] = ()) -> str:
    """Hash what running `workflow/scripts/{script}.py` executes of this project, 12 hex digits.

    Covers the script and every module of the package that it imports, directly or not, at any depth of
    nesting. Modules are found by file path, so nothing is imported. Comments, docstrings and formatting
    do not count. `without` names modules (`junkdna.x.y`) that this use of the script never executes.
    """
    todo = [SCRIPTS / f"{script}.py"]
    skipped = {PACKAGE.parent / (module.replace(".", "/") + ".py") for module in without}
    seen: dict[str, str] = {}
    while todo:
        path = todo.pop()
        name = path.relative_to(PACKAGE.parent).as_posix()
        if name not in seen:
            seen[name], imports = _normalised(path)
            todo += [file for module in imports for file in _module_files(module) if file not in skipped]
    text = "\n".join(f"{name}\n{seen[name]}" for name in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def _normalised(path: Path) -> tuple[str, tuple[str, ...]]:
    """The code of a file without comments and docstrings, and the modules that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imports = tuple(_imported(tree))
    for node in ast.walk(tree):
        if _has_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree), imports


def _has_docstring(node: ast.AST) -> TypeGuard[Documented]:
    return isinstance(node, Documented) and ast.get_docstring(node, clean=False) is not None


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "the package imports itself by absolute names only"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module_files(module: str) -> Iterator[Path]:
    """Files of the package that importing `module` executes: each `__init__.py` on the way and itself."""
    first, *rest = module.split(".")
    if first != PACKAGE.name:
        return
    for depth in range(len(rest) + 1):
        stem = PACKAGE.joinpath(*rest[:depth])
        candidates = [stem / "__init__.py"] if depth == 0 else [stem / "__init__.py", stem.with_suffix(".py")]
        yield from (path for path in candidates if path.is_file())
