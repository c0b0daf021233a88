//! What is called compliant decodes, little damage needs consent, and each failure names whose fault it is.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::{TestDir, entry};
use serde_json::Value;

/// Makes a compliant video of three seconds, or another one with the changed arguments at the end.
fn video(dir: &TestDir, name: &str, last: &[&str]) -> PathBuf {
    let mut args = vec!["-f", "lavfi", "-i", "testsrc2=s=540x960:r=30:d=3", "-f", "lavfi", "-i", "sine=d=3"];
    args.extend(["-ac", "2", "-ar", "48000", "-c:a", "aac", "-pix_fmt", "yuv420p", "-c:v", "libx264"]);
    args.extend(["-preset", "ultrafast", "-b:v", "900k", "-g", "15", "-movflags", "+faststart"]);
    args.extend(last);
    args.push(name);
    dir.ffmpeg(&args);
    dir.path(name)
}

/// Flips bytes of the media data, evenly spaced, from the share `from` of it on.
fn flip(path: &Path, count: usize, from: f64) {
    let mut bytes = std::fs::read(path).unwrap();
    let find = |what: &[u8]| bytes.windows(4).position(|four| four == what);
    let begin = find(b"mdat").unwrap() + 8;
    let end = find(b"moov").filter(|moov| *moov > begin).unwrap_or(bytes.len());
    let first = begin + ((end - begin) as f64 * from) as usize;
    for n in 0..count {
        let at = first + (end - first) * n / count;
        for byte in &mut bytes[at..(at + 12).min(end)] {
            *byte ^= 0xff;
        }
    }
    std::fs::write(path, bytes).unwrap();
}

fn fix(dir: &TestDir, args: &[&str], code: i32) -> Value {
    let mut all = vec!["fix", "--out", "out", "--format", "json", "--no-progress"];
    all.extend(args);
    dir.greenlit(&all).expect(code).json()
}

#[track_caller]
fn assert_refused(report: &Value, name: &str, class: &str, words: &[&str]) {
    let fix = &entry(report, name)["fix"];
    assert_eq!((&fix["action"], &fix["refusal"]), (&"refused".into(), &class.into()), "{fix:#}");
    let reason = fix["reason"].as_str().unwrap();
    for word in words {
        assert!(reason.contains(word), "{word}: {reason}");
    }
}

#[test]
fn a_damaged_copy_is_refused_with_the_times_of_its_errors() {
    let dir = TestDir::new();
    flip(&video(&dir, "copied.mp4", &[]), 60, 0.01);
    flip(&video(&dir, "remuxed.mov", &["-movflags", "-faststart"]), 60, 0.01);
    let report = fix(&dir, &["copied.mp4", "remuxed.mov"], 1);
    for name in ["copied.mp4", "remuxed.mov"] {
        assert_refused(&report, name, "damaged-source", &["packets do not decode (at ", "--conceal"]);
        assert!(entry(&report, name)["fix"]["output"].is_null());
    }
    let report = fix(&dir, &["--verify", "structure", "copied.mp4"], 0);
    assert_eq!(entry(&report, "copied.mp4")["fix"]["action"], "copy");
}

#[test]
fn a_healthy_copy_is_decoded_once_and_remembered_by_its_bytes() {
    let dir = TestDir::new();
    let first = video(&dir, "first.mp4", &[]);
    let report = fix(&dir, &["first.mp4"], 0);
    let verified = &entry(&report, "first.mp4")["fix"]["verified"];
    assert_eq!((&verified["decoded_frames"], &verified["decode_errors"]), (&90.into(), &0.into()));
    std::fs::create_dir(dir.path("elsewhere")).unwrap();
    std::fs::copy(&first, dir.path("elsewhere/second.mp4")).unwrap();
    let report = fix(&dir, &["elsewhere/second.mp4"], 0);
    let verified = &entry(&report, "second.mp4")["fix"]["verified"];
    assert!(verified["decoded_frames"].is_null(), "decoded again: {verified:#}");
    // Other bytes under a known name are decoded.
    flip(&dir.path("elsewhere/second.mp4"), 60, 0.01);
    let report = fix(&dir, &["elsewhere/second.mp4"], 1);
    assert_refused(&report, "second.mp4", "damaged-source", &[]);
}

