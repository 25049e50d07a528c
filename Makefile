# Each target sets up what it needs, from nothing: Python 3.10 or newer with venv, and a package index.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed

.PHONY: demo test lint bench fuzz coverage docs pictures clean

demo: $(STAMP)  ## people in, 3D skeletons with uncertainty out: a table, a bag and pictures in demo_output/
	$(VENV)/bin/diffupose demo --output demo_output

test: $(STAMP)  ## all tests, on as many processes as there are cores
	$(VENV)/bin/python -m pytest -n auto --dist loadfile

lint: $(STAMP)  ## style, types, and the rule of who may import whom
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

EXAMPLES ?= 1000
SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')

fuzz: $(STAMP)  ## any messages, files and parameters, some minutes; `make fuzz EXAMPLES=10000`, and SEED= to do it again
	DIFFUPOSE_FUZZ=$(EXAMPLES) $(VENV)/bin/python -m pytest test/fuzz -n auto --hypothesis-seed=$(SEED)

coverage: $(STAMP)  ## which lines of the core its own tests run; fails below what pyproject.toml says
	$(VENV)/bin/python -m pytest -n auto --dist loadfile --cov --cov-report=term:skip-covered \
	  test/test_*.py test/lifting test/detection test/estimation test/planning

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
