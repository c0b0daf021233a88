//! Each key of `[check]` and `[fix]` has an effect: a run with it differs from the same run without it.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::TestDir;
use serde_json::Value;

/// Keys that change neither a report nor an output.
const WITHOUT_TRACE: [&str; 1] = [
    // Only how many files are processed at the same time.
    "check.jobs",
];

/// A key that is set, with the input and the limits under which it matters.
struct Case {
    key: &'static str,
    value: &'static str,
    input: fn(&TestDir),
    limits: &'static str,
    args: &'static [&'static str],
}

const CHECK: &[&str] = &["check", "in", "--format", "json", "--no-progress"];
/// A check that needs a worker.
const PROBE: &[&str] = &["check", "in", "--probe", "ffmpeg", "--format", "json", "--no-progress"];
const FIX: &[&str] =
    &["fix", "in", "--out", "out", "--format", "json", "--no-progress", "--preset", "superfast"];
/// `fix` without the options that a case sets by its key.
const FIX_BARE: &[&str] = &["fix", "in", "--out", "out", "--format", "json", "--no-progress"];

const CASES: &[Case] = &[
    Case { key: "check.profile", value: "[\"youtube\"]", input: clip, limits: "", args: CHECK },
    Case { key: "check.select", value: "[\"duration\"]", input: clip, limits: "", args: CHECK },
    Case { key: "check.ignore", value: "[\"duration\"]", input: clip, limits: LONG, args: CHECK },
    Case { key: "check.deep", value: "true", input: black, limits: "", args: CHECK },
    Case { key: "check.limits_old_after", value: "1", input: clip, limits: "", args: CHECK },
    Case { key: "check.isolation", value: "\"off\"", input: clip, limits: "", args: PROBE },
    Case { key: "check.probe", value: "\"ffmpeg\"", input: clip, limits: "", args: CHECK },
    Case { key: "check.time_limit", value: "\"1us\"", input: clip, limits: "", args: PROBE },
    Case {
        key: "fix.out",
        value: "\"elsewhere\"",
        input: clip,
        limits: "",
        args: &["fix", "in", "--format", "json"],
    },
    Case { key: "fix.fit", value: "\"crop\"", input: clip, limits: SQUARE, args: FIX },
    Case { key: "fix.trim", value: "true", input: clip, limits: SHORT, args: FIX },
    Case { key: "fix.extend", value: "\"freeze\"", input: clip, limits: LONG, args: FIX },
    Case { key: "fix.upscale", value: "true", input: clip, limits: LARGE, args: FIX },
    Case { key: "fix.add_silence", value: "true", input: silent, limits: WITH_AUDIO, args: FIX },
    Case { key: "fix.audio_track", value: "\"2\"", input: two_tracks, limits: "", args: FIX },
    Case { key: "fix.from_key_frame", value: "true", input: without_first_frames, limits: "", args: FIX },
    Case { key: "fix.conceal", value: "true", input: damaged, limits: "", args: FIX },
    Case { key: "fix.background", value: "\"ff0000\"", input: clip, limits: SQUARE, args: FIX },
    Case { key: "fix.encoder", value: "\"nvenc\"", input: clip, limits: SQUARE, args: FIX },
    Case { key: "fix.preset", value: "\"superfast\"", input: clip, limits: SQUARE, args: FIX_BARE },
    Case { key: "fix.quality", value: "40", input: clip, limits: SQUARE, args: FIX },
    Case { key: "fix.verify", value: "\"off\"", input: clip, limits: SQUARE, args: FIX },
];

const SHORT: &str = "[override.duration]\nmax_s = 1\n";
const LONG: &str = "[override.duration]\nmin_s = 4\nmax_s = 60\n";
const SQUARE: &str = "[override.aspect-ratio]\nallow = [\"1:1\"]\n";
const LARGE: &str = "[override.resolution]\nmin_side = 600\n";
const WITH_AUDIO: &str = "[override.audio-stream]\nrequired = true\n";

fn encode(dir: &TestDir, more: &[&str], name: &str) {
    std::fs::create_dir_all(dir.path("in")).unwrap();
    let video = ["-f", "lavfi", "-i", "testsrc2=s=960x540:r=30:d=2"];
    let coded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "1M"];
    dir.ffmpeg(&[&video[..], more, &coded, &[name]].concat());
}

