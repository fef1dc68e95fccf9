# Development tasks: `make` or `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test test-slow lint bench docker clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP)  ## .venv with the pinned dependencies

$(STAMP): pyproject.toml constraints.txt .ci/install.py
	$(PYTHON) .ci/install.py $(VENV)
	@touch $@

run: install  ## train a GRU on IMDB reviews (some minutes on 2 cores)
	$(BIN)/python train.py model=gru data=imdb

test: install  ## the fast tests (no network)
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: install  ## the slow tests, on real data and real processes
	$(BIN)/python -m pytest -n 4 --dist worksteal -m slow tests  # many of them wait for processes

lint: install  ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install  ## speed as ratios, side by side
	$(BIN)/python -m benchmarks

docker:  ## an image that trains: docker run --rm rnnlab model=gru data=imdb
	docker build -t rnnlab .

clean:  ## remove .venv and caches of tools
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
