# Everything that people do with the course. Each command first makes sure that .venv is there and up to date (course/bootstrap.py).
PYTHON ?= python3
COURSE := $(PYTHON) course/bootstrap.py

.DEFAULT_GOAL := help
.PHONY: help lab test test-full bench doctor build lock setup clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lab: ## open JupyterLab on the first lesson (ARGS="--no-browser --port 9000")
	@$(COURSE) lab $(ARGS)

doctor: ## look for what could go wrong on this machine, and how to mend it
	@$(COURSE) doctor $(ARGS)

test: ## run everything that must hold, in 20 to 27 minutes on two cores
	@$(COURSE) test $(ARGS)

test-full: ## the same at the large sizes
	@$(COURSE) test --full $(ARGS)

# glibc is told to keep freed memory: else it gives large blocks back and fetches them anew at every step, at moments that differ from run to
# run, and the ratio of two layers tells more about that than about the layers. The memory benchmark runs without these settings.
KEEP_MEMORY := MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=4294967296 MALLOC_TOP_PAD_=268435456

bench: ## measure the speed ratios that the course promises, beside their bars
	@$(COURSE)
	@$(KEEP_MEMORY) .venv/bin/python -m pytest tests/benchmarks -q -m bench $(ARGS)

build: ## bring the notebooks up to date with their sources
	@$(COURSE) build $(ARGS)

lock: ## choose exact versions anew and write constraints.txt
	@$(COURSE) lock $(ARGS)

setup: ## only make .venv and install everything
	@$(COURSE)

clean: ## remove what can be made again; never your workspace
	rm -rf .venv build reports .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
