SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
AUDIT := .build/audit/venv
COMPAT := .build/compat/venv
COMPAT_LAST := .build/compat-1.4/venv
DOCS := .build/docs/venv
COMPAT_TGI := .build/compat-tgi/venv
PY := $(VENV)/bin/python
FOUNDRY := forge anvil cast
# Consumers, tokens and verifiers that tests of whole nodes put on a chain.
TEST_CONTRACTS := forge build --quiet contracts $(addprefix test/contracts/support/,RecordingConsumer.sol \
	ReenteringChat.sol TestVerifier.sol Tokens.sol)
# One call a test, nothing random and one compiler on all machines: the figures are exact.
GAS_SNAPSHOT := forge snapshot --match-path 'test/contracts/gas/*'
# Tools of the project come before those of the machine.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

QUESTION ?= Can shrimp actually fry rice fr?
TGI_URL ?=
ARGS ?=

##@ Use

# Through the environment: a question may hold anything, and the shell must not read it.
demo up: export DEMO_QUESTION = $(value QUESTION)
demo up: export DEMO_TGI_URL = $(value TGI_URL)

demo: setup ## A contract asks a model a question and reads the answer (QUESTION="…", TGI_URL=http://host:port)
	@$(PY) -m scripts.demo

up: setup ## The same stack, left running in the foreground
	@$(PY) -m scripts.demo --up

##@ Check

test: test-contracts test-python ## Everything but whole stacks: forge tests and pytest

test-contracts: setup
	forge test

test-python: setup
	forge build --quiet
	pytest -m "not e2e"

e2e: setup $(COMPAT)/.ready $(COMPAT_LAST)/.ready $(COMPAT_TGI)/.ready ## Real Anvil, service and node against each other
	@$(TEST_CONTRACTS)
	pytest -m e2e test/e2e test/compat test/chaos test/service/compat

compat: setup $(COMPAT)/.ready $(COMPAT_LAST)/.ready ## The public infernet-client 1.0.0 and 1.4.0 (web3 6) against this node, old compilers; part of e2e
	pytest -m e2e test/compat

compat-tgi: setup $(COMPAT_TGI)/.ready ## TGI's own Python client against the mock TGI; part of e2e
	pytest -m e2e test/service/compat

soak-service: setup ## Thousands of requests to the TGI service (REQUESTS=20000): its memory stays flat
	SOAK_REQUESTS=$(or $(REQUESTS),20000) pytest -s -m e2e test/service/test_leak.py

chaos: setup ## SIGKILL at random moments under load (ROUNDS=200): accepted is finished, nothing lost or doubled
	CHAOS_ROUNDS=$(or $(ROUNDS),200) pytest -m e2e --timeout 3600 test/chaos/test_offchain.py

chaos-chain: setup ## SIGKILL at every write, every send and any moment of the chain half (ROUNDS=300): each request answered, once
	@$(TEST_CONTRACTS)
	CHAIN_ROUNDS=$(or $(ROUNDS),300) pytest -s -m e2e test/chaos/test_onchain.py

checklist: setup ## What the user's document promises, with the tests that hold each line; fails where one has none
	@$(PY) -m scripts.checklist

faults: setup ## Each fault of an RPC endpoint in each phase of the work, lasting as long as in life: ten minutes
	@$(TEST_CONTRACTS)
	FAULTS=full pytest -m e2e --timeout 300 test/chaos/test_faults.py

docs: $(DOCS)/.ready ## The pages of docs/ as a site that stands alone, .build/site/index.html; any broken link fails
	@$(DOCS)/bin/mkdocs build --quiet
	@! grep -rnE '<(script|link|img)[^>]+(src|href)="https?://' .build/site --include='*.html' || (echo "pages fetch from elsewhere" >&2; exit 1)

lint: setup ## Formatting, types, direction of imports, Solidity linter
	ruff format --check .
	ruff check .
	python -m scripts.abis --check
	mypy
	lint-imports
	forge fmt --check contracts test/contracts scripts bench/gas/contracts bench/chain/contracts
	$(GAS_SNAPSHOT) --check
	node_modules/.bin/solhint --max-warnings 0 'contracts/**/*.sol'

bench-gas: setup release ## Gas of whole transactions beside infernet-sdk v1 and our goals (ARGS="--trace --match 'paid, ETH'")
	@$(PY) -m bench.gas $(ARGS)

bench-node: setup ## Speed and size of the node on this machine, one JSON line a figure (ARGS="--jobs 2000 --kept 0")
	@$(PY) -m bench.node $(ARGS)

gas-snapshot: setup ## Records the gas of the core calls in .gas-snapshot, which `make lint` compares
	$(GAS_SNAPSHOT)

bench-chain: setup ## Speed and cost of the on-chain half against Anvil, one JSON line a figure (ARGS="burst idle --keep /tmp/logs")
	@forge build --quiet contracts bench/chain/contracts
	@$(PY) -m bench.chain $(ARGS)

bench-service: setup ## What the TGI service adds to a direct call of TGI; 500 streams, 64 slow generations
	@$(PY) -m bench.service $(ARGS)

