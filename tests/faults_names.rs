//! Names of files: odd bytes, names alone as the fault, and outputs that would share a name.
#![allow(clippy::unwrap_used)]

mod common;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use common::{TestDir, entry};
use serde_json::Value;

/// Makes a compliant second of video.
fn make(dir: &TestDir, name: &str) {
    std::fs::create_dir_all(dir.path(name).parent().unwrap()).unwrap();
    let inputs =
        ["-f", "lavfi", "-i", "testsrc2=s=540x960:r=30:d=1.2", "-f", "lavfi", "-i", "sine=d=1.2:r=48000"];
    let codecs =
        ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "900k", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    let muxer = if name.ends_with("mp4") { ["-movflags", "+faststart"] } else { ["-fflags", "+genpts"] };
    dir.ffmpeg(&[&inputs[..], &["-ac", "2"], &codecs, &muxer, &[name]].concat());
}

fn fix(dir: &TestDir, path: &str, code: i32) -> Value {
    dir.greenlit(&["fix", path, "--out", "out", "--format", "json"]).expect(code).json()
}

fn output(report: &Value, name: &str) -> String {
    entry(report, name)["fix"]["output"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_name_that_is_not_utf8_is_fixed_and_remembered() {
    let dir = TestDir::new();
    make(&dir, "plain.mp4");
    make(&dir, "plain.mkv");
    std::fs::create_dir(dir.path("in")).unwrap();
    let odd = |name: &[u8]| dir.path("in").join(OsStr::from_bytes(name));
    std::fs::rename(dir.path("plain.mp4"), odd(b"caf\xe9.mp4")).unwrap();
    std::fs::copy(odd(b"caf\xe9.mp4"), odd(b"caf\xe8.mp4")).unwrap();
    std::fs::rename(dir.path("plain.mkv"), odd(b"b\xff.mkv")).unwrap();
    fix(&dir, "in", 0);
    for name in [&b"caf\xe9.mp4"[..], b"caf\xe8.mp4", b"b\xff.mp4"] {
        assert!(dir.path("out").join(OsStr::from_bytes(name)).is_file(), "{}", name.escape_ascii());
    }
    let again = fix(&dir, "in", 0);
    for file in again["files"].as_array().unwrap() {
        assert_eq!(file["fix"]["reused"], true, "{file:#}");
    }
}

#[test]
fn a_fault_of_the_name_alone_ends_green_in_every_format() {
    let dir = TestDir::new();
    make(&dir, "in/a.mp4");
    let long = format!("in/{}.mp4", "x".repeat(120));
    for name in ["in/noext", "in/photo.jpg", &long] {
        std::fs::copy(dir.path("in/a.mp4"), dir.path(name)).unwrap();
    }
    std::fs::remove_file(dir.path("in/a.mp4")).unwrap();
    let report = fix(&dir, "in", 0);
    assert_eq!(report["summary"]["fixed"], 3, "{:#}", report["summary"]);
    for file in report["files"].as_array().unwrap() {
        assert_eq!(file["fix"]["verified"]["verdict"], "compliant", "{file:#}");
        assert!(dir.path(file["fix"]["output"].as_str().unwrap()).is_file());
    }
    let formatted =
        |format: &str| dir.greenlit(&["fix", "in", "--out", "out", "--format", format]).expect(0).stdout;
    let human = formatted("human");
    assert!(human.contains("3 fixed by an earlier run") && !human.contains("What to do"), "{human}");
    assert!(formatted("junit").contains("tests=\"3\" failures=\"0\" errors=\"0\""));
    let github = formatted("github");
    assert!(!github.contains("::error"), "{github}");
    assert!(formatted("html").contains("nothing needs attention"));
    let sarif: Value = serde_json::from_str(&formatted("sarif")).unwrap();
    for result in
        sarif["runs"][0]["results"].as_array().unwrap().iter().filter(|result| result["level"] == "error")
    {
        assert_eq!(result["suppressions"][0]["status"], "accepted", "{result:#}");
    }
}

#[test]
fn of_two_sources_with_one_output_name_one_gets_a_longer_name() {
    let dir = TestDir::new();
    make(&dir, "in/clip.mkv");
    let first = fix(&dir, "in", 0);
    assert_eq!(output(&first, "clip.mkv"), "out/clip.mp4");
    let bytes = std::fs::read(dir.path("out/clip.mp4")).unwrap();

    // The source that has the extension claims the name; the other output is made anew.
    make(&dir, "in/clip.mp4");
    let second = fix(&dir, "in", 0);
    assert_eq!(output(&second, "clip.mp4"), "out/clip.mp4");
    assert_eq!(output(&second, "clip.mkv"), "out/clip.mkv.mp4");
    let steps = entry(&second, "clip.mkv")["fix"]["steps"].to_string();
    assert!(steps.contains("made anew under the longer name clip.mkv.mp4"), "{steps}");
    assert_eq!(std::fs::read(dir.path("out/clip.mkv.mp4")).unwrap(), bytes);
    assert_eq!(
        std::fs::read(dir.path("out/clip.mp4")).unwrap(),
        std::fs::read(dir.path("in/clip.mp4")).unwrap()
    );

    // Fixed by itself, the other one does not take the name back.
    let alone = fix(&dir, "in/clip.mkv", 0);
    assert_eq!(output(&alone, "clip.mkv"), "out/clip.mkv.mp4");
    assert_eq!(entry(&alone, "clip.mkv")["fix"]["reused"], true);
    assert_eq!(
        std::fs::read(dir.path("out/clip.mp4")).unwrap(),
        std::fs::read(dir.path("in/clip.mp4")).unwrap()
    );
}

#[test]
fn an_output_made_before_keeps_its_name_beside_another_foreign_extension() {
    let dir = TestDir::new();
    make(&dir, "in/clip.mkv");
    fix(&dir, "in", 0);
    make(&dir, "in/clip.ts");
    let report = fix(&dir, "in", 0);
    assert_eq!(output(&report, "clip.mkv"), "out/clip.mp4");
    assert_eq!(entry(&report, "clip.mkv")["fix"]["reused"], true);
    assert_eq!(output(&report, "clip.ts"), "out/clip.ts.mp4");
}

#[test]
fn names_that_only_some_file_systems_distinguish_are_refused_with_both_names() {
    let dir = TestDir::new();
    make(&dir, "in/caf\u{e9}.mp4");
    std::fs::copy(dir.path("in/caf\u{e9}.mp4"), dir.path("in/cafe\u{301}.mp4")).unwrap();
    std::fs::copy(dir.path("in/caf\u{e9}.mp4"), dir.path("in/A.mp4")).unwrap();
    std::fs::copy(dir.path("in/caf\u{e9}.mp4"), dir.path("in/a.mp4")).unwrap();
    let report = fix(&dir, "in", 1);
    for file in report["files"].as_array().unwrap() {
        assert_eq!(file["fix"]["refusal"], "same-name", "{file:#}");
    }
    let reason = entry(&report, "A.mp4")["fix"]["reason"].as_str().unwrap();
    assert!(reason.contains("in/A.mp4") && reason.contains("in/a.mp4"), "{reason}");
    let reason = entry(&report, "caf\u{e9}.mp4")["fix"]["reason"].as_str().unwrap();
    assert!(reason.contains("caf\\u{e9}.mp4") && reason.contains("cafe\\u{301}.mp4"), "{reason}");
    assert!(!dir.path("out").exists() || std::fs::read_dir(dir.path("out")).unwrap().count() == 0);
}
