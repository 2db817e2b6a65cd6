SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.done: requirements.lock tools.lock pyproject.toml
	@scripts/setup.sh venv git
	@test -x $(PYTHON) || python3 -m venv .venv
	@$(PYTHON) -m pip install -q --disable-pip-version-check --require-hashes -r tools.lock
	@.venv/bin/uv pip install -q --require-hashes -r requirements.lock
	@.venv/bin/uv pip install -q --no-deps -e .
	@touch $@

.PHONY: lock
lock: .venv/.done ## write requirements.lock anew from pyproject.toml
	@.venv/bin/uv pip compile -q --upgrade --all-extras --universal --generate-hashes --no-header --no-annotate -o requirements.lock pyproject.toml
