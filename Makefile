# What users and CI run. `make demo`, `make test` and `make check` set everything up first; once set up, they start at once.
#
#   PYTHON=python3.12       another interpreter for the virtual environment (Python 3.11 or newer)
#   BENCH="--only train"    options of `make bench`
#   TORCH_INDEX=https://download.pytorch.org/whl/cpu      another package index for torch, here the one without CUDA

PYTHON ?= python3
TORCH_INDEX ?=
EXTRAS ?= eval,oidn,viewer,farm,reproduce,onnx,dev

BIN := .venv/bin
DONE := .venv/.setup-done
PACKAGES := renderer_bridge denoiser online apps
LINTED := $(PACKAGES) tests

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup python llvm qt demo test test-fast check bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s%s\n", $$1, $$2 }' Makefile

demo: $(DONE) ## denoise the built-in scene; the pictures are in out/demo
	$(BIN)/python -m apps.demo

test: $(DONE) ## the whole test suite
	$(BIN)/python -m pytest

test-fast: $(DONE) ## the tests that take about a minute
	$(BIN)/python -m pytest -m "not slow"

check: $(DONE) ## lint, formatting, types, and who may import whom
	$(BIN)/python -m ruff check $(LINTED)
	$(BIN)/python -m ruff format --check $(LINTED)
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo

bench: $(DONE) ## measure the speed figures of the README
	$(BIN)/python -m apps.bench $(BENCH)

clean: ## remove what demo, bench, builds and caches left behind (rm -rf .venv removes the rest)
	rm -rf out build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find $(LINTED) -name __pycache__ -type d -prune -exec rm -rf {} +

# ----------------------------------------------------------------------------------------------------------------------
# Set-up

setup: $(DONE) ## the set-up alone: system libraries where this may install them, and .venv

$(DONE): pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory python llvm qt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt -e ".[$(EXTRAS)]"
	@touch $(DONE)

# Whether this process may install Debian packages, and the command that does.
MAY_APT := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null
APT := apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends

python:
	@command -v "$(PYTHON)" >/dev/null || { \
	    echo "error: $(PYTHON): no such program; Python 3.11 or newer is needed (make setup PYTHON=/path/to/python3.11)" >&2; \
	    exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "error: $(PYTHON): $$("$(PYTHON)" -V 2>&1); Python 3.11 or newer is needed (make setup PYTHON=/path/to/python3.11)" >&2; \
	    exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { $(MAY_APT) && $(APT) python3-venv; } || { \
	    echo "error: $(PYTHON): has no venv module; install it (Debian: apt-get install python3-venv) and run make again" >&2; \
	    exit 1; }

# Dr.Jit compiles with LLVM 19; Debian's own 14 and 15 do not work with it.
llvm:
	@[ -n "$$DRJIT_LIBLLVM_PATH" ] || \
	    ls /usr/lib/*/libLLVM.so.19* /usr/lib*/libLLVM.so.19* /usr/lib/llvm-19/lib/libLLVM* >/dev/null 2>&1 || \
	    PATH="$$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -q 'libLLVM\.so\.19\|libLLVM-19\.so' || \
	    { $(MAY_APT) && $(APT) libllvm19; } || \
	    echo "note: LLVM 19 is not installed (Debian: apt-get install libllvm19); without it Mitsuba renders 2-3 times slower" >&2

# What Qt's wheels leave to the system: EGL and fonts even off screen, the xcb libraries for a window.
QT_LIBRARIES := libegl1 libgl1 libglib2.0-0 libdbus-1-3 libfontconfig1 libxkbcommon0 libxkbcommon-x11-0 libx11-xcb1 \
    libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-shm0 \
    libxcb-sync1 libxcb-xfixes0 libxcb-xkb1 fonts-dejavu-core
QT_PROBES := libEGL.so.1 libGL.so.1 libglib-2.0.so.0 libdbus-1.so.3 libfontconfig.so.1 libxkbcommon-x11.so.0 libxcb-cursor.so.0 \
    libxcb-icccm.so.4 libxcb-keysyms.so.1
qt:
	@known="$$(PATH="$$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null)"; \
	    for name in $(QT_PROBES); do case "$$known" in *"$$name"*) ;; *) missing="$$missing $$name" ;; esac; done; \
	    [ -z "$$missing" ] || { $(MAY_APT) && $(APT) $(QT_LIBRARIES); } || \
	    echo "note: n2n-viewer needs system libraries that are missing:$$missing (Debian: apt-get install $(QT_LIBRARIES))" >&2
