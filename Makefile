# `make` alone lists what there is. Every command sets up what it needs and says what it does.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
# The lock file is part of the product: a build that would have to change it stops instead.
CARGO_FLAGS ?= --locked
# Where rustup puts cargo when the shell's profile was not read, as in many pipelines.
export PATH := $(PATH):$(HOME)/.cargo/bin
export CARGO

# A folder of further real files, read-only, for the tests that look for one.
ifneq ($(wildcard ../shared/corpus),)
export GREENLIT_CORPUS ?= $(abspath ../shared/corpus)
endif

SUITE ?= bookworm

.PHONY: help setup build demo test test-slow lint bench fuzz fresh-check clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## install the system packages that are missing, or print the line to type
	@scripts/setup.sh

build: setup ## build target/release/greenlit and greenlit-worker
	$(CARGO) build $(CARGO_FLAGS) --release --bins

demo: setup ## make a folder of real clips and ship it to the built-in sandbox
	@scripts/demo.sh

lint: setup ## formatting and clippy, each when its rustup component is there
	@scripts/lint.sh

# The tests run greenlit-worker beside greenlit, so both are built first.
test: setup ## format, clippy, build, test; the fuzz targets are built and replay their seeds
	@scripts/lint.sh
	$(CARGO) build $(CARGO_FLAGS) --bins
	$(CARGO) test $(CARGO_FLAGS) --no-fail-fast
	$(CARGO) build $(CARGO_FLAGS) -p greenlit-fuzz --bins
	$(CARGO) test $(CARGO_FLAGS) -p greenlit-fuzz

test-slow: setup ## the tests that take minutes (marked `ignored`)
	$(CARGO) build $(CARGO_FLAGS) --bins
	$(CARGO) test $(CARGO_FLAGS) -- --ignored

bench: build ## measure against other tools on real files (GREENLIT_CORPUS)
	@if [[ -n "$${GREENLIT_CORPUS:-}" ]]; then benches/check-throughput.sh; \
	else echo 'bench: set GREENLIT_CORPUS to a folder of media files to read'; exit 1; fi

fuzz: setup ## run each fuzz target for FUZZ_SECONDS (60)
	@CARGO_FLAGS='$(CARGO_FLAGS)' scripts/fuzz.sh

fresh-check: ## run test and demo on a bare Debian in a chroot: SUITE=bookworm or trixie; needs root
	@scripts/fresh-check.sh $(SUITE)

clean: ## remove what was built and the demo folder
	$(CARGO) clean
	rm -rf demo
