# make try      set everything up, then answer a question with visible thinking
# make test     set up what is missing, run the whole test suite
# make check    ruff, mypy, the structure test, stale docs
# make bench    ratios against a bare llama.cpp loop, measured in one run
# make bench-peers   llama.cpp's own tools, built once, for make bench to compare with

PYTHON ?= python3
VENV   := .venv
ifeq ($(OS),Windows_NT)
BIN    := $(VENV)/Scripts
else
BIN    := $(VENV)/bin
endif
STAMP  := $(VENV)/setup.stamp
JOBS   ?= 2

.PHONY: setup try test fast check docs bench bench-peers lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml cli/llama_build/__main__.py cli/mull/data/amx_tiles.h
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'mull needs Python 3.11 or newer: make setup PYTHON=python3.12, for instance.')"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PYTHON) cli/llama_build --python $(BIN)/python
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

try: setup
	@$(BIN)/mull "How many r's are in strawberry?"

test: setup
	@$(BIN)/python -m pytest -n $(JOBS)

fast: setup
	@$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/test_structure.py
	@$(BIN)/python -m docgen --check

docs: setup
	@$(BIN)/python -m docgen

bench: setup
	@$(BIN)/python -m tests.bench

bench-peers: setup
	@$(BIN)/python -m tests.bench.peers

lock: setup
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --upgrade --quiet \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
