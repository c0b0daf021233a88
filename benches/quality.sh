#!/usr/bin/env bash
# Fixes every normal film of a corpus and lets others judge what came of it.
#
#   GREENLIT_CORPUS=/folder benches/quality.sh [FILMS]      (default: all)
#
# GREENLIT names the binary (default target/release/greenlit, with greenlit-worker beside it), NEWER an
# ffmpeg newer than the system's that has libvmaf (default: the static build of the Python package
# imageio-ffmpeg, installed into a virtual environment for the run). All consents are given. Every output
# is checked by a new process and decoded by both ffmpegs; where neither geometry nor dynamic range
# changed and the picture was encoded again, VMAF compares it with its source and the bytes of both
# pictures are summed. KEEP=FOLDER keeps the outputs and the table, and takes up outputs that are there.
set -eu -o pipefail
cd "$(dirname "$0")"
: "${GREENLIT_CORPUS:?names the folder with manifest.tsv}"
export GREENLIT_CORPUS BENCH_FILMS=${1:-100000}
BENCH_TOP=${KEEP:-$(mktemp -d)}
export BENCH_TOP
[ -n "${KEEP:-}" ] || trap 'rm -rf "$BENCH_TOP"' EXIT
mkdir -p "$BENCH_TOP"
if [ -z "${NEWER:-}" ]; then
    python3 -m venv "$BENCH_TOP/venv"
    "$BENCH_TOP/venv/bin/pip" install -q imageio-ffmpeg
    NEWER=$("$BENCH_TOP/venv/bin/python" -c 'import imageio_ffmpeg as i; print(i.get_ffmpeg_exe())')
fi
export NEWER
PYTHONDONTWRITEBYTECODE=1 python3 quality.py
