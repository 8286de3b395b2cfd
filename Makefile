# make demo   install, and ask a question about the sample document
# make test   install with the development tools, and run the tests
# make lint   ruff, mypy and the import contracts
# make screenshots   take the pictures of the README anew
# make llama  install llama.cpp as well, so that `make test` runs the tests with a real model file

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SAMPLE := $(wildcard assets/sample/*.pdf)
QUESTION := How much did the purchase of new vessels cost in 2024?

.PHONY: demo test lint llama screenshots types clean

demo: $(BIN)/.installed
	$(BIN)/docqa ask "$(QUESTION)" $(SAMPLE) --library build/demo.db

test: $(BIN)/.installed-dev
	$(BIN)/python -m pytest -n auto --maxprocesses 4

lint: $(BIN)/.installed-dev types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The tests compare the pictures with what the application looks like; this replaces them.
screenshots: $(BIN)/.installed-dev
	UPDATE_SCREENSHOTS=1 $(BIN)/python -m pytest -q tests/tui/test_screenshots.py

# It is compiled, which takes five minutes on two cores; pip keeps the wheel for the next time.
llama: $(BIN)/.installed-llama

# Type checkers look for a folder docqa/; the code lies in app/, engine/, … (see pyproject.toml).
types:
	@mkdir -p .types/docqa
	@for part in app engine trainer assets; do ln -sfn ../../$$part .types/docqa/$$part; done

$(BIN)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(BIN)/.installed-dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ $(BIN)/.installed

$(BIN)/.installed-llama: $(BIN)/.installed-dev
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[llama-tests]'
	touch $@

clean:
	rm -rf .venv .types build *.egg-info
