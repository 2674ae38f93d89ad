# MMSGP's commands. `make demo` and `make test` start from a bare machine:
# Python >= 3.10, git, make and a C++ compiler. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
DEFAULT_TORCH := torch==2.13.0
# Another PyTorch is remembered: `make demo TORCH=...` and then `make test`
# must not install the default over it.
TORCH ?= $(or $(shell cat $(VENV)/torch-choice 2>/dev/null),$(DEFAULT_TORCH))

# Exact versions where requirements/lock.txt has them for the Python in use;
# `make LOCK=` installs the newest that the other files allow.
LOCK ?= requirements/lock.txt
CONSTRAINTS := $(if $(LOCK),-c $(LOCK))

# What the steps install, with its dependencies and, where these would do harm, without.
files = $(patsubst %,requirements/%.txt,$(1))
RUNTIME_FILES := $(call files,build runtime)
OPENMMLAB_FILES := $(call files,mminstall)
TESTS_FILES := $(call files,tests demo extract serve deploy video)
TESTS_BARE_FILES := $(call files,trackers peers)
DOCS_FILES := $(call files,docs)
ALL_FILES := $(RUNTIME_FILES) $(OPENMMLAB_FILES) $(TESTS_FILES) $(TESTS_BARE_FILES) $(DOCS_FILES)
from = $(addprefix -r ,$(1))

# A folder of wheels that `make wheelhouse` made on another machine: nothing is
# downloaded or compiled then.
PREBUILT ?=
WHEELHOUSE ?= dist/wheelhouse
ifneq ($(PREBUILT),)
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := $(abspath $(PREBUILT))
endif

# A step leaves an empty file named after what it depends on, by content: a
# second run does nothing, and a changed requirement runs what comes after it.
STEPS := $(VENV)/steps
key = $(shell cat $(1) | cksum | cut -d ' ' -f 1)
torch_key := $(shell echo '$(TORCH)' | cksum | cut -d ' ' -f 1)
VENV_STEP := $(STEPS)/venv
TORCH_STEP := $(STEPS)/torch-$(torch_key)
RUNTIME_STEP := $(STEPS)/runtime-$(call key,$(RUNTIME_FILES) $(LOCK))
OPENMMLAB_STEP := $(STEPS)/openmmlab-$(torch_key)-$(call key,$(OPENMMLAB_FILES))
PROJECT_STEP := $(STEPS)/project-$(call key,setup.py pyproject.toml mmsgp/version.py)
TESTS_STEP := $(STEPS)/tests-$(call key,$(TESTS_FILES) $(TESTS_BARE_FILES) $(LOCK))
DOCS_STEP := $(STEPS)/docs-$(call key,$(DOCS_FILES) $(LOCK))
AUDIT_STEP := $(STEPS)/audit-$(call key,requirements/audit.txt)

quietly = $(BIN)/python tools/misc/run_with_progress.py
check_ops = $(BIN)/python -c 'from mmsgp.utils import check_mmcv_ops; check_mmcv_ops()'

.PHONY: help install wheelhouse demo docs test test-browser test-faults lint wheel lock audit sbom rebuild-mmcv clean distclean
.DELETE_ON_ERROR:
# Steps share one environment, in which one pip at a time may work.
.NOTPARALLEL:

help:  ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' Makefile | column -t -s '|' 2>/dev/null \
	    || sed -n 's/^\([a-z-]*\):.*## /  make \1: /p' Makefile
	@echo
	@echo "  PYTHON=python3.11     the interpreter to make $(VENV) with"
	@echo "  TORCH='$(DEFAULT_TORCH)' what pip installs as PyTorch: any of its arguments"
	@echo '  PREBUILT=FOLDER       wheels of `make wheelhouse`, instead of downloading and compiling'
	@echo '  WHEELHOUSE=FOLDER     where `make wheelhouse` writes them (default: $(WHEELHOUSE))'

install: $(OPENMMLAB_STEP) $(PROJECT_STEP)  ## Install everything into .venv.
	@echo 'MMSGP is installed in $(VENV)'

