#!/usr/bin/env bash
# Compares `greenlit fix` of videos that only need another container with `ffmpeg -c copy`.
#
#   benches/lossless.sh [ROUNDS]      (default 3; the fastest run of each counts)
#
# GREENLIT names the binary (default target/release/greenlit, with greenlit-worker beside it). The
# script creates the clips: MOV with the index last, 20 s to 5 min, about 20 to 480 MB. Both tools read
# from the page cache and write to the same folder, in turns. `greenlit` checks, plans, copies, flushes
# to the device, verifies by hash and checks again; `ffmpeg` copies. "ffmpeg and sync" adds the flush
# to ffmpeg's time.
set -eu -o pipefail
cd "$(dirname "$0")"
export BENCH_ROUNDS=${1:-3}
BENCH_TOP=$(mktemp -d)
export BENCH_TOP
trap 'rm -rf "$BENCH_TOP"' EXIT

PYTHONDONTWRITEBYTECODE=1 python3 - <<'PYTHON'
import os, shutil, sys
sys.path.insert(0, ".")
from timing import GREENLIT, alternate, media, quote

top, rounds = os.environ["BENCH_TOP"], int(os.environ["BENCH_ROUNDS"])
out = os.path.join(top, "out")
# Seconds and megabits per second.
CLIPS = [(20, 8), (20, 36), (60, 13), (120, 8), (300, 5), (300, 12)]


def clip(seconds, rate):
    seed, video = os.path.join(top, f"seed{rate}.mp4"), os.path.join(top, f"{seconds}s-{rate}.mov")
    if not os.path.exists(seed):
        media(
            "-f lavfi -i testsrc2=s=1080x1920:r=30:d=4,noise=alls=12:allf=t -f lavfi -i sine=d=4 -c:v libx264"
            f" -preset ultrafast -pix_fmt yuv420p -b:v {rate}M -maxrate {rate}M -bufsize {rate}M -g 60"
            " -x264-params nal-hrd=cbr:force-cfr=1 -bf 2 -color_primaries bt709 -color_trc bt709"
            " -colorspace bt709 -c:a aac -ac 2 -ar 48000 -b:a 128k",
            seed,
        )
    media(f"-stream_loop -1 -i {quote(seed)} -t {seconds} -c copy", video)
    return video


def prepare():
    shutil.rmtree(out, ignore_errors=True)
    os.mkdir(out)
    os.sync()


print("| clip | MB | ffmpeg s | ffmpeg and sync s | greenlit s | ratio | ratio with sync |")
print("|------|---:|---------:|------------------:|-----------:|------:|----------------:|")
for seconds, rate in CLIPS:
    video = clip(seconds, rate)
    copy = quote("ffmpeg", "-v", "error", "-y", "-i", video, "-c", "copy", "-movflags", "+faststart", f"{out}/f.mp4")
    tools = {
        "ffmpeg": copy,
        "synced": f"{copy} && sync {out}/f.mp4",
        "greenlit": quote(GREENLIT, "fix", "--profile", "tiktok-ads", "--no-progress", "--out", out, video),
    }
    open(video, "rb").read()
    best = alternate(tools, rounds, prepare)
    wall = {name: found[0] for name, found in best.items()}
    size = os.path.getsize(video) / 1e6
    print(
        f"| {seconds} s | {size:.0f} | {wall['ffmpeg']:.2f} | {wall['synced']:.2f} | {wall['greenlit']:.2f} |"
        f" {wall['greenlit'] / wall['ffmpeg']:.2f} | {wall['greenlit'] / wall['synced']:.2f} |",
        flush=True,
    )
    os.remove(video)
PYTHON
