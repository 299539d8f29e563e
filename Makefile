# Each target builds the virtual environment it needs; on a fresh Debian 12 nothing else is run by hand.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.PHONY: help demo test check format binary test-binary binary-arm64 test-arm64 bench bench-binary lock clean FORCE

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BUILD := build/binary
BUILD_PYTHON := $(BUILD)/venv/bin/python
BUILD_READY := $(BUILD)/venv/.ready
COMMIT := $(or $(shell git describe --always --abbrev=40 --dirty=+ --exclude '*' 2>/dev/null),unknown)
ZSTD := $(BUILD)/zstd/zstd.c
COLLECTED := $(BUILD)/collected.json
ARM64_READY := $(BUILD)/arm64/.ready
AGENT_SOURCES := $(shell find agent tunnel packaging/agent.spec -type f ! -name '*.pyc')
BINARY_SOURCES := $(shell find packaging/binary packaging/launcher -type f ! -name '*.pyc')
# Three for two processors: a third of what the tests do is to wait for something.
WORKERS := 3
# Of a machine that sets it: each of the many programs that are started would compile all modules, and each worker all tests.
unexport PYTHONDONTWRITEBYTECODE
GITLAB := tests/e2e/gitlab
GITLAB_READY := $(GITLAB)/node_modules/.ready

help:  ## say what there is
	@sed -n 's/^\([a-z0-9-]*\):.*##/\1\t/p' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements.lock packaging/debian.sh
	packaging/debian.sh
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(GITLAB_READY): $(GITLAB)/package-lock.json packaging/debian.sh
	packaging/debian.sh gitlab
	npm ci --prefix $(GITLAB) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# Debian's own interpreter: the binary has its static library inside.
$(BUILD_READY): packaging/binary.lock packaging/debian.sh
	packaging/debian.sh binary
	/usr/bin/python3 -m venv --clear $(BUILD)/venv
	$(BUILD_PYTHON) -m pip install --quiet --require-hashes --requirement packaging/binary.lock
	@touch $@

$(ZSTD): packaging/launcher/zstd.lock $(BUILD_READY)
	mkdir -p $(dir $@)
	$(BUILD_PYTHON) -m pip download --quiet --require-hashes --no-deps --no-binary :all: --no-build-isolation \
		--dest $(BUILD) --requirement packaging/launcher/zstd.lock
	tar -xzf $(BUILD)/zstandard-*.tar.gz --strip-components=2 -C $(dir $@) --wildcards '*/zstd/*'
	@touch $@

# Written only when it changes: `agent --version` tells it.
$(BUILD)/commit: FORCE
	@mkdir -p $(BUILD)
	@echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@

# One for all machines: it only lists files.
$(COLLECTED): $(BUILD_READY) $(AGENT_SOURCES)
	PYINSTALLER_CONFIG_DIR="$$PWD/$(BUILD)/analysis" PYTHONHASHSEED=0 $(BUILD_PYTHON) -m PyInstaller --log-level ERROR --noconfirm --clean \
		--workpath $(BUILD)/analysis --distpath $(BUILD) packaging/agent.spec

dist/agent: $(COLLECTED) $(BINARY_SOURCES) $(ZSTD) $(BUILD)/commit LICENSE
	HOLDFAST_COMMIT=$(COMMIT) PYTHONHASHSEED=0 $(BUILD_PYTHON) packaging/binary/build.py amd64 $(BUILD) dist

# Debian's packages and PyPI's wheels for the other machine: only listed, unpacked and linked here, never installed.
$(ARM64_READY): $(BUILD_READY) packaging/binary/foreign.py
	packaging/debian.sh arm64
	$(BUILD_PYTHON) packaging/binary/foreign.py $(@D)
	@touch $@

dist/agent-arm64: $(COLLECTED) $(BINARY_SOURCES) $(ZSTD) $(ARM64_READY) $(BUILD)/commit LICENSE
	HOLDFAST_COMMIT=$(COMMIT) PYTHONHASHSEED=0 $(BUILD_PYTHON) packaging/binary/build.py arm64 $(BUILD) dist

binary: dist/agent  ## the agent as one static file, and its bill of materials: dist/

binary-arm64: dist/agent-arm64  ## the same for arm64, cross-built: dist/agent-arm64

demo: $(READY)  ## a relay and a failing step on loopback; log in with the printed ssh line
	@$(BIN)/python examples/demo.py

test: $(READY) $(GITLAB_READY)  ## every test of what runs from source
	@packaging/debian.sh recipes
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --ignore tests/binary --ignore tests/containers \
		--ignore tests/arm64

test-binary: $(READY) dist/agent  ## the static binary: in itself, in containers, and by the promises of the agent
	@packaging/debian.sh containers
	@$(BIN)/python -m tests.containers.roots
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/binary
	HOLDFAST_TEST_AGENT="$$PWD/dist/agent" $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/promises tests/containers
	$(BIN)/python packaging/launcher/standalone.py $(BUILD)/late-agent LATE_SECONDS=3600
	HOLDFAST_TEST_LATE_AGENT="$$PWD/$(BUILD)/late-agent" $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal \
		tests/promises/test_shells_as_bare.py

test-arm64: $(READY) dist/agent-arm64  ## the one for arm64, emulated
	@packaging/debian.sh arm64
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/arm64

check: $(READY)  ## format, lint, types, shell scripts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	shellcheck packaging/*.sh packaging/wrappers/*.sh .ci/run

format: $(READY)  ## rewrite the sources in the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-binary: $(READY) dist/agent  ## the figures of the static binary, beside bare steps and a bare interpreter
	$(BIN)/python -m bench.static

bench: $(READY)  ## the figures of the README, beside OpenSSH's sshd
	$(BIN)/python bench/wrapping.py
	$(BIN)/python bench/run.py

lock: $(READY)  ## renew the lock files from pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --extra relay --extra dev \
		--output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --extra binary --constraint requirements.lock \
		--output-file packaging/binary.lock pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --extra relay --build-deps-for wheel --constraint requirements.lock \
		--output-file packaging/relay.lock pyproject.toml

clean:  ## remove all that was built
	rm -rf $(VENV) $(GITLAB)/node_modules build dist ./*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis bench/out
	find . -name __pycache__ -prune -exec rm -rf {} +
