# Two commands do all the set-up: `make demo` and `make test`. `make` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input

.PHONY: help demo notebooks notebooks-export test test-again check test-slow bench dictionary lock clean

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: .venv/run ## The whole job against a simulated shop: no key needed
	@$(BIN)/loop-returns demo

notebooks: .venv/dev ## Serve the notebooks to a browser on this machine; prints where
	@$(BIN)/python -m loop_returns.notebooks serve

notebooks-export: .venv/dev ## The same with outputs as HTML and .ipynb, into _data/notebooks
	@$(BIN)/python -m loop_returns.notebooks export

test: check ## All checks and tests (slow suites in their short form)
	$(BIN)/python -m pytest -n auto --dist worksteal

# CI machines are shared, and the tests kill processes and watch clocks: what failed is named and runs once
# more, alone. A fault of ours fails again.
test-again: check
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

check: .venv/dev ## Lint, types, floors, spelling, workflows (SQL is linted by a test)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --quiet --offline .github/workflows

test-slow: .venv/dev ## The long form of the slow suites
	$(BIN)/python -m pytest -m slow

bench: .venv/dev ## Measure every goal; the figures go to benchmarks/results.md (SCALE=10: a million returns)
	$(BIN)/python -m benchmarks

dictionary: .venv/dev ## Write docs/data-dictionary.md from the models' own headers
	$(BIN)/python -m loop_returns.warehouse.dictionary_page docs/data-dictionary.md

lock: ## Renew the hash-locked requirements (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --extra postgres -o requirements/run.txt pyproject.toml requirements/build.in
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --extra postgres --extra notebooks --group dev -o requirements/dev.txt pyproject.toml \
	  -c requirements/run.txt

clean: ## Remove what the commands above made; the data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than Python 3.11"; echo "hint: make PYTHON=python3.12 demo"; exit 1; }
	@echo "making .venv and installing the locked requirements (once; about a minute)" >&2
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/run: .venv/python requirements/run.txt pyproject.toml
	@$(PIP) --require-hashes -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/run requirements/dev.txt
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@
