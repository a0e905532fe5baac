# Thin: the work is in manage.py commands. ARGS is passed on: make demo ARGS=--exit

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
EMBEDDED := $(BIN)/python -m config.dev.embedded run --

.DEFAULT_GOAL := help
.PHONY: demo run test lint bench clean help

demo: $(VENV)/.runtime  ## set everything up, run a campaign in the sandbox and show it arrive
	@$(BIN)/python manage.py demo $(ARGS)

run: $(VENV)/.runtime  ## set everything up and serve, without a campaign
	@$(BIN)/python manage.py serve $(ARGS)

test: $(VENV)/.dev  ## the whole test suite, on a real PostgreSQL and a real Redis
	@$(EMBEDDED) $(BIN)/pytest -n 2 $(ARGS)

lint: $(VENV)/.dev  ## style, types, import contracts, missing migrations, stale API documents
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports
	@DEBUG=1 $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@DEBUG=1 $(BIN)/python -W ignore::RuntimeWarning manage.py export_api_docs --check

bench: $(VENV)/.runtime  ## the benchmarks, each against a ceiling measured in the same run
	@$(EMBEDDED) $(BIN)/python manage.py bench $(ARGS)

clean:  ## remove the environment, the embedded servers and their data
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m config.dev.embedded destroy; fi
	@rm -rf $(VENV) .data .mypy_cache .ruff_cache .pytest_cache .import_linter_cache staticfiles

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST)

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Switchboard needs Python 3.11 or newer as $(PYTHON): make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "$(PYTHON) cannot make a virtual environment: install its venv package (apt install python3-venv)." >&2; \
		rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: requirements.lock | $(VENV)/bin/pip
	@echo "Installing the locked dependencies..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/bin/pip
	@echo "Installing the locked dependencies for development..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/.runtime
