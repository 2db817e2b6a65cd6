SHELL := /bin/bash
.DEFAULT_GOAL := help
# PREFECT=3.9.1: the same on another Prefect of those that pyproject.toml allows than on the locked one, in
# an environment of its own.
VENV := $(if $(PREFECT),build/prefect-$(PREFECT),.venv)
PYTHON := $(VENV)/bin/python

# Tests start hundreds of processes, and pytest rewrites its 250 files in each of its own: without
# what is compiled kept, all would do it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.done: requirements.lock tools.lock pyproject.toml
	@scripts/setup.sh venv git
	@scripts/install.sh $(VENV) $(PREFECT)
	@touch $@

.PHONY: lock
lock: $(VENV)/.done ## write requirements.lock and tools.lock anew from pyproject.toml
	@$(VENV)/bin/uv pip compile -q --upgrade --all-extras --universal --generate-hashes --no-header --no-annotate -o requirements.lock pyproject.toml
	@$(VENV)/bin/uv pip compile -q --upgrade --group tools --universal --generate-hashes --no-header --no-annotate -o tools.lock

# What real machines need. Where they cannot run, the same goes on with simulated ones.
# Docker and Packer are judged apart. PACKER=/path/to/packer: that one, and not what is on PATH.
HAS_DOCKER := scripts/setup.sh docker dockerd debootstrap iptables ip
HAS_PACKER := scripts/setup.sh packer

.PHONY: demo
demo: $(VENV)/.done ## five releases of a real Rails application, on this machine
	@machines=$$(scripts/machines.sh); \
	$(PYTHON) -m examples.demo --machines $$machines $(if $(UI_PORT),--port $(UI_PORT))

# UI_PORT, RECEIVER_PORT: other ports than 4200 and 4180. FRESH=1: forget what the last one left.
# SCHEDULES=1: on an account, too, schedules start runs.
UP := $(if $(UI_PORT),--port $(UI_PORT)) $(if $(RECEIVER_PORT),--receiver-port $(RECEIVER_PORT)) \
  $(if $(FRESH),--fresh) $(if $(SCHEDULES),--schedules)

.PHONY: up
up: $(VENV)/.done ## Prefect, worker, applications, push receiver until Ctrl-C (ACCOUNT=1: on AWS)
	@if test -n "$(ACCOUNT)"; then $(HAS_PACKER) && exec $(PYTHON) -m examples.up --account $(UP); \
	  exit 1; fi; \
	machines=$$(scripts/machines.sh); \
	exec $(PYTHON) -m examples.up --machines $$machines $(UP)

.PHONY: sandbox
sandbox: $(VENV)/.done ## an EC2 on this machine, until Ctrl-C
	@if $(HAS_DOCKER); then machines=docker; else machines=simulated; fi; \
	$(PYTHON) -m sandbox up --machines $$machines

# Tests mostly wait, so more of them at once than a small machine has cores. REAL: of those that keep
# real machines under a light load, and leave three quarters of two cores idle. No pure test is among
# those, and to collect them took half of the time in which pytest starts.
SIDE_BY_SIDE ?= 4
REAL ?= 2

.PHONY: test
test: $(VENV)/.done ## all tests that this machine can run; says what it skipped and why
	@test "$$(scripts/machines.sh)" = docker || echo "tests with real machines will be skipped"
	@scripts/setup.sh shellcheck systemd-analyze zsh || true
	@scripts/setup.sh git-lfs || echo "tests of files in Git LFS will be skipped"
	@scripts/setup.sh postgres || echo "the test of a team's set-up will be skipped"
	@scripts/setup.sh chromium || echo "tests in the Prefect UI will be skipped"
	@trap 'exit 130' INT; failed=0; \
	run() { METER=1 $(PYTHON) -m pytest -q --durations=10 --no-loadscope-reorder -m "$$@" || \
	  failed=$$((failed | $$?)); }; \
	run "not alone and not real" --cache-clear --numprocesses $(SIDE_BY_SIDE); \
	run real --numprocesses $(REAL) --ignore tests/unit; \
	run alone --ignore tests/unit; \
	if test $$failed -eq 1; then exec $(PYTHON) -m tests.once_more; fi; \
	exit $$failed

# The loop for the next change: no server, no sandbox, no real machine, and none of the tests that start
# programs or servers of their own, half of what tests/unit costs.
.PHONY: quick
quick: $(VENV)/.done ## pure tests, lint and types, in about a minute
	@$(PYTHON) -m tests.quick

SITE ?= build/site

.PHONY: docs
docs: $(VENV)/.done ## the documentation as a site, in build/site
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --quiet --site-dir $(SITE)
	@echo "$(SITE)/index.html"

.PHONY: check
check: $(VENV)/.done ## format, lint, types, templates, units, shell scripts
	@scripts/setup.sh packer shellcheck systemd-analyze
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@scripts/check-images.sh

.PHONY: clean
clean: ## remove what the other targets made, kept machine images too
	@if test -x $(PYTHON); then \
	  for box in build*/*-sandbox build*/sandbox build*/*-simulated build*/demo/sandbox \
	    build*/rehearsals/*/sandbox; do \
	    if test -d $$box; then $(PYTHON) -m sandbox down --forget --dir $$box; fi; done; \
	  $(PYTHON) -m sandbox forget || true; fi
	@rm -rf build build-* .venv *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: clients
clients: .venv/.done ## the AWS CLI, Ansible and Cloud Custodian against the sandbox (installs them beside)
	@scripts/clients.sh
	@CLIENTS="$${CLIENTS:-$$HOME/.cache/spotkiln-clients}" $(PYTHON) -m pytest -q tests/clients

.PHONY: bench
bench: $(VENV)/.done ## what a release costs beyond the cloud's own time (about twenty minutes)
	@$(PYTHON) -m benchmarks.release

# Tests elsewhere that play more with LONG=1.
PLAYS_MORE = $(filter-out tests/reliability/%,$(shell grep -rlE --include='test_*.py' \
  'import .*\blong\b|environ\.get\("LONG"\)' tests))

.PHONY: torture
torture: $(VENV)/.done ## every changing call with every fault, real machines, and the soak (two hours)
	@test "$$(scripts/machines.sh)" = docker || echo "faults with real machines will be skipped"
	@LONG=1 $(PYTHON) -m pytest -q -s tests/reliability $(PLAYS_MORE)
	@$(PYTHON) -m benchmarks.torture
	@$(PYTHON) -m benchmarks.soak
