#!/usr/bin/env bash
# Compares `greenlit check` with ffprobe, mediainfo and mediaconch on a tree of real files.
#
#   GREENLIT_CORPUS=DIR benches/check-throughput.sh [FILES]      (default 3000)
#
# GREENLIT names the binary to measure (default target/release/greenlit, with greenlit-worker beside
# it). Every tool reads the same files, all in the page cache, on all cores, in one run. The files
# are copies with unique names in a temporary folder, which is removed at the end. A tool
# that needs less than 10 s runs five times, and the median counts. Other load on the machine affects wall
# time, but hardly the ratio of CPU times. Memory is the sum over the tool's processes that run at
# once, sampled every 20 ms.
set -eu -o pipefail

export BENCH_FILES=${1:-3000}
: "${GREENLIT_CORPUS:?set it to a folder of media files}"
export GREENLIT=${GREENLIT:-$(cd "$(dirname "$0")/.." && pwd)/target/release/greenlit}
[[ -x $GREENLIT ]] || { echo "$GREENLIT not found; run 'make build' first" >&2; exit 2; }
BENCH_TREE=$(mktemp -d)
export BENCH_TREE
trap 'rm -rf "$BENCH_TREE"' EXIT

python3 - <<'PYTHON'
import ctypes, os, resource, shutil, subprocess, sys, time

wanted, corpus, top = int(os.environ["BENCH_FILES"]), os.environ["GREENLIT_CORPUS"], os.environ["BENCH_TREE"]
greenlit, cores = os.environ["GREENLIT"], os.cpu_count()
CLIPS = {".mp4", ".mov", ".mkv", ".webm", ".m4v", ".3gp"}
NOT_MEDIA = {".md", ".tsv", ".txt", ".json"}


def gather():
    found = []
    for folder, _, names in os.walk(corpus):
        found += [os.path.join(folder, n) for n in names if os.path.splitext(n)[1].lower() not in NOT_MEDIA]
    return sorted(found)


def build(name, files):
    """Copies `files` repeatedly until the tree has the requested number of files."""
    root = os.path.join(top, name)
    for number in range(wanted):
        source = files[number % len(files)]
        folder = os.path.join(root, f"{number // 200:03}")
        os.makedirs(folder, exist_ok=True)
        shutil.copyfile(source, os.path.join(folder, f"{number:05}-{os.path.basename(source)}"))
    return root


