# make setup        make .venv with llama.cpp compiled for this machine; every other target does it where it is missing
#                   BACKEND=cpu|cuda|vulkan|metal|hip|sycl chooses what llama.cpp computes on; later runs keep it
# make try          two answers: pebble's with its thinking, and SmolLM2's, a small general model (98 MB, downloaded once)
# make test         the whole test suite; SmolLM2 is downloaded once (98 MB), and without it some tests are skipped
# make test-vulkan  the tests on a Vulkan device; where there is none, a line says what is missing
# make fast         the test suite without what takes long
# make check        ruff, mypy, the rules of structure and language, stale docs
# make docs         write the generated pages of docs/
# make screens      take the pictures of docs/screens/ from mull in a terminal, and record a session
# make site         build docs/ as a site in site/, searchable without a server; needs no llama.cpp, and nothing of .venv
# make bench        measure the table of docs/performance.md, and ratios to a bare llama.cpp loop
# make bench-peers  build llama.cpp's own tools and install llm once, for make bench to compare with
# make benchmarks   install Inspect AI and lm-evaluation-harness (730 MB), for the tests of their recipes
# make fuzz         feed hostile inputs to the parsers, FUZZ_SECONDS (60) for each, two at a time
# make coverage     run the fast tests, print the share of lines that ran and the files with too few
# make lowest       quick tests with the oldest versions of the dependencies that pyproject.toml allows
# make lock         the newest versions that pyproject.toml allows, with hashes, into the requirements.lock files
# make clean        remove .venv and everything generated

# Without compiled modules each of the thousands of processes of the tests would take twice as long to start.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV   := .venv
ifeq ($(OS),Windows_NT)
BIN    := $(VENV)/Scripts
else
BIN    := $(VENV)/bin
endif
STAMP  := $(VENV)/setup.stamp
BACKEND ?=
# Compiles and installs llama.cpp; at once where it is installed.
LLAMA  := PYTHONPATH=cli $(BIN)/python -m llama_build --python $(BIN)/python --backend "$(BACKEND)"
# Most tests wait for other processes: two cores are busy with four at a time.
JOBS   ?= 4
# A busy machine may stop a program for longer than a test waits: one more try, and the run's end names the test.
RERUN  := --reruns 1 -r fER
RULES  := tests/test_structure.py tests/test_error_codes.py tests/test_language.py tests/test_docs_links.py

.PHONY: setup try test fast test-vulkan check docs screens site bench bench-peers benchmarks fuzz coverage lowest lock clean

setup: $(STAMP)
	@$(LLAMA)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'mull needs Python 3.11 or newer: for instance make setup PYTHON=python3.12')"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@$(LLAMA)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock || \
	  { echo "The packages that mull needs are not all installed; pip says why above."; \
	    echo "Check the network, then run make setup again: it continues here."; exit 1; } >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

try: setup
	@$(BIN)/python -m tryout

test: setup
	@$(BIN)/python -m tests.real
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(RERUN)

test-vulkan: setup
	@MULL_TEST_VULKAN=1 $(BIN)/python -m pytest tests/vulkan

fast: setup
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow and not real"

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest $(RULES)
	@$(BIN)/python -m docgen --check

docs: setup
	@$(BIN)/python -m docgen

screens: setup
	@$(BIN)/python -m docgen.screens

site: .site/setup.stamp
	@PYTHONPATH=cli .site/$(BIN:$(VENV)/%=%)/python -m docgen.site

# The site's packages have an environment of their own.
.site/setup.stamp: cli/docgen/site/requirements.lock
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'mull needs Python 3.11 or newer: for instance make site PYTHON=python3.12')"
	@$(PYTHON) -m venv .site
	@.site/$(BIN:$(VENV)/%=%)/python -m pip install -q --disable-pip-version-check --require-hashes -r $< || \
	  { echo "The packages that build the site are not all installed; pip says why above."; \
	    echo "Check the network, then run make site again."; exit 1; } >&2
	@touch $@

bench: setup
	@$(BIN)/python -m tests.bench

bench-peers: setup
	@$(BIN)/python -m tests.bench.peers

benchmarks: setup
	@$(BIN)/uv venv -q --allow-existing -p $(BIN)/python .benchmarks
	@VIRTUAL_ENV=.benchmarks $(BIN)/uv pip install -q inspect-ai openai 'lm-eval[api]'

fuzz: setup
	@$(BIN)/python -m tests.fuzz

coverage: setup
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest -n $(JOBS) --dist worksteal -m "not slow and not real"
	@$(BIN)/python -m coverage combine -q
	@$(BIN)/python -m tests.coverage_report

lowest: setup
	@$(BIN)/python -m tests.lowest

lock: setup
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --upgrade --quiet \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements.lock
	@$(BIN)/uv pip compile --group llama-build --universal --python-version 3.11 --upgrade --quiet \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	  -o cli/llama_build/requirements.lock
	@$(BIN)/uv pip compile --group site --universal --python-version 3.11 --upgrade --quiet \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	  -o cli/docgen/site/requirements.lock

clean:
	rm -rf $(VENV) .fuzz .lowest .site site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
