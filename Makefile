# `make run` and `make test` work on a fresh clone with Python >= 3.11 and nothing else.
PYTHON ?= python3
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test lint format docs setup lock clean

run: $(READY)
	$(BIN)/snakemake --cores $(CORES) --workflow-profile workflow/profiles/default
	@cat results/report/toy-world/verdicts.txt

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/snakemake --lint

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

# What can be read off the code: the tree in CONTRIBUTING.md, docs/tables.md.
docs: $(READY)
	$(BIN)/python docs/generate.py

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

# Resolve the dependencies of pyproject.toml anew and pin what comes out.
lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet ".[dev]"
	$(VENV)-lock/bin/pip freeze --exclude junkdna | sed 's/+cpu//; / @ /d' > requirements.lock
	rm -rf $(VENV)-lock

clean:
	rm -rf results logs benchmarks/runs resources/checkpoints resources/tasks .snakemake
