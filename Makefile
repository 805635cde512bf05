# Everything a developer or CI does, one target each. `make help` lists them.
# Only Python (3.11 or later) is needed for: setup, demo, test. The others say what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.locked
BENCH_STAMP := $(VENV)/.locked-bench
CHART_STAMP := $(VENV)/.locked-chart
AUDIT_STAMP := $(VENV)/.locked-audit
MODE ?= sim
NAME ?= dev

# Hundreds of processes of the tests import the same files: compiled once, whoever says otherwise.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types layers bytecode unit coverage test-faults test-archive fuzz test-cluster test-load faults \
	faults-sample e2e bench \
	bench-local bench-chunking bench-pages bench-knobs sbom audit cluster-up cluster-down cluster-status crds \
	docs dashboard golden format lock clean

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

test: setup ## everything that needs only Python (< 3 minutes)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync types lint layers bytecode
	@$(MAKE) --no-print-directory unit

lint: setup ## style, formatting, and files that must be generated anew
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(BIN)/python -m jobflows.api.crd | diff -u crds/workflow.kube-zen.io_jobflows.yaml - || \
		{ echo "the CRD is older than the models: make crds"; exit 1; }

types: setup ## mypy --strict
	$(BIN)/mypy

layers: setup ## imports point one way
	$(BIN)/lint-imports

# What each worker of pytest would compile for itself, all of them at once.
bytecode: setup
	@$(BIN)/python -m pytest test/unit test/engine --collect-only -q > /dev/null

# They wait about as long as they compute.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')

unit: setup ## tests that need only Python
	$(BIN)/python -m pytest test/unit test/engine -n $(WORKERS) -q

coverage: setup ## the same with a coverage report
	$(BIN)/python -m pytest test/unit test/engine -n $(WORKERS) -q --cov --cov-report=term --cov-report=xml

.PHONY: simulate simulate-bugs
simulate: SEEDS ?= 10000
simulate: FIRST ?= 0
simulate: JOBS ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count() or 1)')
simulate: setup ## the operator on virtual time, a world for each seed: SEEDS=10000 FIRST=0
	cd test && ../$(BIN)/python -m simulation --seeds $(SEEDS) --first $(FIRST) --jobs $(JOBS) $(ARGS)

simulate-bugs: SEEDS ?= 300
simulate-bugs: JOBS ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count() or 1)')
simulate-bugs: setup ## whether the simulation sees: bugs planted in the operator are found
	cd test && ../$(BIN)/python -m simulation --bugs --seeds $(SEEDS) --jobs $(JOBS)

FAULTS := test/unit/chunking/test_faults.py test/unit/chunking/test_result_log.py

test-faults: ROUNDS ?= 100
test-faults: JOBS ?= 4
test-faults: setup ## workers killed, late and cut short, a full disk: ROUNDS=100 in a row
	@for round in $$(seq $(ROUNDS)); do \
		echo "round $$round of $(ROUNDS)"; \
		$(BIN)/python -m pytest $(FAULTS) -n $(JOBS) -q -x --no-header || exit 1; \
	done

fuzz: SECONDS ?= 300
fuzz: EXAMPLES ?= 500
fuzz: setup ## input with something wrong anywhere in it, always new: SECONDS=300
	@end=$$(($$(date +%s) + $(SECONDS))); while [ $$(date +%s) -lt $$end ]; do \
		JOBFLOW_EXPLORE=1 EXAMPLES=$(EXAMPLES) \
			$(BIN)/python -m pytest test/unit/bad_input -n $(WORKERS) -q -x --no-header || exit 1; \
	done

test-archive: FLOWS ?= 1000
test-archive: setup ## the archive against the ledgers of FLOWS=1000 flows with faults, a hundred for each SEED
	@seed=$${SEED:-$$($(PYTHON) -c 'import random; print(random.randrange(1_000_000))')}; \
		echo "make test-archive FLOWS=$(FLOWS) SEED=$$seed"; \
		FLOWS=$(FLOWS) SEED=$$seed $(BIN)/python -m pytest test/unit/recorder/test_ledgers.py -q -k many_flows

# Most of their time they wait, so two clusters are faster than one even on two cores.
CLUSTERS ?= 2

test-cluster: $(CHART_STAMP) ## flows on a real API server with simulated pods (Go, or CLUSTER=kind)
	$(BIN)/python -m pytest test/cluster_suite -n $(CLUSTERS) --dist loadfile --durations=15

e2e: setup ## every example on real pods (root, or CLUSTER=kind)
	$(BIN)/python -m pytest test/e2e -n $(CLUSTERS) --dist loadfile --durations=15

