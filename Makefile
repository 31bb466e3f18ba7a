# make demo   runs the main job on simulated data (sets everything up first)
# make test   passes the tests (likewise)
# make help   lists the rest

VENV   := .venv
PYTHON ?= python3
# Tools that were put beside the checkout by conda come first, where there are any.
export PATH := $(CURDIR)/$(VENV)/bin:$(CURDIR)/.conda/bin:$(PATH)

# Two at a time, file by file and in order; a test may use two cores itself.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help demo test fast lint format bench tools docs clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.ready .tools ## simulate a cohort and run everything on it
	genopheno demo

test: $(VENV)/.dev .tools-test lint ## format, lint, and all tests
	python -m pytest $(WORKERS) tests/unit tests/faults tests/workflow tests/realdata

fast: $(VENV)/.dev .tools ## the tests that take seconds
	python -m pytest tests/unit tests/faults -m "not slow"

lint: $(VENV)/.dev ## formatting and lint (snakemake --lint is one of the tests)
	ruff format --check scripts tests
	ruff check scripts tests
	snakefmt --check workflow/Snakefile rules

format: $(VENV)/.dev ## put everything into form
	ruff format scripts tests
	ruff check --fix scripts tests
	snakefmt workflow/Snakefile rules

bench: $(VENV)/.dev .tools-test ## speed, memory and accuracy beside named tools (an hour)
	@failed=""; for script in $(filter-out tests/bench/simulate.py,$(wildcard tests/bench/*.py)); do \
	  echo "== $$script"; python "$$script" || failed="$$failed $$script"; done; \
	[ -z "$$failed" ] || { echo "goals missed, or failed:$$failed"; exit 1; }

docs: $(VENV)/.dev ## rewrite what is printed from the code
	python -m genopheno.schema

tools: ## install what is missing of the system's tools
	sh envs/install-tools.sh

clean: ## remove environment, demo and what was fetched for tests
	rm -rf $(VENV) .gatk .tools .tools-test genopheno-demo

# Each of these leaves a stamp, so that running again costs nothing.
.tools: envs/install-tools.sh envs/tools.yaml
	sh envs/install-tools.sh
	@touch $@

.tools-test: .tools envs/gatk/pom.xml
	sh envs/install-tools.sh --tests
	@touch $@

$(VENV)/bin/python: | .tools
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.ready
	$(VENV)/bin/python -m pip install --quiet --editable '.[dev]'
	@touch $@