# With the wheel that mmcv was compiled to, which pip has kept.
wheelhouse: install  ## Collect the wheels of an installation, for machines like this one.
	@mkdir -p '$(WHEELHOUSE)'
	@$(quietly) 'collecting the wheels of PyTorch' $(VENV)/logs/wheelhouse.log \
	    $(PIP) wheel --wheel-dir '$(WHEELHOUSE)' \
	    $(if $(filter-out $(DEFAULT_TORCH),$(TORCH)),,$(CONSTRAINTS)) \
	    $(foreach argument,$(TORCH),'$(argument)')
	@$(quietly) 'collecting the other wheels' $(VENV)/logs/wheelhouse.log \
	    $(PIP) wheel --wheel-dir '$(WHEELHOUSE)' --find-links '$(WHEELHOUSE)' $(CONSTRAINTS) \
	    $(call from,$(RUNTIME_FILES) $(TESTS_FILES) $(DOCS_FILES))
	@$(quietly) 'collecting the wheels of OpenMMLab' $(VENV)/logs/wheelhouse.log \
	    $(PIP) wheel --wheel-dir '$(WHEELHOUSE)' $(CONSTRAINTS) --no-deps --no-build-isolation \
	    $(call from,$(OPENMMLAB_FILES) $(TESTS_BARE_FILES)) .
	@echo 'The wheels are in $(WHEELHOUSE): copy it, then make install PREBUILT=FOLDER'

demo: install  ## Install, then make a small data set, train, test and draw.
	$(BIN)/python tools/misc/demo.py

# The variables silence advertisements for other programs.
docs: $(DOCS_STEP)  ## Build the documentation into dist/site; a warning is an error.
	@NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict --quiet
	@echo 'The documentation is in dist/site. Look at it: $(BIN)/python -m http.server -d dist/site'

# One process per core, with one thread each.
test: install $(TESTS_STEP) $(DOCS_STEP) lint  ## Install, then check the style and run the tests.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --dist loadfile $(PYTEST_ARGS)

test-browser: install $(TESTS_STEP) $(DOCS_STEP)  ## Test the pages; as root on Debian, install Chromium first.
	@bash tools/misc/install_chromium.sh $(VENV)/logs/chromium.log || true
	$(BIN)/python -m pytest -m browser $(PYTEST_ARGS)

test-faults: install $(TESTS_STEP)  ## The long runs of what may go wrong: hours.
	$(BIN)/python -m pytest -m faults tests/faults $(PYTEST_ARGS)

lint: $(TESTS_STEP)  ## Check style and format with ruff.
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

