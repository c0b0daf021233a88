#!/usr/bin/env bash
# Fixes every normal video of a corpus and checks the outputs with independent tools.
#
#   GREENLIT_CORPUS=/folder benches/quality.sh [VIDEOS]      (default: all)
#
# GREENLIT names the binary (default target/release/greenlit, with greenlit-worker beside it), NEWER an
# ffmpeg newer than the system's with libvmaf (default: the static build of the Python package
# imageio-ffmpeg, installed into a virtual environment for the run). All consents are given. A new
# process checks every output, and both ffmpegs decode it. If the video was re-encoded with unchanged
# geometry and dynamic range, VMAF compares it with its source, and the bytes of both video streams are
# summed. KEEP=FOLDER keeps the outputs and the table, and reuses existing outputs.
set -eu -o pipefail
cd "$(dirname "$0")"
: "${GREENLIT_CORPUS:?set it to the folder with manifest.tsv}"
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
