#!/usr/bin/env bash
# Compares a second, cached `greenlit check` with a bare `find -printf` over the same files.
#
#   benches/warm-cache.sh [FILES]      (default 20000)
#
# GREENLIT names the binary to measure (default target/release/greenlit, with greenlit-worker beside
# it). The files are copies, each with its own inode, of short clips that FFmpeg creates first: about
# 35 kB each, in folders of 250, below $TMPDIR; they are removed at the end. The first run fills a new
# cache; then `find` and the cached check run in turns, and the best runs are compared. Other load on the
# machine affects wall time, but hardly CPU time.
set -eu -o pipefail

export BENCH_FILES=${1:-20000} BENCH_ROUNDS=${BENCH_ROUNDS:-9}
export GREENLIT=${GREENLIT:-$(cd "$(dirname "$0")/.." && pwd)/target/release/greenlit}
[[ -x $GREENLIT ]] || { echo "$GREENLIT not found; run 'make build' first" >&2; exit 2; }
BENCH_TREE=$(mktemp -d)
export BENCH_TREE XDG_CACHE_HOME=$BENCH_TREE/cache
trap 'rm -rf "$BENCH_TREE"' EXIT

mkdir "$BENCH_TREE/seeds"
clip() { # name size rate codec options...
    local to=$BENCH_TREE/seeds/$1
    ffmpeg -v error -nostdin -y -f lavfi -i "smptebars=s=$2:r=$3:d=1.5" -f lavfi -i "sine=f=440:d=1.5" \
        -pix_fmt yuv420p -c:v "$4" "${@:5}" -c:a aac -b:a 96k "$to"
}
clip portrait.mp4 540x960 30 libx264 -preset ultrafast -movflags +faststart
clip landscape.mp4 960x540 25 libx264 -preset ultrafast
clip square.mov 640x640 30 libx264 -preset ultrafast -movflags +faststart
clip small.mp4 360x640 24 libx264 -preset ultrafast
clip old.avi 480x360 30 mpeg4 -q:v 20

python3 - <<'PYTHON'
import os, resource, shutil, subprocess, time

wanted, rounds, top = int(os.environ["BENCH_FILES"]), int(os.environ["BENCH_ROUNDS"]), os.environ["BENCH_TREE"]
seeds = [os.path.join(top, "seeds", name) for name in sorted(os.listdir(os.path.join(top, "seeds")))]
tree, size = os.path.join(top, "tree"), 0
for number in range(wanted):
    folder, seed = os.path.join(tree, f"{number // 250:03}"), seeds[number % len(seeds)]
    os.makedirs(folder, exist_ok=True)
    shutil.copyfile(seed, os.path.join(folder, f"clip-{number:05}-{os.path.basename(seed)}"))
    size += os.path.getsize(seed)

CHECK = [os.environ["GREENLIT"], "check", "--format", "json", "--no-progress", tree]
FIND = ["find", tree, "-type", "f", "-printf", "%s %T@ %p\\n"]


def run(command):
    """Returns wall seconds, CPU seconds and the peak MiB of the largest process."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - started
    assert os.waitstatus_to_exitcode(status) in (0, 1), command
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


time.sleep(0.5)  # Younger files are not cached.
cold = run(CHECK)
cache_size = sum(entry.stat().st_size for entry in os.scandir(os.path.join(top, "cache", "greenlit")))
measured = {"find -printf": [], "greenlit check, cached": []}
for _ in range(rounds):
    measured["find -printf"].append(run(FIND))
    measured["greenlit check, cached"].append(run(CHECK))

print(f"{os.cpu_count()} cores, {wanted} files, {size / 2**20:.0f} MiB; cache {cache_size / 2**20:.1f} MiB; {rounds} rounds")
print("| tool                   | wall ms | CPU ms | wall ratio | CPU ratio | peak MiB |")
print("|------------------------|--------:|-------:|-----------:|----------:|---------:|")
base = None
for name, values in measured.items():
    wall, cpu, peak = (min(column) for column in zip(*values))
    base = base or (wall, cpu)
    print(f"| {name:22} | {wall * 1e3:7.0f} | {cpu * 1e3:6.0f} | {wall / base[0]:10.1f} | {cpu / base[1]:9.1f} | {peak:8.0f} |")
print(f"| greenlit check, first  | {cold[0] * 1e3:7.0f} | {cold[1] * 1e3:6.0f} | {cold[0] / base[0]:10.1f} | {cold[1] / base[1]:9.1f} | {cold[2]:8.0f} |")
PYTHON
