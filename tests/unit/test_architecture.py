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

# Each layer imports only from layers above it in this list (and from itself).
LAYERS = (
    {"specs", "shares", "provenance", "seals", "artifacts", "warm", "job", "devices"},
    {
        "wording",
        "local_files",
        "schema",
        "entries",
        "recipes",
        "grid",
        "axes",
        "checking",
        "extras",
        "lookups",
        "reference",
    },
    {"lineage", "record", "local_hashes", "existing"},
    {"compression", "toyworld"},
    {
        "quiet",
        "matrices",
        "models",
        "decoders",
        "maskfile",
        "quantfile",
        "results",
        "hub",
        "tensor_names",
        "hub_files",
        "weight_files",
        "pickles",
        "descriptions",
        "fit",
        "checkpoints",
        "tokens",
        "metrics",
    },
    {
        "table_files",
        "split_facts",
        "task_columns",
        "task_sources",
        "tasks",
        "pretraining",
        "training",
        "watching",
        "inputs",
        "calibration",
    },
    {
        "bootstrap",
        "rates",
        "failures",
        "stacks",
        "retention",
        "tables",
        "cells",
        "families",
        "fits",
        "trends",
        "multiplicity",
    },
    {
        "difficulty",
        "connectivity",
        "curves",
        "power",
        "effects",
        "verdicts",
        "caveats",
        "claims",
        "claims_curves",
        "claims_failures",
        "claims_training",
        "claims_quantization",
        "terms",
        "aggregate",
        "origins",
        "pricing",
        "replication",
        "predictors",
        "simulation",
        "scenarios",
        "hardships",
        "machinery",
    },
    {"style", "panels", "claims_figures", "terms_figures", "training_figures", "likelihood_figures"},
    {"figures", "replication_figures"},
    {"cautions", "report_tables"},
    {"report"},
)
STANDARD_ONLY = (
    "axes",
    "data_cautions",
    "existing",
    "extras",
    "grid",
    "lineage",
    "local_hashes",
    "local_files",
    "lookups",
    "provenance",
    "recipes",
    "record",
    "reference",
    "shares",
    "specs",
    "warm",
    "wording",
)
TABLES_ONLY = (
    "bootstrap",
    "failures",
    "rates",
    "retention",
    "stacks",
    "tables",
    "cells",
    "families",
    "fits",
    "trends",
    "multiplicity",
    "connectivity",
    "curves",
    "power",
    "effects",
    "claims",
    "claims_curves",
    "claims_failures",
    "claims_training",
    "claims_quantization",
    "terms",
    "verdicts",
    "caveats",
    "aggregate",
    "figures",
    "panels",
    "report_tables",
    "cautions",
    "training_figures",
    "likelihood_figures",
    "claims_figures",
    "terms_figures",
    "style",
    "report",
    "metrics",
    "pricing",
    "replication",
    "replication_figures",
    "predictors",
    "simulation",
    "scenarios",
    "hardships",
    "machinery",
    *sorted(name for name in MODULES if name.startswith("difficulty.")),
)


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer_of(module: str) -> int:
    top = module.split(".")[0]
    found = [number for number, layer in enumerate(LAYERS) if top in layer]
    assert found, f"{module} has no place in LAYERS"
    return found[0]


@pytest.mark.parametrize("module", sorted(name for name in MODULES if not name.endswith("__init__")))
def test_imports_go_up_only(module):
    for name in imports_of(MODULES[module]):
        if name.startswith("junkdna."):
            imported = name.removeprefix("junkdna.")
            assert layer_of(imported) <= layer_of(module), f"{module} imports {name}"


def test_the_library_knows_nothing_of_snakemake():
    offenders = [
        module for module, path in MODULES.items() if any(n.startswith("snakemake") for n in imports_of(path))
    ]
    assert offenders == []


@pytest.mark.parametrize("module", STANDARD_ONLY)
def test_parse_time_modules_use_the_standard_library_alone(module):
    foreign = (
        {name.split(".")[0] for name in imports_of(MODULES[module])}
        - set(sys.stdlib_module_names)
        - {"junkdna"}
    )
    assert foreign == set()


@pytest.mark.parametrize("module", TABLES_ONLY)
def test_what_sees_tables_sees_no_tensors(module):
    heavy = {name.split(".")[0] for name in imports_of(MODULES[module])} & {
        "torch",
        "transformers",
        "datasets",
    }
    assert heavy == set()


def test_parsing_the_workflow_loads_nothing_heavy():
    code = "import junkdna.grid, junkdna.lookups, junkdna.checking, junkdna.provenance, sys; "
    code += "import junkdna.config_files, junkdna.local_files; "
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
