#!/usr/bin/env bash
# Compares `greenlit fix` of videos that must be re-encoded with `ffmpeg` at the same settings.
#
#   benches/reencode.sh [ROUNDS [CLIPS]]      (default 1 and 6; the fastest run of each counts)
#
# GREENLIT names the binary (default target/release/greenlit, with greenlit-worker beside it). The
# script creates the clips: synthetic ones, and clips of fixtures/. ffmpeg maps HDR pixel by pixel, with
# `zscale` and `tonemap`. The script reads the settings of greenlit's encoder from the first output and
# passes them to ffmpeg: quality, rate limits, key frames, B-frames, profile and, for the first ffmpeg, the
# number of threads. The second ffmpeg uses its default number of threads. Neither verifies its output;
# greenlit runs once without and once with full verification. All run in turns, from the page cache.
set -eu -o pipefail
cd "$(dirname "$0")"
export BENCH_ROUNDS=${1:-1} BENCH_CLIPS=${2:-6}
BENCH_TOP=$(mktemp -d)
export BENCH_TOP
trap 'rm -rf "$BENCH_TOP"' EXIT

PYTHONDONTWRITEBYTECODE=1 python3 - <<'PYTHON'
import json, os, shutil, subprocess, sys
sys.path.insert(0, ".")
from timing import GREENLIT, alternate, media, quote, run, x264_options

top, rounds = os.environ["BENCH_TOP"], int(os.environ["BENCH_ROUNDS"])
out, fixtures, PRESET = os.path.join(top, "out"), "../fixtures", "veryfast"
BUSY = "-f lavfi -i testsrc2=s={size}:r=30:d={s},noise=alls=2:allf=t -f lavfi -i sine=d={s}"
CODING = "-c:v libx264 -preset superfast -crf 20 -pix_fmt yuv422p -c:a aac -ac 2 -ar 48000"
LOOPED = "-stream_loop -1 -i ../fixtures/{name} -t {s} -c copy"
HDR = ("-ss 4 -i ../fixtures/firefox-media-TestPatternHDR.mp4 -map 0:v:0 -t 10 -vf transpose=1,zscale=w=1080:h=1920:"
       "p=bt2020:t={transfer}:m=bt2020nc:r=tv,format=yuv420p10le -c:v libx264 -preset superfast -crf 16 "
       "-color_primaries bt2020 -color_trc {transfer} -colorspace bt2020nc")
TO_SDR = ("zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,"
          "zscale=t=bt709:m=bt709:r=tv,format=yuv420p,")
CLIPS = [
    ("ocean (fixture), 20 s", LOOPED.format(name="npm-vide-ocean.mp4", s=20)),
    ("bunny (fixture), 60 s", LOOPED.format(name="firefox-media-bunny_hd_5s.mp4", s=60)),
    ("synthetic 4:2:2, 1080x1920, 20 s", f"{BUSY} {CODING}".format(size="1080x1920", s=20)),
    ("synthetic 4:2:2, 540x960, 120 s", f"{BUSY} {CODING}".format(size="540x960", s=120)),
    ("HLG (fixture), 1080x1920, 10 s", HDR.format(transfer="arib-std-b67")),
    ("PQ (fixture), 1080x1920, 10 s", HDR.format(transfer="smpte2084")),
]
CLIPS = CLIPS[: int(os.environ["BENCH_CLIPS"])]


def prepare():
    shutil.rmtree(out, ignore_errors=True)
    os.mkdir(out)


def greenlit(video, verify):
    options = ["--recipe", "2", "--preset", PRESET, "--verify", verify, "--no-progress", "--out", out]
    return quote(GREENLIT, "fix", "--profile", "tiktok-ads", *options, video)


def ffmpeg(source, output, threads, to_sdr):
    x264 = x264_options(output)
    probe = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", output]
    streams = json.loads(subprocess.run(probe, check=True, capture_output=True).stdout)["streams"]
    video = next(s for s in streams if s["codec_type"] == "video")
    audio = next((s for s in streams if s["codec_type"] == "audio"), None)
    words = ["ffmpeg", "-v", "error", "-y", "-i", source, "-map", "0:v:0", "-map", "0:a:0?"]
    words += ["-vf", f"{to_sdr}scale={video['width']}:{video['height']}", "-pix_fmt", "yuv420p", "-r", video["r_frame_rate"]]
    words += ["-c:v", "libx264", "-preset", PRESET, "-profile:v", video["profile"].lower(), "-crf", x264["crf"]]
    words += ["-g", x264["keyint"], "-keyint_min", x264["keyint_min"], "-bf", x264["bframes"], "-flags", "+cgop"]
    if "vbv_maxrate" in x264:
        words += ["-maxrate", x264["vbv_maxrate"] + "k", "-bufsize", x264["vbv_bufsize"] + "k"]
    words += ["-threads", x264["threads"]] if threads else []
    words += ["-c:a", "aac", "-b:a", audio["bit_rate"], "-ar", audio["sample_rate"], "-ac", audio["channels"]] if audio else []
    return quote(*words, "-movflags", "+faststart", f"{out}/f.mp4")


print("| clip | threads | ffmpeg, same threads s | ffmpeg, default threads s | unverified s | verified s "
      "| unverified / same | verified / same | unverified / default | verified / default "
      "| CPU s: same, default, unverified, verified |")
print("|------|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|")
for name, arguments in CLIPS:
    video = os.path.join(top, "video.mp4")
    media(arguments, video)
    prepare()
    to_sdr = TO_SDR if "bt2020" in arguments else ""
    run(greenlit(video, "off"))
    output = os.path.join(top, "output.mp4")
    shutil.copyfile(os.path.join(out, "video.mp4"), output)
    best = alternate(
        {
            "same": ffmpeg(video, output, True, to_sdr),
            "off": greenlit(video, "off"),
            "default": ffmpeg(video, output, False, to_sdr),
            "full": greenlit(video, "full"),
        },
        rounds,
        prepare,
    )
    wall = {key: found[0] for key, found in best.items()}
    ratio = lambda ours, theirs: f"{wall[ours] / wall[theirs]:.2f}"
    print(
        f"| {name} | {x264_options(output)['threads']} | {wall['same']:.1f} | {wall['default']:.1f} | {wall['off']:.1f} "
        f"| {wall['full']:.1f} | {ratio('off', 'same')} | {ratio('full', 'same')} | {ratio('off', 'default')} "
        f"| {ratio('full', 'default')} | {', '.join(f'{best[key][1]:.1f}' for key in ('same', 'default', 'off', 'full'))} |",
        flush=True,
    )
PYTHON
