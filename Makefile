# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup tools run demo test lint bench

# What runs needs the runtime packages alone; what checks needs the tools as well, which are many times their size.
$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("FOCUS needs Python 3.11 or newer; this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the packages into $(VENV) (once; about half a minute)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.tools-installed: $(VENV)/.installed requirements-dev.txt
	@echo "Installing the tools of the tests into $(VENV) (once; about a minute)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.installed

tools: $(VENV)/.tools-installed

run: setup
	@$(BIN)/python wsgi.py

# The server, started if it is not running, and the bundled recording through the client in real time.
demo: setup
	@$(BIN)/flask demo

test: lint
	@$(BIN)/pytest -n 2

# How many trackers one process serves, as a table; takes two minutes.
bench: setup
	@$(BIN)/python -m benchmarks.ingest

lint: tools
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy focus
	@$(BIN)/lint-imports
