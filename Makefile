# Short targets; CI calls the same ones. `make help` lists them.
SHELL := /bin/bash
PYTHON := .venv/bin/python
export BACKEND KIND_NODE_IMAGE FIRMWARE TOOLCHAINS

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status images check fix unit integration e2e test bench equality
.PHONY: constraints

help: ## Show this list
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

ifneq ($(shell cat .venv/place 2>/dev/null),$(CURDIR))
.PHONY: .venv/ready
endif

.venv/ready: pyproject.toml constraints.txt local/bootstrap.sh
	@bash local/bootstrap.sh

setup: .venv/ready ## Python environment in .venv

demo: setup ## Cluster, chart, firmware: a keymap goes in, a .hex comes out (FIRMWARE=<git URL or folder>)
	@$(PYTHON) -m qmk_local demo

up: setup ## Start a Kubernetes cluster here with all images loaded (BACKEND=kind|native)
	@$(PYTHON) -m qmk_local up

down: setup ## Stop it and remove everything that `make up` made
	@$(PYTHON) -m qmk_local down

status: setup ## What of it runs
	@$(PYTHON) -m qmk_local status

images: setup ## Build the images only
	@$(PYTHON) -m qmk_local images

check: setup ## Linters and types
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/yamllint --strict .
	.venv/bin/shellcheck local/bootstrap.sh .ci/run

fix: setup ## Let the linters mend what they can
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

unit: setup ## Hermetic tests, seconds
	$(PYTHON) -m pytest tests/unit -n 2 --dist worksteal

integration: setup ## Tests against a real API server, S3 server, Redis and compiler
	$(PYTHON) -m qmk_local prepare
	$(PYTHON) -m pytest tests/integration

e2e: setup ## Tests of the installed chart on the local cluster, which they bring up
	$(PYTHON) -m qmk_local install
	$(PYTHON) -m pytest tests/e2e

test: unit integration e2e ## All three

bench: setup ## Print the figures of docs/benchmarks.md
	$(PYTHON) -m tests.bench

equality: setup ## Compare all build paths with plain builds of a tree: TREE=<folder> [ARGUMENTS=...]
	$(PYTHON) -m tests.equality $(TREE) $(ARGUMENTS)

constraints: setup ## Pin the newest versions that pyproject.toml allows
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --upgrade --all-extras -o constraints.txt pyproject.toml
