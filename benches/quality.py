"""Checks the outputs of `greenlit fix` with independent tools; see quality.sh."""

import csv, hashlib, json, os, re, shutil, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

from timing import CORES, GREENLIT

CORPUS, TOP, NEWER = os.environ["GREENLIT_CORPUS"], os.environ["BENCH_TOP"], os.environ["NEWER"]
VIDEOS = int(os.environ["BENCH_FILMS"])
# VMAF compares about this many frames of a video, evenly spread.
VMAF_FRAMES = 240
CONSENTS = ["--upscale", "--trim", "--add-silence", "--extend", "loop"]
HDR_TRANSFERS = {"arib-std-b67", "smpte2084"}


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, errors="replace", **more)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def copy_videos():
    """Copies the normal videos without decode errors in the manifest, each to its own folder."""
    tree = os.path.join(TOP, "in")
    with open(os.path.join(CORPUS, "manifest.tsv")) as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    rows = [row for row in rows if row["class"] == "normal" and row["vcodec"] not in "-" and row["decode"] == "ok"]
    if not os.path.isdir(tree):
        for number, row in enumerate(rows[:VIDEOS]):
            folder = os.path.join(tree, f"{number:03}")
            os.makedirs(folder)
            shutil.copy(os.path.join(CORPUS, row["path"]), folder)


def fix():
    """Returns the report of the fix, from an earlier run if there is one."""
    report = os.path.join(TOP, "report.json")
    if not os.path.exists(report):
        fixed = run(os.path.abspath(GREENLIT), "fix", "in", "--out", "out", "--format", "json", "--output", "report.json",
                    "--no-progress", "--no-cache", *CONSENTS, cwd=TOP)
        if not os.path.exists(report):
            sys.exit(fixed.stderr)
    with open(report) as file:
        return json.load(file)["files"]


def video_stream(path):
    """Returns the largest video stream that is not cover art, by ffprobe, with the bytes of its packets."""
    probed = run("ffprobe", "-v", "error", "-show_streams", "-of", "json", path)
    streams = [one for one in json.loads(probed.stdout).get("streams", []) if one["codec_type"] == "video"]
    streams = [one for one in streams if not one["disposition"]["attached_pic"]] or streams
    stream = max(streams, key=lambda one: one.get("width", 0))
    sizes = run("ffprobe", "-v", "error", "-select_streams", str(stream["index"]), "-show_entries", "packet=size",
                "-of", "csv=p=0", path).stdout
    stream["bytes"] = sum(int(size) for size in re.findall(r"\d+", sizes))
    return stream


def is_same_geometry(before, after, steps):
    """Returns whether size, aspect ratio, rotation, fields and dynamic range are unchanged."""
    rotated = any(abs(side.get("rotation", 0)) % 360 for side in before.get("side_data_list", []))
    size = lambda one: (one["width"], one["height"])
    square = before.get("sample_aspect_ratio", "1:1") in ("1:1", "0:1", "N/A")
    fields = "deinterlac" in " ".join(steps) or "fields" in " ".join(steps)
    return size(before) == size(after) and square and not rotated and not fields \
        and before.get("color_transfer") not in HDR_TRANSFERS


