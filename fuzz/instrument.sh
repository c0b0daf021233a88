#!/usr/bin/env bash
# Stands between cargo and the compiler for the crates of this repository, and has them count which
# branches were taken: that is what leads a fuzzer on. These are plain code generation flags, so the
# stable toolchain will do, and what comes from elsewhere is shared with every other build.
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
