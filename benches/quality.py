"""Other people's judgement of what `greenlit fix` makes; see quality.sh."""

import csv, hashlib, json, os, re, shutil, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

from timing import CORES, GREENLIT

CORPUS, TOP, NEWER = os.environ["GREENLIT_CORPUS"], os.environ["BENCH_TOP"], os.environ["NEWER"]
FILMS = int(os.environ["BENCH_FILMS"])
# VMAF looks at about this many frames of a film, evenly spread.
LOOKS = 240
CONSENTS = ["--upscale", "--trim", "--add-silence", "--extend", "loop"]
BRIGHT = {"arib-std-b67", "smpte2084"}


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, errors="replace", **more)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def films():
    """The normal films whose manifest knows no decode error, a folder each."""
    tree = os.path.join(TOP, "in")
    with open(os.path.join(CORPUS, "manifest.tsv")) as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    rows = [row for row in rows if row["class"] == "normal" and row["vcodec"] not in "-" and row["decode"] == "ok"]
    if not os.path.isdir(tree):
        for number, row in enumerate(rows[:FILMS]):
            folder = os.path.join(tree, f"{number:03}")
            os.makedirs(folder)
            shutil.copy(os.path.join(CORPUS, row["path"]), folder)


def fix():
    """The report of the fix; taken from an earlier run where there is one."""
    told = os.path.join(TOP, "report.json")
    if not os.path.exists(told):
        fixed = run(os.path.abspath(GREENLIT), "fix", "in", "--out", "out", "--format", "json", "--output", "report.json",
                    "--no-progress", "--no-cache", *CONSENTS, cwd=TOP)
        if not os.path.exists(told):
            sys.exit(fixed.stderr)
    with open(told) as file:
        return json.load(file)["files"]


def picture(path):
    """What ffprobe says of the first picture stream that is no cover, and the bytes of its packets."""
    found = run("ffprobe", "-v", "error", "-show_streams", "-of", "json", path)
    streams = [one for one in json.loads(found.stdout).get("streams", []) if one["codec_type"] == "video"]
    streams = [one for one in streams if not one["disposition"]["attached_pic"]] or streams
    stream = max(streams, key=lambda one: one.get("width", 0))
    sizes = run("ffprobe", "-v", "error", "-select_streams", str(stream["index"]), "-show_entries", "packet=size",
                "-of", "csv=p=0", path).stdout
    stream["bytes"] = sum(int(size) for size in re.findall(r"\d+", sizes))
    return stream


def is_same_look(before, after, steps):
    """Whether size, shape, direction, fields and dynamic range are what they were."""
    rotated = any(abs(side.get("rotation", 0)) % 360 for side in before.get("side_data_list", []))
    shape = lambda one: (one["width"], one["height"])
    square = before.get("sample_aspect_ratio", "1:1") in ("1:1", "0:1", "N/A")
    fields = "deinterlac" in " ".join(steps) or "fields" in " ".join(steps)
    return shape(before) == shape(after) and square and not rotated and not fields \
        and before.get("color_transfer") not in BRIGHT