#[test]
fn a_full_decode_by_check_is_remembered_too() {
    let dir = TestDir::new();
    video(&dir, "a.mp4", &[]);
    // Younger files are not cached: a change within the resolution of the time stamps would go unnoticed.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    dir.greenlit(&["check", "--deep", "a.mp4", "--no-progress"]).expect(0);
    let report = fix(&dir, &["a.mp4"], 0);
    assert!(entry(&report, "a.mp4")["fix"]["verified"]["decoded_frames"].is_null(), "{report:#}");
}

#[test]
fn little_damage_needs_consent_and_is_concealed_and_counted() {
    let dir = TestDir::new();
    flip(&video(&dir, "copied.mp4", &[]), 2, 0.3);
    flip(&video(&dir, "remuxed.mov", &["-movflags", "-faststart"]), 2, 0.3);
    flip(&video(&dir, "encoded.mov", &["-c:v", "mpeg4", "-q:v", "3"]), 2, 0.3);
    let names = ["copied.mp4", "remuxed.mov", "encoded.mov"];
    let report = fix(&dir, &names, 1);
    for name in names {
        assert_refused(&report, name, "needs-conceal", &["--conceal", " do", "decode (at "]);
    }
    let mut args = vec!["--conceal"];
    args.extend(names);
    let report = fix(&dir, &args, 0);
    for name in names {
        let verified = &entry(&report, name)["fix"]["verified"];
        assert_eq!(verified["decode_errors"], 0, "{report:#}");
        let concealed = &verified["concealed"];
        assert!(concealed["error_count"].as_u64().unwrap() >= 1, "{concealed:#}");
        assert!(concealed["errors"][0]["at_s"].as_f64().is_some(), "{concealed:#}");
    }
}

#[test]
fn damage_that_a_lenient_decoder_hides_is_found() {
    let dir = TestDir::new();
    let x265 = ["-c:v", "libx265", "-x265-params", "log-level=none", "-tag:v", "hvc1"];
    video(&dir, "healthy.mp4", &x265);
    flip(&video(&dir, "copied.mp4", &x265), 30, 0.05);
    let report = fix(&dir, &["healthy.mp4", "copied.mp4"], 1);
    assert_eq!(entry(&report, "healthy.mp4")["fix"]["action"], "copy");
    assert_eq!(entry(&report, "copied.mp4")["fix"]["action"], "refused", "{report:#}");
}

#[test]
fn an_undecodable_source_is_refused() {
    let dir = TestDir::new();
    let path = video(&dir, "png.mov", &["-c:v", "png", "-pix_fmt", "rgb24", "-t", "0.5"]);
    flip(&path, 400, 0.0);
    let report = fix(&dir, &["png.mov"], 1);
    let words = ["no video frame could be decoded", "export the original again"];
    assert_refused(&report, "png.mov", "unreadable", &words);
}

#[test]
fn an_unknown_codec_in_a_profile_is_rejected_before_any_work() {
    let dir = TestDir::new();
    video(&dir, "a.mp4", &[]);
    let text = "id = \"p\"\nextends = \"tiktok-ads\"\n[rule.video-codec]\nallow = [\"h265\"]\n";
    dir.write("p.toml", text);
    let run = dir.greenlit(&["fix", "a.mp4", "--profile", "p.toml", "--out", "out", "--no-progress"]);
    assert!(run.stderr.contains("unknown codec `h265`; did you mean `hevc`?"), "{}", run.stderr);
    assert_eq!(run.code, Some(2));
    assert!(!dir.path("out").exists());
}

#[test]
fn a_pipe_is_not_taken_for_damaged_media() {
    let dir = TestDir::new();
    let made = std::process::Command::new("mkfifo").arg(dir.path("pipe.mp4")).status().unwrap();
    assert!(made.success());
    // A problem of the path, as a missing file is.
    let run = dir.greenlit(&["check", "pipe.mp4", "--no-progress"]).expect(2);
    assert!(run.stderr.contains("pipe.mp4") && run.stderr.contains("named pipe"), "{run:?}");
    assert!(!run.stdout.contains("Transfer or export"), "{run:?}");
}
