# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup tools run demo test check lint bench

# What runs needs the runtime packages alone; what checks needs the tools as well, which are many times their size. Most
# of their modules are never imported, so that compiling all of them would take as long as installing them.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("FOCUS needs Python 3.11 or newer; this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(BIN)/python
	@echo "Installing the packages into $(VENV) (once; about half a minute)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.tools-installed: requirements.txt requirements-dev.txt | $(BIN)/python
	@echo "Installing the packages and the tools of the tests into $(VENV) (once; about a minute)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt
	@touch $@ $(VENV)/.installed

setup: $(VENV)/.installed

tools: $(VENV)/.tools-installed

run: setup
	@$(BIN)/python wsgi.py

# The server, started if it is not running, and the bundled recording through the client in real time.
demo: setup
	@$(BIN)/flask demo

# Tests start a hundred processes, which read compiled modules where the environment lets them be kept.
test: export PYTHONDONTWRITEBYTECODE =
test: tools
	@$(MAKE) --no-print-directory -j 2 lint check

check: tools
	@$(BIN)/pytest -n 2

# How many trackers one process serves, as a table; takes two minutes.
bench: setup
	@$(BIN)/python -m benchmarks.ingest

lint: tools
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy focus
	@$(BIN)/lint-imports
