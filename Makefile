# Everything a developer or CI does, one target each. `make help` lists them.
# Only Python (3.11 or later) is needed for: setup, demo, test. The others say what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.locked
BENCH_STAMP := $(VENV)/.locked-bench
MODE ?= sim
NAME ?= dev

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types layers unit coverage test-faults test-cluster e2e bench \
	bench-chunking cluster-up cluster-down cluster-status crds docs golden format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv from the locked versions

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "JobFlow needs Python 3.11 or later: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "cannot make $(VENV): install the venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "installing the locked packages into $(VENV) (about half a minute, once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## run an example on this machine: no cluster, no containers
	@$(BIN)/jobflow run examples/etl-diamond.yaml

test: setup lint types layers unit ## everything that needs only Python (< 3 minutes)

lint: setup ## style, formatting, and files that must be generated anew
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(BIN)/python -m jobflows.api.crd | diff -u crds/workflow.kube-zen.io_jobflows.yaml - || \
		{ echo "the CRD is older than the models: make crds"; exit 1; }

types: setup ## mypy --strict
	$(BIN)/mypy

layers: setup ## imports point one way
	$(BIN)/lint-imports

unit: setup ## tests that need only Python
	$(BIN)/python -m pytest test/unit test/engine -n auto -q

coverage: setup ## the same with a coverage report
	$(BIN)/python -m pytest test/unit test/engine -n auto -q --cov --cov-report=term --cov-report=xml

FAULTS := test/unit/chunking/test_faults.py test/unit/chunking/test_result_log.py

test-faults: ROUNDS ?= 100
test-faults: JOBS ?= 4
test-faults: setup ## workers killed, late and cut short, a full disk: ROUNDS=100 in a row
	@for round in $$(seq $(ROUNDS)); do \
		echo "round $$round of $(ROUNDS)"; \
		$(BIN)/python -m pytest $(FAULTS) -n $(JOBS) -q -x --no-header || exit 1; \
	done

test-cluster: setup ## flows on a real API server with simulated pods (Go, or CLUSTER=kind)
	$(BIN)/python -m pytest test/cluster_suite

e2e: setup ## every example on real pods (root, or CLUSTER=kind)
	$(BIN)/python -m pytest test/e2e

bench: ROUNDS ?= 4
bench: setup ## the operator against a bare watch-and-create loop, as ratios (Go)
	cd test && ../$(BIN)/python -m bench --rounds $(ROUNDS)

bench-chunking: ROUNDS ?= 5
bench-chunking: $(BENCH_STAMP) ## the chunking optimizer against its bound and its peers, as ratios
	cd test && ../$(BIN)/python -m bench.chunking --rounds $(ROUNDS) $(ARGS)

$(BENCH_STAMP): $(STAMP) requirements-bench.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

cluster-up: ## start a cluster to play with: MODE=sim|real NAME=dev
	@$(PYTHON) test/cluster up --mode $(MODE) --name $(NAME)

cluster-down: ## end it, and remove all of it
	@$(PYTHON) test/cluster down --name $(NAME)

cluster-status: ## how to reach it
	@$(PYTHON) test/cluster status --name $(NAME)

crds: setup ## generate crds/ from the models
	@$(BIN)/python -m jobflows.api.crd > crds/workflow.kube-zen.io_jobflows.yaml

docs: setup ## generate the reference pages from models, flags, commands and metrics
	$(BIN)/python docs/generate.py

golden: setup ## write what the examples render to anew
	UPDATE_GOLDEN=1 $(BIN)/python -m pytest test/unit/examples -q

format: setup ## format and sort imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## resolve requirements.lock anew from pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --extra dev --no-header \
		--python-version 3.11 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --group bench --no-header \
		--python-version 3.11 --constraint requirements.lock -o requirements-bench.lock

clean: ## remove what can be made again
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage coverage.xml
	find operator test -name __pycache__ -type d -prune -exec rm -rf {} +
