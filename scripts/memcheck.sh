#!/usr/bin/env bash
# Runs unit tests of the code that reads hostile bytes and foreign structures under valgrind: the parsers of headers and
# bitstreams, and the shims of the libav bindings. Miri and the sanitizers need a nightly toolchain, valgrind does not.
#
#   scripts/memcheck.sh [FILTER...]    filters of test names (default: see below)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v valgrind >/dev/null; then
    echo 'memcheck: valgrind is not installed: skipped (apt-get install valgrind)' >&2
    exit 0
fi
(($#)) || set -- probe::isobmff probe::bitstream probe::headers libav::ffi_enums worker::wire
flags="${CARGO_FLAGS:---locked}"
# shellcheck disable=SC2086 # several flags
binary="$("${CARGO:-cargo}" test $flags --lib --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)"
[[ -x "$binary" ]] || { echo 'memcheck: the unit tests were not built' >&2; exit 1; }
# Property tests run few cases, because everything is about thirty times slower.
PROPTEST_CASES="${PROPTEST_CASES:-16}" valgrind --quiet --error-exitcode=9 --leak-check=no --num-callers=12 \
    "$binary" --test-threads 1 "$@"
