# One word for each task of a developer or of CI; `make help` lists them.
PYTHON ?= python3
WORKERS ?= 2

BIN := .venv/bin
# On a terminal pip shows its progress, elsewhere nothing.
PIP := $(BIN)/python -m pip install $$(test -t 2 || echo --quiet) --disable-pip-version-check --constraint constraints.txt
# Marks of the two installs: what a dream needs, and what tests, linters and documentation need.
READY := .venv/.ready
DEV := .venv/.ready-dev
# A second environment on top of .venv, so that no other test depends on the packages in it.
NETWORKS := .venv-networks/.ready
# The checkers of the JavaScript; npx keeps them after the first time.
NPX := npx --yes --package typescript@7.0.2 --package prettier@3.10.1

.DEFAULT_GOAL := help
.PHONY: help .venv dream test test-all test-networks fuzz lint docs bench clean

help:  ## list these tasks
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv: $(DEV)  ## set up the environment of the project (once, or when its requirements change)

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || \
	    { echo "make: no '$(PYTHON)' here; install Python 3.11 or newer, or say which: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "make: seisdream needs Python 3.11 or newer, got $$($(PYTHON) --version 2>&1); say which: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing seisdream into .venv (one to three minutes, mostly PyTorch)"
	@$(PYTHON) -m venv .venv
	@$(PIP) --editable .
	@touch $@

$(DEV): $(READY)
	@echo "Installing what tests, linters and documentation need"
	@$(PIP) --editable '.[dev]'
	@touch $@

$(NETWORKS): $(DEV)
	@echo "Installing packages with networks into .venv-networks"
	@$(BIN)/python -m venv --clear .venv-networks
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
	    "$$(.venv-networks/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/below.pth"
	@$(subst $(BIN),.venv-networks/bin,$(PIP)) --editable '.[networks]'
	@touch $@

dream: $(READY)  ## dream on the built-in section with the network facies-robust, offline
	$(BIN)/seisdream dream sample:built-in --out built-in.dream --force
	@echo "Look at built-in.dream/index.html (compare before and after), built-in.dream/dream-figure.png and built-in.dream/dream.gif"

# Workers take tests in order, as a file's tests share fixtures, and the first to end takes over what others have left.
PYTEST := python -m pytest -n $(WORKERS) --dist worksteal
# One thread a worker: more would compete for the cores, and runs would not repeat to the last bit.
test test-all test-networks: export OMP_NUM_THREADS = 1
test: .venv  ## run the tests that a developer runs
	$(BIN)/$(PYTEST) -m "not slow"

test-all: .venv  ## run all tests, and check the coverage
	$(BIN)/$(PYTEST) --cov --cov-report=term

fuzz: export OMP_NUM_THREADS = 1
fuzz: .venv  ## open N damaged inputs (default 100000, from SEED=0); failing ones are saved in build/fuzz
	PYTHONPATH=tests $(BIN)/python -m fuzz --inputs $(or $(N),100000) --seed $(or $(SEED),0) $(if $(KINDS),--kinds $(KINDS))

test-networks: $(NETWORKS)  ## run the tests on networks of other packages (timm, transformers and others)
	.venv-networks/bin/$(PYTEST) tests/networks

lint: .venv  ## check style, format and types of the Python and the JavaScript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright src
	@if command -v npx >/dev/null; then $(NPX) prettier --check 'src/**/*.{js,d.ts}' && $(NPX) tsc --project .; \
	elif [ -n "$$CI" ]; then echo "make: npx is missing (on Debian: apt-get install npm)" >&2; exit 1; \
	else echo "make: the JavaScript is not checked: npx is missing (on Debian: apt-get install npm)"; fi

docs: .venv  ## build the documentation (warnings are errors) into docs/_build/html
	$(BIN)/sphinx-build -E -W --keep-going -b html docs docs/_build/html

bench: .venv  ## time the dream against a plain transcription of the original recipe
	$(BIN)/python benchmarks/dream_speed.py

clean:  ## remove what tools left behind, except .venv and results
	rm -rf .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* docs/_build docs/reference/api docs/reference/generated build dist
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
