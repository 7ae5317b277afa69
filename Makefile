# `make demo` and `make test` set up all they need in .venv; nothing else of ours is required than
# Python 3.11 or newer, git and make. `make help` lists the rest.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

# Folders that hold our Python; some appear as the project grows.
SOURCES   := $(wildcard agent collectors server tests benchmarks demo docs packaging)
# The product is checked for all three systems; tests and benchmarks drive Linux's own parts.
PRODUCT   := agent collectors server
LINUX     := $(wildcard tests benchmarks demo)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Byte code is written at the first import, of what is imported, instead of for every file here.
PIP_INSTALL := $(BIN)/python -m pip install --require-hashes --no-compile

# Reads pip's lines and counts the packages on one line of the terminal; a log gets none of it.
define SHOW_PROGRESS
count=0; while read -r word package _; do \
    [ -t 1 ] || continue; \
    case "$$word" in \
        Collecting|Processing|Requirement) \
            count=$$((count + 1)); printf '\r\033[K  %d  %s' "$$count" "$${package##*/}";; \
        Installing) printf '\r\033[K  unpacking';; \
    esac; \
done; [ ! -t 1 ] || printf '\r\033[K'
endef

LOCK        := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
               --generate-hashes --no-emit-index-url --no-header
LOCK_ARGS   ?=

# How many of the three parts of the tests go on at once. They wait a lot: for processes and browsers.
JOBS        ?= 1

.PHONY: help demo test test-server test-rest test-postgresql test-heard-by-all lint types format lock packages audit screenshots clean

help:
	@echo "make demo               set up, start a server, enrol this machine, show its verdict and the gate"
	@echo "make demo ARGS=--once   the same, then exit"
	@echo "make test               set up, then lint, types and every test (ARGS goes to pytest)"
	@echo "make test-postgresql    the server's tests over PostgreSQL (part of make test)"
	@echo "make lint               ruff: rules and format"
	@echo "make types              mypy --strict for Linux, macOS and Windows"
	@echo "make format             let ruff rewrite the sources"
	@echo "make lock               resolve locks/*.txt anew (LOCK_ARGS=--upgrade: to the newest versions)"
	@echo "make packages           build what agent and server are installed from, in dist/"
	@echo "make audit              ask which locked packages have known vulnerabilities (needs the network)"
	@echo "make screenshots        retake the README's pictures in a real browser"
	@echo "make clean              remove .venv, caches and build output"

demo: $(VENV)/.runtime
	@$(BIN)/python -m demo $(ARGS)

test: $(VENV)/.dev lint types
	@$(BIN)/python -m $(if $(ARGS),pytest $(ARGS),tests.parts --jobs=$(JOBS))

test-server: $(VENV)/.dev
	@$(BIN)/python -m tests.parts server

test-rest: $(VENV)/.dev
	@$(BIN)/python -m tests.parts rest

# The server's tests once more, over the other database. Without PostgreSQL a newcomer is told so.
test-postgresql: $(VENV)/.dev
	@$(BIN)/python -m tests.parts postgresql

# What they announce of devices is heard by each agent on this machine, the other parts' as well.
test-heard-by-all: $(VENV)/.dev
	@$(BIN)/python -m tests.parts heard heard-postgresql

lint: $(VENV)/.dev
	@echo "lint: $(SOURCES)"
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)

# One cache a platform: mypy throws a cache of another platform away.
types: $(VENV)/.dev
	@printf 'types, linux: '; $(BIN)/mypy --platform linux --cache-dir .mypy_cache/linux $(PRODUCT) $(LINUX)
	@printf 'types, macOS: '; $(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin $(PRODUCT)
	@printf 'types, Windows: '; $(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 $(PRODUCT)

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix-only $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

# Builds what this system can build; then installs, upgrades and removes it, as `make test` does too.
packages: $(VENV)/.dev
	@$(BIN)/python packaging/build_server.py
	@$(BIN)/python packaging/build_agent.py
	@$(BIN)/python packaging/build_deb.py
	@$(BIN)/python packaging/build_rpm.py
	@$(BIN)/python packaging/build_tarball.py
	@$(BIN)/python packaging/build_sbom.py
	@PASSMUSTER_TEST_PACKAGES=dist $(BIN)/python -m pytest tests/packaging $(ARGS)

# Asks a service in the network which of the locked packages have known vulnerabilities.
audit: locks/audit.txt | $(VENV)/.created
	@$(PYTHON) -m venv build/audit
	@build/audit/bin/python -m pip install --quiet --require-hashes -r locks/audit.txt
	@build/audit/bin/python packaging/audit.py $(ARGS)

screenshots: $(VENV)/.dev
	@$(BIN)/python -m demo.screenshots $(ARGS)

# dev.txt is resolved first; the others take their versions from it, so that all agree.
lock: $(VENV)/.dev
	$(LOCK) $(LOCK_ARGS) --all-extras -o locks/dev.txt pyproject.toml
	$(LOCK) --extra agent --extra server -c locks/dev.txt -o locks/runtime.txt pyproject.toml
	$(LOCK) --extra server -c locks/dev.txt -o locks/server.txt pyproject.toml
	$(LOCK) --extra telemetry -c locks/dev.txt -o locks/telemetry.txt pyproject.toml
	$(LOCK) -c locks/dev.txt -o locks/build.txt locks/build.in
	$(LOCK) -c locks/dev.txt -o locks/audit.txt locks/audit.in
	@! grep -nE '://|--(extra-)?index|--find-links|--trusted-host|@ file' locks/*.txt \
	    || { echo "A lock names an address (above). Fix it before you commit." >&2; exit 1; }

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find agent collectors server tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. The stamps are older than a lock exactly when it was changed since.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "Passmuster needs Python 3.11 or newer; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)" >&2; \
	    echo "Name another one, for example: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "'$(PYTHON)' cannot create virtual environments: its venv module is not installed." >&2; \
	    echo "On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: locks/build.txt locks/runtime.txt pyproject.toml | $(VENV)/.created
	@echo "Installing $$(cat locks/build.txt locks/runtime.txt | grep -c '==') locked packages ..."
	@$(PIP_INSTALL) -r locks/build.txt -r locks/runtime.txt | { $(SHOW_PROGRESS); }
	@$(MAKE) --silent $(VENV)/.passmuster
	@touch $@

$(VENV)/.dev: locks/dev.txt pyproject.toml | $(VENV)/.created
	@echo "Installing $$(grep -c '==' locks/dev.txt) locked packages ..."
	@$(PIP_INSTALL) -r locks/dev.txt | { $(SHOW_PROGRESS); }
	@$(MAKE) --silent $(VENV)/.passmuster
	@touch $(VENV)/.runtime $@

$(VENV)/.passmuster: pyproject.toml
	@echo "Installing passmuster itself ..."
	@$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@
