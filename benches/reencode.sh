#!/usr/bin/env bash
# Compares `greenlit fix` of films that must be encoded again with `ffmpeg` at the same settings.
#
#   benches/reencode.sh [ROUNDS [CLIPS]]      (default 1 and 4; the quickest run of each counts)
#
# GREENLIT names the binary (default target/release/greenlit, with greenlit-worker beside it). The
# clips are made here: synthetic ones, and films of fixtures/ played round and round. What greenlit's
# encoder was told is read from the first output and given to ffmpeg: quality, bounds, key frames,
# B-frames, profile, and for the first ffmpeg also the number of threads. The second ffmpeg chooses
# its threads itself, as it does for everyone who does not say. Neither proves anything; greenlit
# runs once without proof and once with all of it. All run in turns, from the page cache.
set -eu -o pipefail
cd "$(dirname "$0")"
export BENCH_ROUNDS=${1:-1} BENCH_CLIPS=${2:-4}
BENCH_TOP=$(mktemp -d)
export BENCH_TOP
trap 'rm -rf "$BENCH_TOP"' EXIT

PYTHONDONTWRITEBYTECODE=1 python3 - <<'PYTHON'
import json, os, shutil, subprocess, sys
sys.path.insert(0, ".")
from timing import GREENLIT, alternate, media, quote, run, told

top, rounds = os.environ["BENCH_TOP"], int(os.environ["BENCH_ROUNDS"])
out, fixtures, PRESET = os.path.join(top, "out"), "../fixtures", "veryfast"
BUSY = "-f lavfi -i testsrc2=s={size}:r=30:d={s},noise=alls=2:allf=t -f lavfi -i sine=d={s}"
CODING = "-c:v libx264 -preset superfast -crf 20 -pix_fmt yuv422p -c:a aac -ac 2 -ar 48000"
LOOPED = "-stream_loop -1 -i ../fixtures/{film} -t {s} -c copy"
CLIPS = [
    ("ocean (fixture), 20 s", LOOPED.format(film="npm-vide-ocean.mp4", s=20)),
    ("bunny (fixture), 60 s", LOOPED.format(film="firefox-media-bunny_hd_5s.mp4", s=60)),
    ("synthetic 4:2:2, 1080x1920, 20 s", f"{BUSY} {CODING}".format(size="1080x1920", s=20)),
    ("synthetic 4:2:2, 540x960, 120 s", f"{BUSY} {CODING}".format(size="540x960", s=120)),
]
# The first so many of them.
CLIPS = CLIPS[: int(os.environ["BENCH_CLIPS"])]


def prepare():
    shutil.rmtree(out, ignore_errors=True)
    os.mkdir(out)


def greenlit(film, verify):
    options = ["--recipe", "2", "--preset", PRESET, "--verify", verify, "--no-progress", "--out", out]
    return quote(GREENLIT, "fix", "--profile", "tiktok-ads", *options, film)


def ffmpeg(film, made, threads):
    was = told(made)
    probe = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", made]
    streams = json.loads(subprocess.run(probe, check=True, capture_output=True).stdout)["streams"]
    video = next(s for s in streams if s["codec_type"] == "video")
    sound = next((s for s in streams if s["codec_type"] == "audio"), None)
    words = ["ffmpeg", "-v", "error", "-y", "-i", film, "-map", "0:v:0", "-map", "0:a:0?"]
    words += ["-vf", f"scale={video['width']}:{video['height']}", "-pix_fmt", "yuv420p", "-r", video["r_frame_rate"]]
    words += ["-c:v", "libx264", "-preset", PRESET, "-profile:v", video["profile"].lower(), "-crf", was["crf"]]
    words += ["-g", was["keyint"], "-keyint_min", was["keyint_min"], "-bf", was["bframes"], "-flags", "+cgop"]
    if "vbv_maxrate" in was:
        words += ["-maxrate", was["vbv_maxrate"] + "k", "-bufsize", was["vbv_bufsize"] + "k"]
    words += ["-threads", was["threads"]] if threads else []
    words += ["-c:a", "aac", "-b:a", sound["bit_rate"], "-ar", sound["sample_rate"], "-ac", sound["channels"]] if sound else []
    return quote(*words, "-movflags", "+faststart", f"{out}/f.mp4")


print("| clip | threads | ffmpeg, same threads s | ffmpeg, its threads s | no proof s | proven s "
      "| no proof / same | proven / same | no proof / its | proven / its | CPU s: same, its, no proof, proven |")
print("|------|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|")
for name, arguments in CLIPS:
    film = os.path.join(top, "film.mp4")
    media(arguments, film)
    prepare()
    run(greenlit(film, "off"))
    made = os.path.join(top, "made.mp4")
    shutil.copyfile(os.path.join(out, "film.mp4"), made)
    best = alternate(
        {
            "same": ffmpeg(film, made, True),
            "off": greenlit(film, "off"),
            "its": ffmpeg(film, made, False),
            "full": greenlit(film, "full"),
        },
        rounds,
        prepare,
    )
    wall = {key: found[0] for key, found in best.items()}
    ratio = lambda ours, theirs: f"{wall[ours] / wall[theirs]:.2f}"
    print(
        f"| {name} | {told(made)['threads']} | {wall['same']:.1f} | {wall['its']:.1f} | {wall['off']:.1f} "
        f"| {wall['full']:.1f} | {ratio('off', 'same')} | {ratio('full', 'same')} | {ratio('off', 'its')} "
        f"| {ratio('full', 'its')} | {', '.join(f'{best[key][1]:.1f}' for key in ('same', 'its', 'off', 'full'))} |",
        flush=True,
    )
PYTHON
