# Two commands for a fresh machine: `make estimate` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: estimate test browser lint type docs picture app bench clean

$(VENV)/installed: pyproject.toml setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "costmodel needs Python 3.11 or newer: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv is missing; on Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/developer: $(VENV)/installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

estimate: $(VENV)/installed
	$(BIN)/costmodel estimate examples/llama-3.1-8b.yaml

test: $(VENV)/developer
	$(BIN)/python -m pytest -m "not slow"

browser: $(VENV)/developer
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(VENV)/developer
	$(BIN)/mypy

docs: $(VENV)/developer
	$(BIN)/python -m mkdocs build

picture: $(VENV)/developer
	PICTURE=docs/images/estimate.png $(BIN)/python -m pytest -m slow tests/test_browser.py -k picture

app: $(VENV)/developer
	$(BIN)/costmodel app

bench: $(VENV)/developer
	$(BIN)/python tests/bench.py

clean:
	rm -rf $(VENV) build dist *.egg-info