def memory(group):
    """Returns the resident memory in MiB of a process group and its descendants."""
    parent, resident, groups = {}, {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            parent[entry], groups[entry], resident[entry] = fields[1], int(fields[2]), int(fields[21])
        except (OSError, IndexError):
            continue
    total = 0
    for entry in resident:
        at = entry
        while at in parent and groups.get(at) != group:
            at = parent[at]
        if groups.get(at) == group:
            total += resident[entry]
    return total * os.sysconf("SC_PAGESIZE") / 2**20


PR_SET_CHILD_SUBREAPER = 36
if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
    sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")


def run(command, tree):
    used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    before, started = used(), time.monotonic()
    child = subprocess.Popen(["bash", "-c", command], env={**os.environ, "TREE": tree}, start_new_session=True)
    peak = 0
    while child.poll() is None:
        peak = max(peak, memory(child.pid))
        time.sleep(0.02)
    wall = time.monotonic() - started
    # A process whose parent did not wait for it counts, too.
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        return wall, used() - before, peak


def median(command, tree):
    """Returns the figures of one run; for runs of less than 10 s, the median of five by CPU time."""
    runs = [run(command, tree)]
    while runs[0][0] < 10 and len(runs) < 5:
        runs.append(run(command, tree))
    return sorted(runs, key=lambda figures: figures[1])[len(runs) // 2]


def each(program, count):
    return f'find "$TREE" -type f -print0 | xargs -0 -P{cores} -n{count} {program} >/dev/null 2>&1'


# The same rules, as far as mediaconch can express them.
policy = os.path.join(top, "policy.xml")
with open(policy, "w") as file:
    file.write("""<?xml version="1.0"?>
<policy type="and" name="ad">
  <rule name="codec" value="Format" tracktype="Video" occurrence="*" operator="=">AVC</rule>
  <rule name="width" value="Width" tracktype="Video" occurrence="*" operator="&gt;=">540</rule>
  <rule name="height" value="Height" tracktype="Video" occurrence="*" operator="&gt;=">960</rule>
  <rule name="short" value="Duration" tracktype="General" occurrence="*" operator="&gt;=">5000</rule>
  <rule name="long" value="Duration" tracktype="General" occurrence="*" operator="&lt;=">60000</rule>
  <rule name="size" value="FileSize" tracktype="General" occurrence="*" operator="&lt;=">500000000</rule>
  <rule name="rate" value="FrameRate" tracktype="Video" occurrence="*" operator="&gt;=">23</rule>
  <rule name="audio" value="Format" tracktype="Audio" occurrence="*" operator="=">AAC</rule>
</policy>
""")

TOOLS = [
    ("greenlit check", f'"{greenlit}" check --format json --no-progress --no-cache --profile tiktok-ads "$TREE" >/dev/null 2>&1'),
    # The lower bound: open every file and read 64 KiB, which contain most headers.
    ("opening and reading 64 KiB", f'{sys.executable} -c "$BARE" "$TREE"'),
    ("ffprobe, 1 per process", each("ffprobe -v error -of json -show_format -show_streams", 1)),
    ("mediainfo, 1 per process", each("mediainfo --Output=JSON", 1)),
    ("mediainfo, 50 per process", each("mediainfo --Output=JSON", 50)),
    ("mediainfo, 250 per process", each("mediainfo --Output=JSON", 250)),
    ("mediaconch, 1 per process", each(f'mediaconch -p "{policy}"', 1)),
]

# Uses os.open and os.pread, with one process per core, each with its part of the file list.
os.environ["BARE"] = """
import os, sys
files = [os.path.join(f, n) for f, _, ns in os.walk(sys.argv[1]) for n in ns]
cores = os.cpu_count()
children = []
for core in range(cores):
    child = os.fork()
    if child == 0:
        for file in files[core::cores]:
            descriptor = os.open(file, os.O_RDONLY)
            os.pread(descriptor, 65536, 0)
            os.close(descriptor)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""

everything = gather()
clips = [file for file in everything if os.path.splitext(file)[1].lower() in CLIPS]
print(f"{cores} cores, {wanted} files per tree")
for name, title, files in [("clips", "MP4, MOV, 3GP, MKV, WebM", clips), ("all", "everything", everything)]:
    tree = build(name, files)
    size = sum(os.path.getsize(os.path.join(f, n)) for f, _, ns in os.walk(tree) for n in ns)
    subprocess.run(["bash", "-c", 'find "$TREE" -type f -exec cat {} + >/dev/null'], env={**os.environ, "TREE": tree})
    print(f"\n{title}: copies of {len(files)} files, {size / 2**20:.0f} MiB")
    print(f"| {'tool':26} | wall s | CPU s | files/s | wall ratio | CPU ratio | peak MiB |")
    print(f"|{'-' * 28}|-------:|------:|--------:|-----------:|----------:|---------:|")
    base = None
    for label, command in TOOLS:
        program = label.split()[0].rstrip(",")
        if program in ("ffprobe", "mediainfo", "mediaconch") and shutil.which(program) is None:
            print(f"| {label:26} | not installed |")
            continue
        wall, cpu, peak = median(command, tree)
        base = base or (wall, cpu)
        speed = f"{wall:6.1f} | {cpu:5.1f} | {wanted / wall:7.0f} | {wall / base[0]:10.1f} | {cpu / base[1]:9.1f}"
        print(f"| {label:26} | {speed} | {peak:8.0f} |", flush=True)
    shutil.rmtree(tree)
PYTHON
