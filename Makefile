# The newest Python of 3.11 to 3.14 that is found; PYTHON=/path/to/python names one by hand.
VENV := .venv
BIN := $(VENV)/bin
# Optional extras of pyproject.toml to install as well: make venv EXTRAS=cuda,sweep
EXTRAS :=

COMMA := ,
# What the scripts need, with the extras; and with what development needs.
STAMP := $(VENV)/.installed$(if $(EXTRAS),-$(EXTRAS))
DEV_STAMP := $(VENV)/.installed-dev$(if $(EXTRAS),-$(EXTRAS))

# Processes that test: one more than two cores, since tests wait for programs that they start.
WORKERS := 3
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: help demo results quick test tests full test-all docs lint format lock venv dev clean

help:
	@echo "make demo     narrow, short run of cifar10_random_labels.py on drawn digits; no download"
	@echo "make results  every experiment, narrow, with several seeds: table and figures of docs/experiments.md"
	@echo "make quick    linters, type checker and the tests that start and compile nothing: two minutes"
	@echo "make test     linters, type checker and the tests that a change needs: eight minutes"
	@echo "make full     linters, type checker and all tests, as CI runs them: more than half an hour"
	@echo "make test-all make test under every Python of 3.11 to 3.14 that is found"
	@echo "make docs     pages of the public modules, made from their docstrings, in build/api"
	@echo "make venv     the environment of the scripts alone (EXTRAS=cuda,docs,mlflow,notebook,onnx,study,sweep,tensorboard,wandb adds extras)"
	@echo "make dev      the environment of the tests and linters"
	@echo "make format   rewrite the sources in the project's format"
	@echo "make lock     choose the exact versions in requirements.lock anew"
	@echo "make clean    remove the virtual environments"

demo: $(STAMP)
	$(BIN)/python cifar10_random_labels.py --synthetic --width 0.25 --epochs 40 \
	    --train-size 500 --batch-size 25 --lr-start 0.003 --lr-fin 0.0003 \
	    --results-dir results/demo --overwrite

results: $(STAMP)
	$(BIN)/python tools/sample_results.py

quick: $(DEV_STAMP) lint
	$(PYTEST) -m "not slow and not exhaustive"

test: $(DEV_STAMP) lint
	$(PYTEST) -m "not exhaustive"

full: $(DEV_STAMP) lint
	$(PYTEST) --durations 40

# A folder of that name would be up to date.
tests:
	@echo "make test, make quick or make full: see make help" >&2; exit 2

test-all:
	sh tools/test_all.sh $(EXTRAS)

docs:
	@$(MAKE) --no-print-directory venv EXTRAS=docs
	$(BIN)/python tools/api_pages.py

lint: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy foundations datasets training_loop theano_engine memorization studies *.py

format: $(DEV_STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

venv: $(STAMP)

dev: $(DEV_STAMP)

INSTALLS := pyproject.toml requirements.lock tools/make_venv.sh tools/install.sh

$(STAMP): $(INSTALLS)
	@PYTHON="$(PYTHON)" sh tools/make_venv.sh $(VENV) "$(EXTRAS)"
	@touch $@

$(DEV_STAMP): $(INSTALLS)
	@PYTHON="$(PYTHON)" sh tools/make_venv.sh $(VENV) "dev$(if $(EXTRAS),$(COMMA)$(EXTRAS))"
	@touch $@

lock: $(DEV_STAMP)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --all-extras --no-annotate \
	    --no-header --constraint tools/lock-constraints.txt --output-file requirements.lock \
	    --upgrade pyproject.toml

clean:
	rm -rf $(VENV) .venv-3.*
