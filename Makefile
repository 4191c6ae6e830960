# What a contributor does, in one word each. It needs Python 3.10+ and make; everything else goes into .venv.
# Another interpreter: make run PYTHON=python3.12. Another place for the environment: make run VENV=/tmp/venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The source folder is the repository, so that links to GLOSSARY.md and to examples are links of the site, too.
SITE = -m sphinx -c docs -W --keep-going -n -q
# Most tests wait, for leases that end, processes that start, looks once in a while: twice as many keep the cores busy.
TEST_WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')
# Which of them: tests/tiers.py says what is left out.
TESTS ?= not long and not tools
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help run test test-all wordings lint bench render reference docs docs-links pictures azure-emulator azure-smoke recordings

help:
	@echo 'make run        run experiment.yaml on this machine'
	@echo 'make test       run the tests that a change needs'
	@echo 'make test-all   run every test, more rounds of those that try chance, and each Python that is there'
	@echo 'make wordings   write what messages say now into tests/golden/wordings'
	@echo 'make lint       ruff and mypy'
	@echo 'make bench      measure hyperscale beside its peers: ten minutes on an idle machine'
	@echo 'make render     write components/, pipelines/ and compute/ from experiment.yaml'
	@echo 'make azure-emulator  an Azure on this machine, to try everything against'
	@echo 'make azure-smoke  one small run in a workspace of yours: HYPERSCALE_SMOKE_FILE names the experiment'
	@echo 'make recordings RECORDINGS=FOLDER  compare tests/contract/recorded.yaml with recorded answers of Azure'
	@echo 'make reference  write docs/experiment-file.md from schema.json, docs/commands.md from the commands, tables of docs/on-azure.md'
	@echo 'make docs       build the site of docs/ in build/docs; a warning is an error'
	@echo 'make docs-links  ask every address that the pages link to; needs a network'
	@echo 'make pictures   record the terminal and the report of README.md anew; needs Chromium'

run: $(VENV)/.has-examples
	$(BIN)/python -m hyperscale run

test: $(VENV)/.has-test $(VENV)/.has-azurite $(VENV)/.has-editor
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal -m '$(TESTS)'

test-all: $(VENV)/.has-test $(VENV)/.has-azurite $(VENV)/.has-editor
	TEST_PROFILE=nightly $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal
	$(BIN)/python tests/every_python.py

wordings: $(VENV)/.has-test $(VENV)/.has-azurite
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal --renew-wordings

lint: $(VENV)/.has-lint
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

bench: $(VENV)/.has-bench $(VENV)/.has-azurite
	$(BIN)/python benchmarks

render: $(VENV)/.has-examples
	$(BIN)/python -m hyperscale render

reference: $(VENV)/.has-examples
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_commands.py
	$(BIN)/python docs/make_assumptions.py

docs: $(VENV)/.has-docs
	$(BIN)/python $(SITE) . build/docs
	@echo 'open build/docs/index.html'

docs-links: $(VENV)/.has-docs
	$(BIN)/python $(SITE) -b linkcheck . build/docs-links

pictures: $(VENV)/.has-docs $(VENV)/.has-examples
	$(BIN)/python docs/make_pictures.py

azure-emulator: $(VENV)/.has-test $(VENV)/.has-azurite
	PYTHONPATH=tests $(BIN)/python -m emulator

azure-smoke: $(VENV)/.has-test
	$(BIN)/python -m pytest -s tests/smoke/azure_workspace.py

# Without a folder it shows which routes of the emulator recordings cover; ARGUMENTS=--write makes the table anew.
recordings: $(VENV)/.has-test
	PYTHONPATH=tests $(BIN)/python tests/recordings.py $(RECORDINGS) $(ARGUMENTS)

# An extra of pyproject.toml is installed once, and again when that file changes.
$(VENV)/.has-%: pyproject.toml | $(BIN)/python
	@echo 'Installing hyperscale[$*] into $(VENV): a minute or two the first time.'
	$(INSTALL) --editable '.[$*]'
	@touch $@

# The storage service that tests talk to; Node comes with it where the machine has none.
$(VENV)/.has-azurite: tests/azurite/package-lock.json tests/azurite/install.py | $(BIN)/python
	@echo 'Installing Azurite into $(VENV): half a minute the first time.'
	$(BIN)/python tests/azurite/install.py
	@touch $@

# What editors check and complete YAML with: tests ask it what people will see.
$(VENV)/.has-editor: tests/editor/package-lock.json tests/azurite/install.py | $(BIN)/python
	$(BIN)/python tests/azurite/install.py tests/editor
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("hyperscale needs Python 3.10 or newer, \
	and %s is %s: name another one with make PYTHON=..." % (sys.executable, sys.version.split()[0]))'
	$(PYTHON) -m venv $(VENV)
