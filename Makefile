# make train: a trained model on a fresh machine.  make test: the whole test suite.  make docs: the site.
PYTHON ?=
CONFIG ?= configs/reid/osnet_synthetic.py
WORK_DIR = work_dirs/$(basename $(notdir $(CONFIG)))
export PYTHON

.PHONY: train test lint docs install clean

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

docs:
	@requirements/install.sh dev
	NO_MKDOCS_2_WARNING=true DISABLE_MKDOCS_2_WARNING=true .venv/bin/mkdocs build --strict

install:
	@requirements/install.sh

clean:
	rm -rf .venv work_dirs data/synthetic site
