"""Functions shared by the benchmark scripts: run a command and measure its time and memory."""

import ctypes, os, re, resource, shlex, subprocess, sys, tempfile, time

GREENLIT = os.environ.get("GREENLIT") or os.path.join(os.path.dirname(__file__), "..", "target", "release", "greenlit")
CORES = os.cpu_count()
# Media workers outlive the process that starts them: only a process that adopts them is told their CPU time
# (PR_SET_CHILD_SUBREAPER).
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def reap():
    """Waits for every adopted process."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def quote(*words):
    return " ".join(shlex.quote(str(word)) for word in words)


def resident(group):
    """Returns the resident memory in MiB of a process group and its descendants."""
    parent, pages, groups = {}, {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            parent[entry], groups[entry], pages[entry] = fields[1], int(fields[2]), int(fields[21])
        except (OSError, IndexError):
            continue
    total = 0
    for entry in pages:
        at = entry
        while at in parent and groups.get(at) != group:
            at = parent[at]
        if groups.get(at) == group:
            total += pages[entry]
    return total * os.sysconf("SC_PAGESIZE") / 2**20


def run(command, memory=True):
    """Runs a shell command; returns wall seconds, CPU seconds and, if `memory`, the peak memory in MiB."""
    used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    before, started = used(), time.monotonic()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(["bash", "-c", command], stdout=output, stderr=output, start_new_session=True)
        peak = 0
        # Sampling takes time itself, which would distort short runs.
        while memory and child.poll() is None:
            peak = max(peak, resident(child.pid))
            time.sleep(0.02)
        child.wait()
        wall = time.monotonic() - started
        reap()
        if child.returncode != 0:
            output.seek(0)
            sys.exit(f"failed ({child.returncode}): {command}\n{output.read().decode(errors='replace')}")
    return wall, used() - before, peak


def alternate(commands, rounds, prepare):
    """Runs all commands in turns, `rounds` times each; returns the fastest run of each."""
    best = {}
    for _ in range(rounds):
        for name, command in commands.items():
            prepare()
            found = run(command, memory=False)
            best[name] = min(best.get(name, found), found)
    return best


def media(arguments, target):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *shlex.split(arguments), target], check=True)


def x264_options(path):
    """Returns the encoder settings from the SEI message that x264 writes into the video."""
    with open(path, "rb") as file:
        options = re.search(rb"x264 - core .*?options: ([ -~]*)", file.read()).group(1).decode()
    return dict(pair.split("=", 1) for pair in options.split() if "=" in pair)
