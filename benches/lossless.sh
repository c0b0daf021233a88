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
#
# Two limits apply: `--verify structure` may take 1.3 times `ffmpeg -c copy`, and `--verify full`, which also
# decodes, 1.1 times that plus `ffmpeg -xerror -f null -` of the same file.
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


# The ratios that may not be exceeded: structure to the copy, full to the copy plus a decode.
LIMITS = {"structure": 1.3, "full": 1.1}


def verdict(name, ratio):
    return f"{ratio:.2f} ({'within' if ratio <= LIMITS[name] else 'above'} {LIMITS[name]})"


print("| clip | MB | copy s | copy and sync s | decode s | structure s | full s | structure / copy | full / (copy + decode) |")
print("|------|---:|-------:|----------------:|---------:|------------:|-------:|-----------------:|-----------------------:|")
for seconds, rate in CLIPS:
    video = clip(seconds, rate)
    copy = quote("ffmpeg", "-v", "error", "-y", "-i", video, "-c", "copy", "-movflags", "+faststart", f"{out}/f.mp4")
    # Without the cache, so that no round profits from the decode of an earlier one.
    fix = ["fix", "--no-cache", "--profile", "tiktok-ads", "--no-progress", "--out", out, video]
    tools = {
        "copy": copy,
        "synced": f"{copy} && sync {out}/f.mp4",
        "decode": quote("ffmpeg", "-v", "error", "-xerror", "-i", video, "-f", "null", "-"),
        "structure": quote(GREENLIT, *fix, "--verify", "structure"),
        "full": quote(GREENLIT, *fix, "--verify", "full"),
    }
    open(video, "rb").read()
    best = alternate(tools, rounds, prepare)
    wall = {name: found[0] for name, found in best.items()}
    size = os.path.getsize(video) / 1e6
    structure = verdict("structure", wall["structure"] / wall["copy"])
    full = verdict("full", wall["full"] / (wall["copy"] + wall["decode"]))
    print(
        f"| {seconds} s | {size:.0f} | {wall['copy']:.2f} | {wall['synced']:.2f} | {wall['decode']:.2f} |"
        f" {wall['structure']:.2f} | {wall['full']:.2f} | {structure} | {full} |",
        flush=True,
    )
    os.remove(video)
PYTHON