def vmaf(source, before, output, after, frames):
    """Returns the mean VMAF of frames spread over a video, or None and the error."""
    every = max(1, (frames or 1) // VMAF_FRAMES)
    # Without a declared matrix it is derived from the size, as players do.
    usual = "bt709" if min(before["width"], before["height"]) > 576 else "bt601"
    known = before.get("color_space", "unknown") != "unknown"
    read = f"in_color_matrix={'auto' if known else usual}"
    like = f"{read}:out_color_matrix={after.get('color_space', 'bt709')}:out_range=tv"
    log = output + ".vmaf.json"
    chain = (f"[0:{after['index']}]setpts=PTS-STARTPTS,format=yuv420p[a];"
             f"[1:{before['index']}]setpts=PTS-STARTPTS,scale={like},format=yuv420p[b];"
             f"[a][b]libvmaf=ts_sync_mode=nearest:shortest=1:n_threads=1:n_subsample={every}:log_fmt=json:log_path={os.path.basename(log)}")
    compared = run(NEWER, "-v", "error", "-nostdin", "-i", os.path.abspath(output), "-i", os.path.abspath(source),
                 "-filter_complex", chain, "-f", "null", "-", cwd=os.path.dirname(log))
    if not os.path.exists(log):
        return None, compared.stderr.strip()[-200:]
    with open(log) as file:
        text = file.read()
    os.remove(log)
    return json.loads(text)["pooled_metrics"]["vmaf"]["mean"], ""


def decode(ffmpeg, output):
    """Returns the error output of a decoder and the number of decoded frames."""
    decoded = run(ffmpeg, "-v", "error", "-nostdin", "-i", output, "-map", "0:v:0", "-f", "null", "-",
                  "-map", "0:a:0?", "-f", "null", "-", "-progress", "-")
    frames = re.findall(r"^frame=\s*(\d+)", decoded.stdout, re.M)
    return decoded.stderr.strip(), int(frames[-1]) if frames else None


def examine(entry):
    """Returns the results of all tools for one output."""
    fixed = entry["fix"]
    source, output = os.path.join(TOP, entry["path"]), os.path.join(TOP, fixed["output"])
    row = {"path": entry["path"], "output": fixed["output"], "action": fixed["action"], "steps": fixed["steps"]}
    for name, ffmpeg in (("system", "ffmpeg"), ("newer", NEWER)):
        row[name], frames = decode(ffmpeg, output)
        row[f"{name}_frames"] = frames
    row["frames"] = (fixed["verified"] or {}).get("decoded_frames")
    row["similarity"] = (fixed["verified"] or {}).get("similarity")
    before, after = video_stream(source), video_stream(output)
    row["codec"], row["bytes"] = before["codec_name"], (before["bytes"], after["bytes"])
    row["floor"] = any("at least" in step and "bit" in step for step in fixed["steps"])
    if fixed["action"] in ("reencode", "reencode-video"):
        row["same"] = is_same_geometry(before, after, fixed["steps"])
        if row["same"]:
            row["vmaf"], row["why"] = vmaf(source, before, output, after, row["newer_frames"])
    return row


def main():
    copy_videos()
    files = fix()
    with open(os.path.join(CORPUS, "manifest.tsv")) as file:
        known = {row["sha256"] for row in csv.DictReader(file, delimiter="\t")}
    changed = [one["path"] for one in files if digest(os.path.join(TOP, one["path"])) not in known]
    fixed = [one for one in files if (one.get("fix") or {}).get("output")]
    with ThreadPoolExecutor(CORES) as pool:
        rows = list(pool.map(examine, fixed))
    rechecked = json.loads(run(os.path.abspath(GREENLIT), "check", "out", "--format", "json", "--no-cache", cwd=TOP).stdout)
    with open(os.path.join(TOP, "table.json"), "w") as file:
        json.dump(rows, file, indent=1)

    refusals = {}
    for one in files:
        if one not in fixed:
            fix_report = one.get("fix") or {}
            refusals.setdefault(fix_report.get("refusal") or one["verdict"], []).append(one["path"])
    images = len(refusals.get("still-picture", []))
    for kind, paths in sorted(refusals.items()):
        print(f"| {kind} | {len(paths)} | {' '.join(paths[:6])}{' ...' if len(paths) > 6 else ''} |")
    print(f"fixed: {len(fixed)} of {len(files) - images} videos (without {images} images), "
          f"{100 * len(fixed) / max(1, len(files) - images):.1f} %")
    print(f"sources changed: {len(changed)} {' '.join(changed)}")
    print(f"not compliant when checked again: {rechecked['summary']['noncompliant'] + rechecked['summary']['unreadable']}")
    for name in ("system", "newer"):
        failed = [row for row in rows if row[name]]
        print(f"{name} ffmpeg reports errors in {len(failed)}: {[(row['path'], row[name][:90]) for row in failed[:5]]}")
    counted = [row for row in rows if row["frames"] and row["newer_frames"] != row["frames"]]
    print(f"different frame counts: {[(row['path'], row['frames'], row['newer_frames']) for row in counted]}")
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
        ("of these without a minimum bit rate", [row for row in scored if row["codec"] == "h264" and not row["floor"]]),
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
