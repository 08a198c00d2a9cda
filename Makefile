# make train: a trained model on a fresh machine.  make test: the whole test suite.
PYTHON ?=
CONFIG ?= configs/reid/osnet_synthetic.py
WORK_DIR = work_dirs/$(basename $(notdir $(CONFIG)))
export PYTHON

.PHONY: train test lint install clean

train: install
	.venv/bin/python tools/train.py $(CONFIG) --resume
	.venv/bin/python tools/test.py $(CONFIG) "$$(cat $(WORK_DIR)/last_checkpoint)" --show-dir $(WORK_DIR)/pictures

test:
	@requirements/install.sh dev
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n 2 --dist loadfile

lint:
	@requirements/install.sh dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports

install:
	@requirements/install.sh

clean:
	rm -rf .venv work_dirs data/synthetic