audit: audit-release audit-invariants audit-coverage audit-static audit-symbolic audit-mutation ## Proofs beyond the tests, in an hour or so: see docs/audit.md

audit-release: setup ## The forge tests on the code that is deployed
	FOUNDRY_PROFILE=release forge test

audit-invariants: setup ## The invariants in 500 runs of 500 calls, where `make test` has 64 of 128
	FOUNDRY_PROFILE=deep forge test --match-path 'test/contracts/invariant/*'

audit-coverage: setup ## Lines and branches of contracts/ that the forge tests reach
	@$(PY) -m scripts.audit.coverage

audit-static: setup $(AUDIT)/.ready ## slither: every finding of high or medium severity is explained
	@$(PY) -m scripts.audit.static

audit-symbolic: setup $(AUDIT)/.ready ## halmos: the wallet's accounts and the fees, for all inputs
	@$(PY) -m scripts.audit.symbolic

audit-mutation: setup $(AUDIT)/.ready ## Changes the contracts in hundreds of places and lists what no test notices
	@$(PY) -m scripts.audit.mutation $(ARGS)

fmt: setup ## Rewrites sources in the project's format
	ruff format .
	ruff check --fix .
	forge fmt contracts test/contracts scripts bench/gas/contracts bench/chain/contracts

##@ Set-up

setup: $(VENV)/.foundry contracts ## Everything the other targets need; safe to repeat

$(VENV)/.ready: requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"Python 3.11 or newer is needed, $(PYTHON) is {v.major}.{v.minor}: set PYTHON=/path/to/python3.11")'
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "installing Python packages into $(VENV) ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(AUDIT)/.ready: requirements/audit.lock
	@$(PYTHON) -m venv $(AUDIT)
	@echo "installing the tools of make audit into $(AUDIT) ..."
	@$(AUDIT)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.lock
	@touch $@

$(COMPAT)/.ready: requirements/compat.lock
	@$(PYTHON) -m venv $(COMPAT)
	@echo "installing infernet-client 1.0.0 ..."
	@$(COMPAT)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/compat.lock
	@touch $@

$(DOCS)/.ready: requirements/docs.lock
	@$(PYTHON) -m venv $(DOCS)
	@echo "installing MkDocs ..."
	@$(DOCS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.lock
	@touch $@

# Without its requirements, of which one was never published: the lock names the others.
$(COMPAT_LAST)/.ready: requirements/compat-1.4.lock
	@$(PYTHON) -m venv $(COMPAT_LAST)
	@echo "installing infernet-client 1.4.0 ..."
	@$(COMPAT_LAST)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/compat-1.4.lock
	@touch $@

$(COMPAT_TGI)/.ready: requirements/compat-tgi.lock
	@$(PYTHON) -m venv $(COMPAT_TGI)
	@echo "installing text-generation ..."
	@$(COMPAT_TGI)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/compat-tgi.lock
	@touch $@

node_modules/.ready: package.json package-lock.json
	@node -e 'process.versions.node.split(".")[0] >= 20 || (console.error(`Node 20 or newer is needed, this is $${process.versions.node}`), process.exit(1))'
	@echo "installing npm packages ..."
	@npm ci --silent
	@touch $@

$(VENV)/.foundry: $(VENV)/.ready node_modules/.ready
	@for tool in $(FOUNDRY); do ln -sf $(CURDIR)/node_modules/@foundry-rs/$$tool-*/bin/$$tool $(VENV)/bin/; done
	@touch $@

contracts: $(VENV)/.foundry
	@forge build --quiet contracts

# What is deployed and measured: through the IR pipeline, without tests.
release: $(VENV)/.foundry
	@FOUNDRY_PROFILE=release forge build --quiet contracts bench/gas/contracts

abis: contracts ## Regenerates the ABIs and the code that Python ships from forge's output
	@$(PY) -m scripts.abis

lock: ## Pins the newest versions that pyproject.toml admits
	@$(PYTHON) -m venv .build/lock && .build/lock/bin/pip install --quiet uv
	.build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --extra dev pyproject.toml --output-file requirements/dev.lock
	.build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --extra service --constraint requirements/dev.lock \
		pyproject.toml --output-file requirements/service.lock
	.build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --extra node --extra fleet --constraint requirements/dev.lock \
		pyproject.toml --output-file requirements/node.lock
	.build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --extra audit pyproject.toml --output-file requirements/audit.lock
	.build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header requirements/compat.in --output-file requirements/compat.lock
	.build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --override requirements/compat-1.4.overrides \
		requirements/compat-1.4.in --output-file requirements/compat-1.4.lock
	.build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header requirements/compat-tgi.in --output-file requirements/compat-tgi.lock
	.build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header requirements/docs.in --output-file requirements/docs.lock
	npm update --package-lock-only
	node scripts/complete_lock.js

clean: ## Removes what can be built again
	rm -rf $(VENV) node_modules out cache .build .run .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

help: ## This list
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*##/ {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo up test test-contracts test-python e2e checklist docs compat compat-tgi chaos chaos-chain faults lint bench-gas bench-node bench-service soak-service bench-chain audit audit-release audit-invariants audit-coverage audit-static audit-symbolic audit-mutation fmt setup contracts release abis lock clean help