def vmaf(source, before, output, after, frames):
    """The mean VMAF of frames spread over a film, or None and why."""
    every = max(1, (frames or 1) // LOOKS)
    # What names no matrix is read as its size suggests, as players do.
    usual = "bt709" if min(before["width"], before["height"]) > 576 else "bt601"
    known = before.get("color_space", "unknown") != "unknown"
    read = f"in_color_matrix={'auto' if known else usual}"
    like = f"{read}:out_color_matrix={after.get('color_space', 'bt709')}:out_range=tv"
    log = output + ".vmaf.json"
    chain = (f"[0:{after['index']}]setpts=PTS-STARTPTS,format=yuv420p[a];"
             f"[1:{before['index']}]setpts=PTS-STARTPTS,scale={like},format=yuv420p[b];"
             f"[a][b]libvmaf=ts_sync_mode=nearest:shortest=1:n_threads=1:n_subsample={every}:log_fmt=json:log_path={os.path.basename(log)}")
    judged = run(NEWER, "-v", "error", "-nostdin", "-i", os.path.abspath(output), "-i", os.path.abspath(source),
                 "-filter_complex", chain, "-f", "null", "-", cwd=os.path.dirname(log))
    if not os.path.exists(log):
        return None, judged.stderr.strip()[-200:]
    with open(log) as file:
        text = file.read()
    os.remove(log)
    return json.loads(text)["pooled_metrics"]["vmaf"]["mean"], ""


def complaints(ffmpeg, output):
    """What a decoder says of an output, and how many frames it gave."""
    decoded = run(ffmpeg, "-v", "error", "-nostdin", "-i", output, "-map", "0:v:0", "-f", "null", "-",
                  "-map", "0:a:0?", "-f", "null", "-", "-progress", "-")
    frames = re.findall(r"^frame=\s*(\d+)", decoded.stdout, re.M)
    return decoded.stderr.strip(), int(frames[-1]) if frames else None


def judge(entry):
    """All that others say of one output."""
    done = entry["fix"]
    source, output = os.path.join(TOP, entry["path"]), os.path.join(TOP, done["output"])
    row = {"path": entry["path"], "output": done["output"], "action": done["action"], "steps": done["steps"]}
    for name, ffmpeg in (("system", "ffmpeg"), ("newer", NEWER)):
        row[name], frames = complaints(ffmpeg, output)
        row[f"{name}_frames"] = frames
    row["frames"] = (done["verified"] or {}).get("decoded_frames")
    row["similarity"] = (done["verified"] or {}).get("similarity")
    before, after = picture(source), picture(output)
    row["codec"], row["bytes"] = before["codec_name"], (before["bytes"], after["bytes"])
    row["floor"] = any("at least" in step and "bit" in step for step in done["steps"])
    if done["action"] in ("reencode", "reencode-video"):
        row["same"] = is_same_look(before, after, done["steps"])
        if row["same"]:
            row["vmaf"], row["why"] = vmaf(source, before, output, after, row["newer_frames"])
    return row


def main():
    films()
    files = fix()
    with open(os.path.join(CORPUS, "manifest.tsv")) as file:
        known = {row["sha256"] for row in csv.DictReader(file, delimiter="\t")}
    changed = [one["path"] for one in files if digest(os.path.join(TOP, one["path"])) not in known]
    made = [one for one in files if (one.get("fix") or {}).get("output")]
    with ThreadPoolExecutor(CORES) as pool:
        rows = list(pool.map(judge, made))
    again = json.loads(run(os.path.abspath(GREENLIT), "check", "out", "--format", "json", "--no-cache", cwd=TOP).stdout)
    with open(os.path.join(TOP, "table.json"), "w") as file:
        json.dump(rows, file, indent=1)

    refusals = {}
    for one in files:
        if one not in made:
            about = one.get("fix") or {}
            refusals.setdefault(about.get("refusal") or one["verdict"], []).append(one["path"])
    pictures = len(refusals.get("still-picture", []))
    for kind, paths in sorted(refusals.items()):
        print(f"| {kind} | {len(paths)} | {' '.join(paths[:6])}{' ...' if len(paths) > 6 else ''} |")
    print(f"fixed: {len(made)} of {len(files) - pictures} films ({pictures} still pictures aside), "
          f"{100 * len(made) / max(1, len(files) - pictures):.1f} %")
    print(f"sources changed: {len(changed)} {' '.join(changed)}")
    print(f"not compliant when checked again: {again['summary']['noncompliant'] + again['summary']['unreadable']}")
    for name in ("system", "newer"):
        loud = [row for row in rows if row[name]]
        print(f"{name} ffmpeg complains of {len(loud)}: {[(row['path'], row[name][:90]) for row in loud[:5]]}")
    counted = [row for row in rows if row["frames"] and row["newer_frames"] != row["frames"]]
    print(f"other frame counts: {[(row['path'], row['frames'], row['newer_frames']) for row in counted]}")
    scored = sorted((row for row in rows if row.get("vmaf") is not None), key=lambda row: row["vmaf"])
    if scored:
        mean = sum(row["vmaf"] for row in scored) / len(scored)
        print(f"VMAF of {len(scored)} outputs of unchanged geometry: mean {mean:.2f}, worst {scored[0]['vmaf']:.2f}")
        for row in scored[:8]:
            print(f"  {row['vmaf']:6.2f} {row['path']} {row['codec']} {row['bytes']}")
    for row in rows:
        if row.get("same") and row.get("vmaf") is None:
            print(f"  no VMAF: {row['path']}: {row['why']}")
    for title, chosen in (
        ("H.264 sources, unchanged geometry", [row for row in scored if row["codec"] == "h264"]),
        ("of these without a floor", [row for row in scored if row["codec"] == "h264" and not row["floor"]]),
    ):
        if chosen:
            before, after = (sum(row["bytes"][at] for row in chosen) for at in (0, 1))
            print(f"{title}: {len(chosen)}, {before} bytes before, {after} after, ratio {after / before:.3f}")
    other = sorted(row["similarity"]["mean"] for row in rows if row.get("same") is False and row["similarity"])
    if other:
        print(f"SSIMULACRA2 of {len(other)} of changed geometry or range: mean {sum(other) / len(other):.1f}, "
              f"lowest {other[0]:.1f}, tenth {other[len(other) // 10]:.1f}")


if __name__ == "__main__":
    main()