bench: ROUNDS ?= 4
bench: setup ## the operator against a bare watch-and-create loop, as ratios (Go)
	cd test && ../$(BIN)/python -m bench --rounds $(ROUNDS)

PROFILE ?= short

test-load: setup ## counts and ratios under load, held against test/load/rangespec.yaml (Go); PROFILE=full
	cd test && ../$(BIN)/python -m load check --profile $(PROFILE) $(ARGS)

faults: POINTS ?= all
faults: SHARE ?= 1
faults: OFFSET ?= 0
faults: CASES ?= all
faults: JOBS ?= 12
faults: setup ## a fault at each API call of a run in turn (Go): POINTS=all|N SHARE=1/10 CASES=all|none|NAMES
	cd test && ../$(BIN)/python -m faults --points $(POINTS) --share $(SHARE) --offset $(OFFSET) \
		--cases "$(CASES)" --jobs $(JOBS) $(ARGS)

# A few points of all, others with each commit.
faults-sample: setup
	cd test && ../$(BIN)/python -m faults --points 30 --cases "status,Job's" --jobs 10 \
		--offset $$((0x$$(git rev-parse --short=6 HEAD)))

bench-knobs: setup ## what each flag of the operator is worth, by number of flows (Go)
	cd test && ../$(BIN)/python -m bench.knobs $(ARGS)

bench-local: ROUNDS ?= 3
bench-local: setup ## runs on this machine against xargs -P; what Python workflows cost
	cd test && ../$(BIN)/python -m bench.local --rounds $(ROUNDS) $(ARGS)
	cd test && ../$(BIN)/python -m bench.workflows

bench-pages: setup ## pages over an archive of a million attempts, and 10,000 steps drawn
	cd test && ../$(BIN)/python -m bench.pages --draw $(ARGS)

bench-chunking: ROUNDS ?= 5
bench-chunking: $(BENCH_STAMP) ## the chunking optimizer against its bound and its peers, as ratios
	cd test && ../$(BIN)/python -m bench.chunking --rounds $(ROUNDS) $(ARGS)

$(BENCH_STAMP): $(STAMP) requirements-bench.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

$(CHART_STAMP): $(STAMP) requirements-chart.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-chart.lock
	@touch $@

sbom: $(AUDIT_STAMP) ## what is in the image, as CycloneDX with hashes: dist/sbom.json
	@mkdir -p dist
	@$(BIN)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml \
		--output-reproducible --output-format JSON --output-file dist/sbom.json requirements-operator.lock
	@echo "dist/sbom.json: $$(grep -c '"purl"' dist/sbom.json) packages"

audit: $(AUDIT_STAMP) ## known vulnerabilities of the locked packages (asks a service)
	@$(BIN)/python .ci/audit.py

$(AUDIT_STAMP): $(STAMP) requirements-audit.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.lock
	@touch $@

cluster-up: ## start a cluster to play with: MODE=sim|real NAME=dev
	@$(PYTHON) test/cluster up --mode $(MODE) --name $(NAME)

cluster-down: ## end it, and remove all of it
	@$(PYTHON) test/cluster down --name $(NAME)

cluster-status: ## how to reach it
	@$(PYTHON) test/cluster status --name $(NAME)

crds: setup ## generate crds/ from the models
	@$(BIN)/python -m jobflows.api.crd > crds/workflow.kube-zen.io_jobflows.yaml
	@cp crds/workflow.kube-zen.io_jobflows.yaml deploy/helm/jobflows/files/crd.yaml

docs: setup ## generate the reference pages from models, flags, commands and metrics
	$(BIN)/python docs/generate.py

dashboard: setup ## write the Grafana dashboard from grafana/panels.yaml
	$(BIN)/python grafana/dashboard.py

golden: setup ## write what the examples render to anew
	UPDATE_GOLDEN=1 $(BIN)/python -m pytest test/unit/examples -q

format: setup ## format and sort imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## resolve requirements.lock anew from pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --extra dev --no-header \
		--python-version 3.11 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --extra operator --extra archive --extra web \
		--no-header --python-version 3.11 --constraint requirements.lock pyproject.toml -o requirements-operator.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --group chart --no-header \
		--python-version 3.11 --constraint requirements.lock -o requirements-chart.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --group bench --no-header \
		--python-version 3.11 --constraint requirements.lock -o requirements-bench.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --group audit --no-header \
		--python-version 3.11 --constraint requirements.lock -o requirements-audit.lock

clean: ## remove what can be made again
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage coverage.xml
	find operator test -name __pycache__ -type d -prune -exec rm -rf {} +
