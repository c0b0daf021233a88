# `make` without a target lists the targets. Each target installs what it needs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
# A build that would have to change the lock file fails.
CARGO_FLAGS ?= --locked
# rustup installs cargo here; many CI shells do not read the profile that adds it to PATH.
export PATH := $(PATH):$(HOME)/.cargo/bin
export CARGO

# A read-only folder with more real files, for tests that use it.
ifneq ($(wildcard ../shared/corpus),)
export GREENLIT_CORPUS ?= $(abspath ../shared/corpus)
endif

SUITE ?= bookworm

.PHONY: help setup build demo test ci test-browser test-slow test-trixie test-schemas features bench-guard lint sbom bench \
  install uninstall deb pictures fuzz fresh-check clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## install missing system packages, or print the command to type
	@scripts/setup.sh

build: setup ## build target/release/greenlit and greenlit-worker
	$(CARGO) build $(CARGO_FLAGS) --release --bins

demo: setup ## prepare a folder of real clips and ship it to the built-in sandbox
	@scripts/demo.sh

lint: setup ## check formatting, dependencies and clippy, as far as the programs are installed
	@scripts/lint.sh

sbom: setup ## write target/sbom.cdx.json: crates and FFmpeg libraries with versions, checksums and licences
	@mkdir -p target
	@$(CARGO) run --quiet $(CARGO_FLAGS) -p greenlit-sbom >target/sbom.cdx.json
	@echo 'target/sbom.cdx.json'

# The tests run greenlit and greenlit-worker, so both are built first.
test: setup ## lint, build and test; also build the fuzz targets and replay their seeds
	@scripts/lint.sh
	$(CARGO) build $(CARGO_FLAGS) --bins
	$(CARGO) test $(CARGO_FLAGS) --no-fail-fast
	@if [[ -n "$${GREENLIT_CORPUS:-}" ]]; then \
	  $(CARGO) test $(CARGO_FLAGS) --no-fail-fast --test corpus --test facts --test header_probe --test isolation --test probe_modes --test terminal --test truncated -- --ignored with_corpus; \
	else echo 'test: tests over real files are ignored: set GREENLIT_CORPUS to a folder of media files'; fi
	$(CARGO) test $(CARGO_FLAGS) -p greenlit-sbom
	$(CARGO) build $(CARGO_FLAGS) -p greenlit-fuzz --bins
	$(CARGO) test $(CARGO_FLAGS) -p greenlit-fuzz

ci: ## what the pipeline runs: each test target, with its time
	@for target in test test-schemas features bench-guard test-browser; do \
	  started=$$SECONDS; $(MAKE) --no-print-directory $$target; echo "ci: make $$target took $$((SECONDS - started)) s"; \
	done

test-schemas: setup ## validate the files for GitHub, GitLab and pre-commit against the schemas of those systems
	$(CARGO) build $(CARGO_FLAGS) --bins
	@scripts/check-schemas.sh

features: setup ## build each combination of features, and test the core without any
	@CARGO_FLAGS='$(CARGO_FLAGS)' scripts/features.sh

bench-guard: setup ## count the instructions of checks, plans and reports, and compare them with stored counts
	@CARGO_FLAGS='$(CARGO_FLAGS)' scripts/bench-guard.sh

test-browser: ## read the HTML report in chromium: filters, keyboard, accessibility, screenshots in target/browser
	@CARGO_FLAGS='$(CARGO_FLAGS)' scripts/test-browser.sh

test-slow: setup ## run the tests that take minutes (marked `ignored`)
	$(CARGO) build $(CARGO_FLAGS) --bins
	$(CARGO) test $(CARGO_FLAGS) -- --ignored
	@CARGO_FLAGS='$(CARGO_FLAGS)' scripts/memcheck.sh

PREFIX ?= /usr/local
export PREFIX DESTDIR

install: build ## copy the programs, the manual page and completions below DESTDIR and PREFIX (/usr/local)
	@scripts/install.sh target/release

uninstall: ## remove what install copied
	@scripts/install.sh --remove

deb: build ## write a Debian package for this release to target/deb
	@scripts/deb.sh target/release target/deb

pictures: build ## make the pictures of the README again (docs/pictures); needs Chromium
	@scripts/pictures.sh target/release

bench: build ## compare the speed with other tools on real files (GREENLIT_CORPUS)
	@if [[ -n "$${GREENLIT_CORPUS:-}" ]]; then benches/check-throughput.sh; \
	else echo 'bench: set GREENLIT_CORPUS to a folder of media files'; exit 1; fi

test-trixie: ## run the tests on Debian 13 (FFmpeg 7.1) in a chroot that is kept; needs root
	@scripts/test-trixie.sh

fuzz: setup ## run each fuzz target for FUZZ_SECONDS (60)
	@CARGO_FLAGS='$(CARGO_FLAGS)' scripts/fuzz.sh

fresh-check: ## run test and demo in a minimal Debian chroot: SUITE=bookworm or trixie; needs root
	@scripts/fresh-check.sh $(SUITE)

clean: ## remove build outputs and the demo folder
	$(CARGO) clean
	rm -rf demo
