"""The rules of the house that a machine can check: where imports go, what a dry run loads, sizes, pins."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow/junkdna"
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", "."): path
    for path in PACKAGE.rglob("*.py")
}

# The library from the ground up: a folder, and those that it may import. The list is also the reading order.
FOLDERS = {
    "study": (),
    "jobs": (),
    "statistics": (),
    "compression": ("study",),
    "files": ("study", "compression"),
    "provenance": ("study", "files"),
    "tasks": ("study", "files"),
    "checkpoints": ("files", "provenance", "tasks"),
    "models": ("study", "compression", "checkpoints"),
    "inference": ("study", "statistics", "compression", "files", "tasks", "models"),
    "training": ("study", "compression", "files", "models", "inference"),
    "tables": ("study", "statistics", "files"),
    "difficulty": ("statistics", "files", "tables"),
    "claims": ("study", "statistics", "files", "tables"),
    "simulation": ("statistics", "tables", "claims"),
    "figures": ("study", "files", "tables", "claims"),
    "report": ("tables", "claims"),
}
# What a dry run loads: the standard library alone. Of `files` that is what reads the metadata of a file.
PARSED = ("study", "provenance")
# What sees tables and no tensors.
TABLES_ONLY = ("statistics", "tables", "difficulty", "claims", "simulation", "figures", "report")


def modules_in(*folders: str) -> list[str]:
    return [name for name in MODULES if name.split(".")[0] in folders and not name.endswith("__init__")]


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_modules(module: str) -> set[str]:
    """The modules of the package that a module imports."""
    found = set()
    for name in imports_of(MODULES[module]):
        if name.startswith("junkdna."):
            parts = name.split(".")[1:]
            found.add(".".join(parts[:2]))
    return found


def test_every_module_is_in_a_folder_and_every_folder_in_the_table():
    assert {name.split(".")[0] for name in MODULES if "." in name} == set(FOLDERS)
    assert [name for name in MODULES if "." not in name] == ["__init__"]
    order = list(FOLDERS)
    for folder, below in FOLDERS.items():
        assert all(order.index(other) < order.index(folder) for other in below), folder


def test_the_pages_made_from_the_code_are_in_step():
    made = subprocess.run(
        [sys.executable, ROOT / "docs/generate.py", "--check"], capture_output=True, text=True
    )
    assert (made.returncode, made.stderr) == (0, "")
    tree = re.findall(r"^\*\*`(\w+)/`\*\*", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)
    assert tree == list(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_what_the_table_says(folder):
    found = {
        other.split(".")[0]: (module, other)
        for module in modules_in(folder)
        for other in imported_modules(module)
        if other.split(".")[0] != folder
    }
    assert sorted(found) == sorted(FOLDERS[folder]), found


@pytest.mark.parametrize("folder", FOLDERS)
def test_there_is_no_circle_in_a_folder(folder):
    left = {
        module: {other for other in imported_modules(module) if other in modules_in(folder)}
        for module in modules_in(folder)
    }
    while free := [module for module, needs in left.items() if not needs & set(left)]:
        for module in free:
            del left[module]
    assert left == {}


def test_what_makes_a_table_does_not_import_the_words_about_it():
    """Else an edit of a sentence would be one of the code, and rerun every training."""
    words = {module for module in MODULES if module.endswith("columns")} - {"tasks.columns"}
    assert len(words) > 10
    found = {module: imported_modules(module) & words for module in set(MODULES) - words}
    assert {module: names for module, names in found.items() if names} == {}
    scripts = {path.name: path.read_text() for path in (ROOT / "workflow/scripts").glob("*.py")}
    assert [name for name, text in scripts.items() if re.search(r"junkdna\S*_columns", text)] == []


def test_every_public_function_says_what_it_does():
    def public(node: ast.AST) -> list[ast.FunctionDef | ast.ClassDef]:
        """Functions, classes and methods, not what is inside a function."""
        inside = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.ClassDef)]
        classes = [each for each in inside if isinstance(each, ast.ClassDef)]
        shown = [each for each in inside if not each.name.startswith("_")]
        return shown + [found for each in classes for found in public(each)]

    silent = [
        f"{module}:{node.name}"
        for module, path in MODULES.items()
        for node in public(ast.parse(path.read_text()))
        if not ast.get_docstring(node)
    ]
    assert silent == []


def test_every_init_is_empty():
    assert [name for name, path in MODULES.items() if name.endswith("__init__") and path.read_text()] == [
        "__init__"
    ] * bool(MODULES["__init__"].read_text())


def test_the_library_knows_nothing_of_snakemake():
    offenders = [
        module for module, path in MODULES.items() if any(n.startswith("snakemake") for n in imports_of(path))
    ]
    assert offenders == []


@pytest.mark.parametrize("module", modules_in(*PARSED))
def test_parse_time_modules_use_the_standard_library_alone(module):
    foreign = (
        {name.split(".")[0] for name in imports_of(MODULES[module])}
        - set(sys.stdlib_module_names)
        - {"junkdna"}
    )
    # Snakemake has loaded both.
    assert foreign <= {"yaml", "jsonschema"}


@pytest.mark.parametrize("module", modules_in(*TABLES_ONLY))
def test_what_sees_tables_sees_no_tensors(module):
    heavy = {name.split(".")[0] for name in imports_of(MODULES[module])} & {
        "torch",
        "transformers",
        "datasets",
    }
    assert heavy == set()


def test_parsing_the_workflow_loads_nothing_heavy():
    loaded = modules_in(*PARSED)
    code = "import sys; " + "; ".join(f"import junkdna.{module}" for module in loaded) + "; "
    code += "print([m for m in ('torch', 'transformers', 'pandas', 'numpy') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "workflow"
    )
    assert done.stdout.strip() == "[]"


def test_workflow_is_no_package():
    assert not (ROOT / "workflow/__init__.py").exists()


def test_sizes():
    too_long = {
        str(path.relative_to(ROOT)): n
        for path in PACKAGE.rglob("*.py")
        if (n := len(path.read_text().splitlines())) > 250
    }
    rules = {
        path.name: n
        for path in (ROOT / "workflow").rglob("*.smk")
        if (n := len(path.read_text().splitlines())) > 150
    }
    scripts = {
        path.name: n
        for path in (ROOT / "workflow/scripts").glob("*.py")
        if (n := len(path.read_text().splitlines())) > 40
    }
    functions = {
        f"{path.name}:{node.name}": node.end_lineno - node.lineno + 1
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 80
    }
    assert (too_long, rules, scripts, functions) == ({}, {}, {}, {})


def test_no_pickle_and_no_remote_code():
    text = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    assert not re.search(r"trust_remote_code\s*=\s*True|\bpickle\.load|weights_only\s*=\s*False", text)


def test_every_scripted_rule_carries_its_digest_log_and_benchmark():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for rule in re.split(r"\n(?=rule )", path.read_text())[1:]:
            name = re.match(r"rule (\w+)", rule)[1]
            if script := re.search(r'scripts/(\w+)\.py"', rule):
                assert script[1] == name
                assert "code=" in rule, name
                assert f'"logs/{name}/' in rule, name
                # A benchmark is an output: the rule that only answers must have none, or it answers but once.
                assert (f'"benchmarks/runs/{name}/' in rule) == ("output:" in rule), name


def pins(lines: list[str]) -> dict[str, str]:
    found = (re.match(r"([A-Za-z0-9_.-]+)==([^\s;]+)", line) for line in lines)
    return {re.sub(r"[-_.]+", "-", match[1]).lower(): match[2] for match in found if match}


def test_lock_project_and_environments_agree():
    lock = pins((ROOT / "requirements.lock").read_text().splitlines())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = pins(project["dependencies"] + project["optional-dependencies"]["dev"])
    assert len(wanted) == len(project["dependencies"]) + len(project["optional-dependencies"]["dev"])
    assert {name: lock.get(name) for name in wanted} == wanted
    legal = pins(project["dependencies"] + project["optional-dependencies"]["qlora"])
    # bitsandbytes is of use on a GPU alone, so the lock goes without.
    known = lock | {"bitsandbytes": legal["bitsandbytes"]}
    for path in (ROOT / "envs").glob("*.yaml"):
        packages = pins(yaml.safe_load(path.read_text())["dependencies"][-1]["pip"])
        assert packages and packages.items() <= known.items(), path.name
        assert packages.keys() <= legal.keys(), path.name


def test_the_lock_names_no_registry_and_pins_everything():
    lines = [
        line
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.]+", line) for line in lines)
