#!/usr/bin/env bash
# Compares `greenlit fix` of a mixed folder with a script that re-encodes all files.
#
#   benches/mixed-folder.sh [TENS]      (default 2: 20 videos)
#
# GREENLIT names the binary (default target/release/greenlit, with greenlit-worker beside it). Of every
# ten videos of the same length, four comply, three need another container, one needs its audio and two
# need their video re-encoded. The script runs `ffmpeg` under `xargs -P` on all cores, once with
# greenlit's preset and quality and once with ffmpeg's defaults, as most such scripts do. It verifies
# nothing; greenlit verifies everything. Memory is the sum over all processes that run at once, sampled
# every 20 ms.
set -eu -o pipefail
cd "$(dirname "$0")"
export BENCH_TENS=${1:-2}
BENCH_TOP=$(mktemp -d)
export BENCH_TOP
trap 'rm -rf "$BENCH_TOP"' EXIT

PYTHONDONTWRITEBYTECODE=1 python3 - <<'PYTHON'
import json, os, shutil, subprocess, sys
sys.path.insert(0, ".")
from timing import CORES, GREENLIT, media, quote, run, x264_options

top, tens = os.environ["BENCH_TOP"], int(os.environ["BENCH_TENS"])
tree, out, SECONDS, PRESET = os.path.join(top, "in"), os.path.join(top, "out"), 20, "veryfast"
os.mkdir(tree)
INPUT = f"-f lavfi -i testsrc2=s=720x1280:r=30:d={SECONDS},noise=alls=2:allf=t -f lavfi -i sine=d={SECONDS}"
X264 = "-c:v libx264 -preset superfast -crf 20 -color_primaries bt709 -color_trc bt709 -colorspace bt709"
AAC = "-c:a aac -ac 2 -ar 48000 -b:a 128k"
KINDS = [
    (4, "comply.mp4", f"{INPUT} {X264} -pix_fmt yuv420p {AAC} -movflags +faststart"),
    (3, "remux.mov", f"{INPUT} {X264} -pix_fmt yuv420p {AAC}"),
    (1, "audio.mp4", f"{INPUT} {X264} -pix_fmt yuv420p -c:a ac3 -ac 6 -b:a 384k -movflags +faststart"),
    (2, "video.mp4", f"{INPUT} {X264} -pix_fmt yuv422p {AAC} -movflags +faststart"),
]
for count, name, arguments in KINDS:
    clip = os.path.join(top, name)
    media(arguments, clip)
    for number in range(count * tens):
        shutil.copyfile(clip, os.path.join(tree, f"{number:03}-{name}"))
    os.remove(clip)


def fresh():
    shutil.rmtree(out, ignore_errors=True)
    os.mkdir(out)


fresh()
fix = quote(GREENLIT, "fix", "--profile", "tiktok-ads", "--preset", PRESET, "--no-progress", "--out", out)
ours = run(f"{fix} {quote(tree)}")
plan = subprocess.run(["bash", "-c", f"{fix} --format json --dry-run {quote(tree)}"], capture_output=True)
actions = {}
for entry in json.loads(plan.stdout)["files"]:
    action = (entry.get("fix") or {}).get("action", "none")
    actions[action] = actions.get(action, 0) + 1
crf = x264_options(os.path.join(out, "000-video.mp4"))["crf"]


def script(*settings):
    """Re-encodes every video of the folder."""
    fresh()
    encode = quote("ffmpeg", "-v", "error", "-y", "-nostdin", "-i", "{}", "-c:v", "libx264", *settings)
    encode += " -pix_fmt yuv420p -c:a aac -ac 2 -b:a 128k -movflags +faststart"
    return run(f'cd {quote(tree)} && ls | xargs -P {CORES} -I {{}} {encode} {quote(out)}/{{}}.mp4')


same, plain = script("-preset", PRESET, "-crf", crf), script()
print(f"{CORES} cores, {10 * tens} videos of {SECONDS} s, 720x1280: {actions}")
print("| tool | wall s | CPU s | peak MiB |")
print("|------|-------:|------:|---------:|")
print(f"| greenlit fix | {ours[0]:.1f} | {ours[1]:.1f} | {ours[2]:.0f} |")
for name, found in (("same preset and rate factor", same), ("default settings", plain)):
    print(f"| ffmpeg under xargs -P, {name} | {found[0]:.1f} | {found[1]:.1f} | {found[2]:.0f} |")
    print(f"| ratio to greenlit | {found[0] / ours[0]:.1f} | {found[1] / ours[1]:.1f} | {found[2] / ours[2]:.1f} |")
PYTHON