const TONE: [&str; 4] = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2"];

fn clip(dir: &TestDir) {
    encode(dir, &[&TONE[..], &["-c:a", "aac", "-movflags", "+faststart"]].concat(), "in/clip.mp4");
}

fn black(dir: &TestDir) {
    encode(dir, &["-vf", "drawbox=c=black:t=fill", "-movflags", "+faststart"], "in/clip.mp4");
}

fn silent(dir: &TestDir) {
    encode(dir, &["-movflags", "+faststart"], "in/clip.mp4");
}

fn two_tracks(dir: &TestDir) {
    let other = ["-f", "lavfi", "-i", "sine=frequency=3000:duration=2"];
    let maps = ["-map", "0", "-map", "1", "-map", "2", "-c:a", "aac"];
    encode(dir, &[&TONE[..], &other, &maps].concat(), "in/clip.mkv");
}

/// A transport stream that was recorded from the middle of a group of pictures.
fn without_first_frames(dir: &TestDir) {
    encode(dir, &[&TONE[..], &["-c:a", "aac", "-g", "30"]].concat(), "in/clip.ts");
    let path = dir.path("in/clip.ts");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[bytes.len() / 188 / 4 * 188..]).unwrap();
}

/// A video with one frame that does not decode.
fn damaged(dir: &TestDir) {
    encode(dir, &["-g", "1", "-x264-params", "slices=1"], "in/clip.mov");
    let path = dir.path("in/clip.mov");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 400].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
}

/// Returns everything that a run of the case leaves: exit code, messages, report and outputs.
fn trace(case: &Case, with_key: bool) -> (Option<i32>, String, Value, BTreeSet<(String, String)>) {
    let dir = TestDir::new();
    (case.input)(&dir);
    let (table, key) = case.key.split_once('.').unwrap();
    let set = if with_key { format!("{key} = {}\n", case.value) } else { String::new() };
    dir.write("greenlit.toml", format!("[{table}]\n{set}{}", case.limits));
    let run = dir.command(case.args).output().unwrap();
    let mut report: Value = serde_json::from_slice(&run.stdout).unwrap_or_default();
    report["summary"]["elapsed_s"].take();
    let mut outputs = BTreeSet::new();
    for folder in ["out", "elsewhere"] {
        for entry in std::fs::read_dir(dir.path(folder)).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_file() {
                let content = blake3::hash(&std::fs::read(entry.path()).unwrap()).to_hex().to_string();
                outputs.insert((entry.file_name().to_string_lossy().into_owned(), content));
            }
        }
    }
    (run.status.code(), String::from_utf8_lossy(&run.stderr).into_owned(), report, outputs)
}

#[test]
fn each_key_changes_what_a_run_does() {
    for case in CASES {
        let (without, with) = (trace(case, false), trace(case, true));
        assert!(!with.1.contains("unknown key"), "{}: {}", case.key, with.1);
        assert_ne!(without, with, "{} has no effect", case.key);
    }
}

#[test]
fn a_run_without_a_change_of_keys_leaves_the_same() {
    let case = CASES.iter().find(|case| case.key == "fix.fit").unwrap();
    assert_eq!(trace(case, true), trace(case, true));
}

#[test]
fn every_key_has_a_case() {
    let source = include_str!("../src/cli/config_tables.rs");
    let fields = |table: &'static str, name: &str| {
        let start = source.find(&format!("pub struct {name} {{")).unwrap();
        let body = source[start..].split_once("\n}").unwrap().0;
        let keys: Vec<String> = body
            .lines()
            .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'))
            .map(|(key, _)| format!("{table}.{key}"))
            .collect();
        assert!(keys.len() > 5, "{keys:?}");
        keys
    };
    let keys = [fields("check", "CheckConfig"), fields("fix", "FixConfig")].concat();
    for key in keys {
        let known = CASES.iter().any(|case| case.key == key) || WITHOUT_TRACE.contains(&key.as_str());
        assert!(known, "`{key}` has no case");
    }
}
