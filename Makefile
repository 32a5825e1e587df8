# Everything runs in .venv, made from python3 and pip alone; a stamp says that it is up to date.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
DEMO := examples/keras_bypassed_head.py
REPORT := .venv/demo.json

# TensorFlow's own messages are not what the demo is about.
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test corpus sweep agreement innocence bench clean

# A finding makes the exit status 1, and the report must say what it is: anything else is a failure of ours.
demo: .venv/run.stamp
	@rm -f $(REPORT)
	@$(BIN)/whygrad run --json $(REPORT) $(DEMO); \
	status=$$?; test $$status -eq 1 || { echo "demo: exit status $$status, not 1"; exit 1; }
	@grep -q '"cause": "unused-output"' $(REPORT) || { echo "demo: the cause was not found"; exit 1; }

test: .venv/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 -m "not sweep and not corpus"

# Every program of the corpus, broken and mended, the edits that mend some of them, and JAX's own verdict on its leaves.
corpus: .venv/test.stamp
	$(BIN)/pytest -n 2 tests/test_cases.py tests/causes/test_edits.py tests/recorders/jax/test_oracle.py

# Every operation of TensorFlow's registry and of PyTorch's operator database, against the framework's own autodiff.
sweep: .venv/test.stamp
	$(BIN)/pytest -m sweep

# N random programs of FRAMEWORK (torch, tensorflow, jax) against its own autodiff; what fails is stored in FOUND.
FRAMEWORK ?= torch
N ?= 1000
SEED ?= 1
FOUND ?= tests/agreement/found
agreement: .venv/test.stamp
	cd tests && ../$(BIN)/python -m agreement $(FRAMEWORK) --number $(N) --seed $(SEED) --jobs 2 --store $(abspath $(FOUND))

# Healthy programs with and without whygrad: nothing may be changed, and nothing found. ZOO: how their names begin.
ZOO ?=
innocence: .venv/test.stamp
	cd tests && ../$(BIN)/python -m innocence $(ZOO)

# What whygrad costs beside its peers, written to docs/speed.md; ROUNDS: how often each is measured.
ROUNDS ?= 8
bench: .venv/test.stamp
	$(PIP) install --editable '.[bench]'
	$(BIN)/python docs/make_speed.py $(ROUNDS)

clean:
	rm -rf .venv build dist .*_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/run.stamp: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[tensorflow]'
	@touch $@

# tf_keras asks for the full TensorFlow, and the CPU build does for it: so without its dependencies.
.venv/test.stamp: .venv/run.stamp
	$(PIP) install --editable '.[dev]'
	$(PIP) install --no-deps 'tf_keras==2.21.*'
	$(PIP) install 'torch==2.13.0' expecttest
	$(PIP) install --editable '.[jax]' flax equinox optax
	@touch $@
