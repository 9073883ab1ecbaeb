# Two commands for a newcomer: `make demo` and `make test`. Both set up everything they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Where it is set, every process that the tests start would compile the whole gateway anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow lint check lock clean

# Debian's python3 has venv but not ensurepip: the venv is made without pip and filled by the pip outside it.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install --quiet --require-hashes -r requirements.lock
	$(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)
	$(BIN)/gateway demo --exit

test: $(READY)
	$(BIN)/pytest -n 3 -m "not slow"

test-slow: $(READY)
	$(BIN)/pytest -n 3 -m slow

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/gateway check

check: lint test

lock: $(READY)
	$(BIN)/pip-compile --quiet --extra test --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --upgrade --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build *.egg-info
