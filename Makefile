# Two commands on a fresh machine: `make demo` and `make test`. Everything happens in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
SOURCES := pyproject.toml constraints.txt

AUDIT := $(VENV)/audit
SECONDS ?= 300
KILLS ?= 0

PYTHONS ?= 3.10 3.12 3.13

# make bench BENCH=--quick takes five minutes, make bench two hours.
BENCH ?=
PEERS := $(VENV)/peers
MER_ESSENTIA_PYTHON ?= $(PEERS)/essentia-tensorflow/bin/python
MER_OPENSMILE_PYTHON ?= $(PEERS)/opensmile/bin/python
export MER_ESSENTIA_PYTHON MER_OPENSMILE_PYTHON

.PHONY: demo test test-pythons lint types audit docs check collection soak bench bench-peers clean

demo: $(VENV)/.installed
	$(BIN)/mer-extract --plugin damff examples/collection --log-json $(VENV)/demo.jsonl
	$(BIN)/mer summary examples/collection

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest

test-pythons:
	for version in $(PYTHONS); do bash tests/on_python.sh $$version || exit 1; done

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell README.md CHANGELOG.md CONTRIBUTING.md docs mer_plugins damff adapters examples/*.md

types: $(VENV)/.installed-test
	$(BIN)/mypy

audit: $(AUDIT)/.installed
	$(AUDIT)/bin/python .ci/audit.py

docs: $(VENV)/.installed-docs
	$(BIN)/mkdocs build --strict

check: test lint types audit docs

collection:
	$(PYTHON) examples/make_collection.py --out examples/collection

soak: $(VENV)/.installed-test
	$(BIN)/python tests/faults/soak.py --seconds $(SECONDS) --kills $(KILLS)

# A peer that cannot be installed here is left out of the tables.
bench: $(VENV)/.installed-test
	-$(MAKE) -k bench-peers
	$(BIN)/python benchmarks/growth_duration.py $(BENCH)
	$(BIN)/python benchmarks/growth_tracks.py $(BENCH) --page docs/scale.md
	$(BIN)/python benchmarks/parts.py $(BENCH)
	$(BIN)/python benchmarks/training.py $(BENCH)
	$(BIN)/python benchmarks/end_to_end.py $(BENCH)

bench-peers: $(MER_ESSENTIA_PYTHON) $(MER_OPENSMILE_PYTHON)

$(PEERS)/%/bin/python:
	$(PYTHON) -m venv $(PEERS)/$*
	$@ -m pip install -q $* || { rm -r $(PEERS)/$*; exit 1; }

clean:
	rm -rf $(VENV) .venv-* build dist site .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python $(SOURCES)
	$(PIP) install -q -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) install -q -c constraints.txt -e '.[test]'
	@touch $@

# Apart from the tests' environment, whose releases it judges.
$(AUDIT)/.installed: constraints.txt | $(VENV)/bin/python
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install -q -c constraints.txt pip-audit
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) install -q -c constraints.txt -e '.[docs]'
	@touch $@
