#!/usr/bin/env bash
# Compares a second `greenlit build`, which has nothing to do, with a bare `find -printf` over sources and outputs.
#
#   benches/build.sh [FILES]      (default 5000)
#
# GREENLIT names the binary to measure (default target/release/greenlit, with greenlit-worker beside it). The sources are
# copies of a short clip that FFmpeg creates first, about 25 kB each and each with its own inode, below $TMPDIR; they are
# removed at the end.
set -eu -o pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
files=${1:-5000} rounds=${BENCH_ROUNDS:-9}
greenlit=${GREENLIT:-$top/target/release/greenlit}
[[ -x $greenlit ]] || { echo "$greenlit not found; run 'make build' first" >&2; exit 2; }
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
export XDG_CACHE_HOME=$tree/cache
cd "$tree"

printf '[fix]\nverify = "off"\n[[build]]\nname = "all"\nsources = ["in"]\nprofile = "youtube"\nout = "out"\n' >greenlit.toml
ffmpeg -v error -nostdin -f lavfi -i smptebars=s=540x960:r=30:d=1.5 -f lavfi -i sine=f=440:d=1.5 -pix_fmt yuv420p \
    -c:v libx264 -preset ultrafast -movflags +faststart -c:a aac -b:a 96k clip.mp4
for ((number = 0; number < files; number++)); do
    folder=in/$((number / 250))
    ((number % 250)) || mkdir -p "$folder"
    cp clip.mp4 "$folder/$number.mp4"
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
