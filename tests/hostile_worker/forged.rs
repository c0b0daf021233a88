//! A worker that lies: forged and absurd messages cost its file, and what a file makes of its worker concerns no other
//! file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use super::common::{CliRun, TestDir, entry};
use super::{ORDINARY, Scene, WORKER, compile};

/// A folder with a worker that loads the forger, with these variables.
fn forger(dir: &TestDir, variables: &str) {
    compile("forger.c", &dir.path("forger.so"));
    let preload = dir.path("forger.so");
    let script = format!(
        "#!/bin/sh\nexport {variables}\nexport LD_PRELOAD='{}'\nexec '{WORKER}' \"$@\"\n",
        preload.display()
    );
    let wrapper = dir.write("worker", script);
    fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What a worker says unasked, and whether its file can still be checked.
const LIES: [(&str, bool); 10] = [
    ("flood", true),
    ("descriptors", true),
    ("too-long", false),
    ("not JSON", false),
    (r#"{"Hello":{"library":"","encoders":[],"separate_process":true,"in_force":[],"refused":[]}}"#, false),
    (r#"{"Ended":{"status":0}}"#, false),
    (r#"{"Forked":{"pid":1}}"#, false),
    (r#"{"Done":{"Ok":{"output":"tried"}}}"#, false),
    (r#"{"Done":{"Ok":{"output":"fixed","results":[]}}}"#, false),
    (r#"{"Progress":{"done_s":1e400,"total_s":null,"frames":0}}"#, false),
];

fn lies_cost_their_file_only(user: Option<u32>) {
    let Scene { dir } = Scene::new();
    fs::create_dir(dir.path("in")).unwrap();
    for name in ["in/a.mp4", "in/b.mp4"] {
        fs::copy(dir.path("clip.mp4"), dir.path(name)).unwrap();
    }
    for (lie, readable) in LIES {
        forger(&dir, &format!("FORGER_MESSAGE='{lie}'"));
        if let Some(user) = user {
            Scene::give(dir.root(), user);
        }
        for args in [
            &["check", "--probe", "ffmpeg", "in"][..],
            &["check", "--deep", "in"],
            &[
                "fix",
                "in",
                "--probe",
                "ffmpeg",
                "--out",
                "out",
                "--upscale",
                "--extend",
                "loop",
                "--preset",
                "superfast",
            ],
        ] {
            let mut command = dir.command(args);
            command.args(["--jobs", "1", "--no-cache", "--no-progress", "--format", "json"]);
            command.env("GREENLIT_WORKER", dir.path("worker"));
            if let Some(user) = user {
                command.uid(user).gid(user);
            }
            let run = CliRun::of(command.output().unwrap());
            assert!(!run.stderr.contains("panicked"), "{lie}, {args:?}: {}", run.stderr);
            let report = run.json();
            assert_eq!(report["files"].as_array().unwrap().len(), 2, "{lie}, {args:?}: {report}");
            for name in ["in/a.mp4", "in/b.mp4"] {
                let entry = entry(&report, name);
                let codec = &entry["media"]["video"][0]["codec"];
                assert_eq!(codec == "h264", readable, "{lie}, {args:?}: {entry}");
                assert!(readable || entry["fix"]["output"].is_null(), "{lie}, {args:?}: {entry}");
            }
        }
        let _ = fs::remove_dir_all(dir.path("out"));
    }
}

#[test]
fn a_lie_of_a_worker_costs_its_file() {
    lies_cost_their_file_only(None);
}

#[test]
fn a_lie_of_a_worker_of_an_ordinary_user_costs_its_file() {
    if rustix::process::getuid().is_root() {
        lies_cost_their_file_only(Some(ORDINARY));
    }
}

/// Makes a video of 6 s of this size, whose bytes contain `title`.
fn video(dir: &TestDir, name: &str, size: &str, title: &str) {
    dir.write(name, "");
    let video = format!("testsrc2=size={size}:rate=25:duration=6");
    let audio = "sine=frequency=440:duration=6";
    let title = format!("title={title}");
    dir.ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        &video,
        "-f",
        "lavfi",
        "-i",
        audio,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-b:v",
        "900k",
        "-c:a",
        "aac",
        "-movflags",
        "+faststart",
        "-metadata",
        &title,
        "-shortest",
        name,
    ]);
}

/// Appends a box that players skip, so that the file has `size` bytes.
fn pad(dir: &TestDir, name: &str, size: usize) {
    let mut bytes = fs::read(dir.path(name)).unwrap();
    let added = size - bytes.len();
    bytes.extend((added as u32).to_be_bytes());
    bytes.extend(b"free");
    bytes.resize(size, 0);
    fs::write(dir.path(name), bytes).unwrap();
}

/// A marked file takes over its worker, which would read a decoy in place of any file that follows.
#[test]
fn a_worker_that_a_file_took_over_meets_no_later_file() {
    let dir = TestDir::new();
    video(&dir, "in/a-marked.mp4", "540x960", "GREENLIT-TEST-MARK");
    video(&dir, "in/b-small.mp4", "320x568", "small");
    video(&dir, "decoy.mp4", "540x960", "decoy");
    let bytes = |name: &str| fs::metadata(dir.path(name)).unwrap().len() as usize;
    let size = bytes("decoy.mp4").max(bytes("in/b-small.mp4")) + 4096;
    pad(&dir, "decoy.mp4", size);
    pad(&dir, "in/b-small.mp4", size);
    let run = |args: &[&str]| {
        let mut command = dir.command(args);
        command.args(["--jobs", "1", "--no-cache", "--no-progress", "--format", "json"]);
        command.args(["--profile", "tiktok-ads"]);
        command.env("GREENLIT_WORKER", dir.path("worker"));
        CliRun::of(command.output().unwrap()).json()
    };
    let verdict = |report: &serde_json::Value| entry(report, "in/b-small.mp4")["verdict"].clone();
    let decoy = format!("FORGER_DECOY='{}'", dir.path("decoy.mp4").display());
    forger(&dir, &decoy);
    for command in [
        &["check", "in"][..],
        &["check", "--probe", "ffmpeg", "in"],
        &["check", "--deep", "in"],
        &["fix", "--probe", "ffmpeg", "in", "--out", "out"],
    ] {
        assert_eq!(verdict(&run(command)), "noncompliant", "{command:?}");
    }
    // What the marked file does to itself is not defended; it is honest here.
    assert!(dir.path("out/a-marked.mp4").exists());
    assert!(!dir.path("out/b-small.mp4").exists());
    // The forgery works in a worker that is taken over, and another one shows it before anything is published.
    forger(&dir, &format!("FORGER_LIES=1 {decoy}"));
    assert_eq!(verdict(&run(&["check", "--probe", "ffmpeg", "in/b-small.mp4"])), "compliant");
    let report = run(&["fix", "--probe", "ffmpeg", "in/b-small.mp4", "--out", "out"]);
    let small = entry(&report, "in/b-small.mp4");
    assert!(small["fix"]["output"].is_null() && small.to_string().contains("different facts"), "{small}");
    assert!(!dir.path("out/b-small.mp4").exists());
}
