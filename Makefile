# Each target sets up what it needs, from nothing: Python 3.10 or newer with venv, and a package index.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed

.PHONY: demo test lint bench docs pictures clean

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

docs: $(VENV)/.docs  ## the site: build/site/index.html. Parameters and messages are written into docs/ from the code
	$(VENV)/bin/python docs/tables.py
	$(VENV)/bin/sphinx-build -q -W -c docs . build/site

pictures: $(STAMP)  ## those of docs/images that need nothing but this repository, of the present model
	$(VENV)/bin/diffupose demo --output build/pictures
	$(VENV)/bin/diffupose reproduce figures --dataset cmu --data resource/clips/people.npz --every 30 --out build/pictures
	cp build/pictures/demo.gif build/pictures/contact_sheet.png docs/images/
	cp build/pictures/figure_2.png docs/images/denoising.png
	cp build/pictures/figure_4.png docs/images/hypotheses.png
	cp build/pictures/figure_5.png docs/images/affinity.png

$(STAMP): pyproject.toml setup.py constraints.txt diffupose_ros/lifting/engine/kernels.c
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[detect,test,lint]'
	touch $@

$(VENV)/.docs: $(STAMP)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build demo_output *.egg-info
