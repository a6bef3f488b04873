# make demo    run everything and see the main job (ARGS=--exit ends after the tour)
# make test    every test, on a PostgreSQL that the tests start themselves (ARGS is pytest's)
# make check   lint, types, import rules, tests

PYTHON ?= python3
BIN := .venv/bin
# Four processes for two cores: half of the time, tests wait.
PARALLEL := -n 4 --dist loadfile --no-loadscope-reorder
# Tests start some 300 processes; without bytecode files, each would compile the package again.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help demo test lint check clean

help:
	@sed -n 's/^# //p' Makefile

demo: .venv/run
	$(BIN)/onrecord demo $(ARGS)

test: .venv/dev
	$(BIN)/python -m pytest $(PARALLEL) --hypothesis-profile=thorough $(ARGS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy services tests
	$(BIN)/lint-imports
	$(BIN)/deptry services

check: lint test

clean:
	rm -rf .venv

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "onrecord needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V 2>&1)."; \
		  echo "Name another one: make demo PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -m venv .venv && touch $@

.venv/run: .venv/python requirements.txt pyproject.toml
	@echo "Installing the locked packages into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/python requirements-dev.txt pyproject.toml
	@echo "Installing the locked packages, and those for development, into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ .venv/run