wheel: install  ## Build the wheel of MMSGP into dist.
	@$(quietly) 'building the wheel' $(VENV)/logs/wheel.log \
	    $(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/mmsgp-*.whl

# After `make distclean` and `make LOCK= test`, so that versions are the newest.
lock: install $(TESTS_STEP) $(DOCS_STEP)  ## Write what is installed to requirements/lock.txt.
	$(BIN)/python tools/misc/lock_requirements.py $(ALL_FILES) >requirements/lock.txt.new
	mv requirements/lock.txt.new requirements/lock.txt

audit: install $(TESTS_STEP) $(AUDIT_STEP)  ## Look up what is installed in a list of known vulnerabilities.
	$(VENV)/audit/bin/pip-audit --path $$($(BIN)/python -c \
	    'import sysconfig; print(sysconfig.get_path("purelib"))')

sbom: wheel $(AUDIT_STEP)  ## Build the wheel, and the bill of its materials (CycloneDX).
	$(VENV)/audit/bin/cyclonedx-py environment --output-reproducible \
	    --output-format JSON --output-file dist/mmsgp.cdx.json $(BIN)/python

$(VENV_STEP):
	@command -v $(PYTHON) >/dev/null || { echo "MISSING: $(PYTHON) is not found." \
	    "FIX: install Python 3.10 or newer, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) tools/misc/check_environment.py .
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STEPS) && touch $@

# PyTorch comes alone and first: what depends on it would bring another build.
$(TORCH_STEP): | $(VENV_STEP)
	@$(quietly) 'installing PyTorch ($(TORCH))' $(VENV)/logs/torch.log \
	    $(PIP) install $(if $(filter-out $(DEFAULT_TORCH),$(TORCH)),,$(CONSTRAINTS)) \
	    $(foreach argument,$(TORCH),'$(argument)')
	@$(if $(filter-out $(DEFAULT_TORCH),$(TORCH)),echo '$(TORCH)' >,rm -f) $(VENV)/torch-choice
	@rm -f $(STEPS)/torch-* && touch $@

$(RUNTIME_STEP): | $(TORCH_STEP)
	@$(quietly) 'installing the libraries' $(VENV)/logs/runtime.log \
	    $(PIP) install $(CONSTRAINTS) $(call from,$(RUNTIME_FILES))
	@rm -f $(STEPS)/runtime-* && touch $@

# pip keeps the compiled mmcv, so only the first installation on a machine takes
# long. What it kept may have been built for another PyTorch.
$(OPENMMLAB_STEP): | $(RUNTIME_STEP)
	@$(install_openmmlab)
	@$(check_ops) 2>/dev/null || $(MAKE) --no-print-directory rebuild-mmcv
	@rm -f $(STEPS)/openmmlab-* && touch $@

# Not where a folder has a blank in its name, at which setuptools splits CXX.
ifeq ($(word 2,$(CURDIR)),)
quick_compiler = MMSGP_CXX="$${CXX:-g++}" MMSGP_PCH='$(CURDIR)/$(VENV)/pch' \
	CXX='$(CURDIR)/tools/misc/compile_quickly.sh'
endif

define install_openmmlab
$(quick_compiler) MMCV_WITH_OPS=1 MAX_JOBS=$${MAX_JOBS:-$$(getconf _NPROCESSORS_ONLN)} \
	$(quietly) 'installing mmcv (compiling: three to five minutes on two cores)' \
	$(VENV)/logs/openmmlab.log \
	$(PIP) install -v $(CONSTRAINTS) --no-deps --no-build-isolation $(call from,$(OPENMMLAB_FILES)) && \
	rm -rf '$(VENV)/pch'
endef

rebuild-mmcv: $(RUNTIME_STEP)  ## Compile mmcv again, for the PyTorch that is installed.
	@echo 'mmcv is built again, for the PyTorch that is installed'
	@$(PIP) uninstall --quiet --yes onedl-mmcv
	@$(PIP) cache remove onedl_mmcv >/dev/null 2>&1 || true
	@$(install_openmmlab)
	@$(check_ops)

$(PROJECT_STEP): | $(RUNTIME_STEP)
	@$(quietly) 'installing MMSGP' $(VENV)/logs/project.log \
	    $(PIP) install --no-deps --no-build-isolation -e .
	@rm -f $(STEPS)/project-* && touch $@

$(TESTS_STEP): | $(VENV_STEP)
	@$(quietly) 'installing the test tools' $(VENV)/logs/tests.log \
	    $(PIP) install $(CONSTRAINTS) $(call from,$(TESTS_FILES))
	@$(quietly) 'installing the tracker and libraries to compare with' $(VENV)/logs/bare.log \
	    $(PIP) install $(CONSTRAINTS) --no-deps $(call from,$(TESTS_BARE_FILES))
	@rm -f $(STEPS)/tests-* && touch $@

$(DOCS_STEP): | $(VENV_STEP)
	@$(quietly) 'installing the tools of the documentation' $(VENV)/logs/docs.log \
	    $(PIP) install $(CONSTRAINTS) $(call from,$(DOCS_FILES))
	@rm -f $(STEPS)/docs-* && touch $@

$(AUDIT_STEP): | $(VENV_STEP)
	@$(PYTHON) -m venv $(VENV)/audit
	@$(quietly) 'installing the tools of audits' $(VENV)/logs/audit.log \
	    $(VENV)/audit/bin/python -m pip install -r requirements/audit.txt
	@rm -f $(STEPS)/audit-* && touch $@

clean:  ## Remove caches and build leftovers; keep .venv, data and results.
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean  ## Also remove .venv.
	rm -rf $(VENV)
