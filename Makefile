# Each target sets up what it needs, from nothing: Python 3.10 or newer with venv, and a package index.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed

.PHONY: demo test lint bench clean

demo: $(STAMP)  ## people in, 3D skeletons with uncertainty out: a table, a bag and pictures in demo_output/
	$(VENV)/bin/diffupose demo --output demo_output

test: $(STAMP)  ## all tests, on as many processes as there are cores
	$(VENV)/bin/python -m pytest -n auto --dist loadfile

lint: $(STAMP)  ## style, types, and the rule of who may import whom
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(STAMP)  ## speed of every part, ten to fifteen minutes; JSON and charts under benchmarks/results
	$(VENV)/bin/diffupose benchmark
	$(VENV)/bin/diffupose benchmark --chart

$(STAMP): pyproject.toml setup.py constraints.txt diffupose_ros/lifting/engine/kernels.c
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[detect,test,lint]'
	touch $@

clean:
	rm -rf $(VENV) build demo_output *.egg-info
