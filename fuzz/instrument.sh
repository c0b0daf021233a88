#!/usr/bin/env bash
# A rustc wrapper that instruments the crates of this repository with coverage counters, which guide
# the fuzzer. The options are code generation flags, so the stable toolchain suffices, and
# dependencies are shared with other builds.
set -euo pipefail

for argument in "$@"; do
    case "$argument" in
    build_script_*) exec "$@" ;;
    esac
done
exec "$@" --cfg fuzzing -Copt-level=2 -Cdebug-assertions=on -Coverflow-checks=on \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
