# Needs make and Python 3.11 or newer. All else goes into .venv, at the versions in constraints.txt.

PYTHON ?= python3
VENV = .venv
PHOTO = src/phosphene/photos/cat.jpg
REPORT = report.html
ATLAS = ready.atlas
DATA =
OPTIONS =
BIN = $(VENV)/bin
STAMPS = $(VENV)/stamps
PINS = pyproject.toml constraints.txt
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help report microscope atlas test check docs bench
.DEFAULT_GOAL := help

help:
	@echo 'make report              install everything and write a report on the included photo'
	@echo 'make report PHOTO=my.jpg ... on your photo (REPORT=file.html names the file)'
	@echo 'make microscope          set up and open the live page (OPTIONS="--images folder" as on the command line)'
	@echo 'make atlas               build a small atlas of images that installed packages contain (ATLAS=folder names its folder)'
	@echo 'make test                install everything and run the tests'
	@echo 'make check               formatting, lint and types'
	@echo 'make docs                build the documentation into docs/_build/html'
	@echo 'make bench DATA=folder   run every script in benchmarks/ on your data'
	@echo
	@echo 'PYTHON=python3.12 chooses the Python, VENV=folder the folder of the installation.'

report: $(STAMPS)/run
	@$(BIN)/phosphene report "$(PHOTO)" --out "$(REPORT)"

microscope: $(STAMPS)/run
	@$(BIN)/phosphene microscope $(OPTIONS)

atlas: $(STAMPS)/test
	@$(BIN)/python -m phosphene.atlas.ready $(ATLAS)

test: $(STAMPS)/test
	@$(BIN)/python -m pytest -n 2

check: $(STAMPS)/dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

docs: $(STAMPS)/docs
	@$(BIN)/sphinx-build -W --keep-going -q docs docs/_build/html
	@echo docs/_build/html/index.html

bench: $(STAMPS)/dev
	@for script in benchmarks/*.py; do echo "$$script"; PHOSPHENE_DATA="$(DATA)" $(BIN)/python "$$script" || exit 1; done

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("Phosphene needs Python 3.11 or newer, and \
	$(PYTHON) is %d.%d; choose another with PYTHON=python3.12" % v[:2])'
	@echo 'Setting up $(VENV), once. PyTorch is large: some minutes and, with its GPU libraries, about 6 GB.'
	@$(PYTHON) -m venv "$(VENV)" || { rm -rf "$(VENV)"; exit 1; }

$(STAMPS)/run: $(PINS) | $(VENV)/bin/python
	@echo 'Installing Phosphene and what it needs.'
	@$(INSTALL) -e '.[microscope]'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/test $(STAMPS)/dev $(STAMPS)/docs: $(STAMPS)/%: $(PINS) | $(VENV)/bin/python
	@echo 'Installing Phosphene and what it needs, with what the $* extra adds: some minutes the first time.'
	@$(INSTALL) -e '.[$*]'
	@mkdir -p $(STAMPS) && touch $@
