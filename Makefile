# The few commands of this project; `make help` lists them.
# Paths are relative and scripts run as `python -m ...`, so that a long path with blanks works.

PORT ?= 8000
DATA_DIR ?= .data
ARGS ?=
export PORT DATA_DIR

# The first Python here that is new enough; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BOOT = $(or $(PYTHON),python3) csplatform/embedded/bootstrap.py
VENV = .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help python packages run servers test check lint lint-code lint-form lint-types lint-imports \
	lint-migrations bench format clean

help: ## list the commands
	@echo 'make COMMAND   (PORT=$(PORT) DATA_DIR=$(DATA_DIR), DATABASE_URL and REDIS_URL for external servers)'
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  \1|/' | \
		while IFS='|' read -r name text; do printf '%-10s %s\n' "$$name" "$$text"; done

python:
	@test -n '$(PYTHON)' || { echo 'cannot start: Python 3.11 or newer is needed and was not found; install it, or name it: make run PYTHON=/path/to/python3' >&2; exit 1; }

run: python ## everything in one: servers, web, workers, scheduler, demo tenant; Ctrl-C stops it
	@$(BOOT) runtime csplatform.embedded.runner

servers: python ## only the two servers, for restoring a backup or looking around
	@$(BOOT) runtime csplatform.embedded.runner servers

test: python ## all tests on servers of their own; ARGS='tests/rules -k words' for some
	@$(BOOT) tests csplatform.embedded.withservers .data-test test $(ARGS)

lint: lint-code lint-form lint-types lint-imports lint-migrations ## lint, format, types, import contracts, migrations (-k: all of them)

packages: python
	@$(BOOT) tests

lint-code: packages
	$(VENV) -m ruff check .

lint-form: packages
	$(VENV) -m ruff format --check .

lint-types: packages
	$(VENV) -m mypy .

lint-imports: packages
	$(VENV) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

lint-migrations: packages
	@$(VENV) -m csplatform.embedded.withservers .data-check manage \
		migrate --noinput --skip-checks -v 0 -- check -- makemigrations --check --dry-run

check: lint test ## lint and test: what has to pass before a change goes in

bench: python ## all benchmarks in small sizes, one JSON object per line; ARGS='--size 1000'
	@$(BOOT) runtime csplatform.embedded.withservers .data-bench manage \
		migrate --noinput --skip-checks -v 0 -- bench all $(ARGS)

format: packages ## put the code into the project's form
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .

clean: ## remove packages and caches; the data in DATA_DIR stays
	rm -rf .venv .venv.lock .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
