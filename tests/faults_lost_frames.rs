//! Frames that are lost within a video are found, with their times, by check, by fix and by its verification alike.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestDir, entry};
use serde_json::Value;

const X264: &str = "-c:v libx264 -preset ultrafast -g 30 -keyint_min 30 -sc_threshold 0";
const X265: &str = "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=0:keyint=30";

/// Makes a video of three seconds with a frame rate of 30 and audio.
fn encode(dir: &TestDir, name: &str, video: &str) {
    let input =
        "-f lavfi -i testsrc2=s=540x960:r=30:d=3 -f lavfi -i sine=d=3 -ac 2 -ar 48000 -pix_fmt yuv420p";
    let command = format!("{input} -b:v 900k {video} -c:a aac -movflags +faststart {name}");
    dir.ffmpeg(&command.split(' ').collect::<Vec<_>>());
}

/// Copies a video without the frames from number `from` to number `to` in decode order.
fn drop_frames(dir: &TestDir, source: &str, name: &str, from: u32, to: u32) {
    let filter = format!("noise=amount=0:drop='between(n,{from},{to})'");
    dir.ffmpeg(&["-i", source, "-c", "copy", "-bsf:v", &filter, "-movflags", "+faststart", name]);
}

fn check(dir: &TestDir, name: &str, options: &[&str]) -> Value {
    let run = dir.greenlit(&[&["check", name, "--format", "json", "--no-cache"], options].concat());
    entry(&run.json(), name).clone()
}

fn fix(dir: &TestDir, name: &str, options: &[&str]) -> Value {
    let args = ["fix", name, "--out", "out", "--format", "json", "--no-cache", "--no-progress"];
    entry(&dir.greenlit(&[&args, options].concat()).json(), name)["fix"].clone()
}

fn findings<'a>(entry: &'a Value, rule: &str, severity: &str) -> Vec<&'a str> {
    let findings = entry["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["rule"] == rule && finding["severity"] == severity)
        .map(|finding| finding["message"].as_str().unwrap())
        .collect()
}

#[test]
fn one_lost_reference_frame_is_found_and_needs_consent() {
    let dir = TestDir::new();
    encode(&dir, "plain.mp4", X264);
    encode(&dir, "pyramid.mp4", &format!("{X264} -bf 3 -x264-params b-pyramid=normal"));
    encode(&dir, "slices.mp4", &format!("{X264} -x264-params slices=4"));
    encode(&dir, "hevc.mp4", X265);
    for source in ["plain", "pyramid", "slices", "hevc"] {
        for container in ["mp4", "mkv", "ts"] {
            let name = format!("{source}-lost.{container}");
            drop_frames(&dir, &format!("{source}.mp4"), &name, 40, 40);
            let deep = check(&dir, &name, &["--deep"]);
            let found = findings(&deep, "integrity", "error");
            assert!(
                found.iter().any(|text| text.starts_with("1 frame is missing that others refer to (at ")),
                "{name}: {found:?}"
            );
            let refused = fix(&dir, &name, &[]);
            assert_eq!(refused["refusal"], "needs-conceal", "{name}: {refused:#}");
            assert!(
                refused["reason"].as_str().unwrap().contains("1 frame is missing that others refer to (at "),
                "{name}"
            );
        }
        // Where packets are read anyway, no decode is needed.
        let plain = check(&dir, &format!("{source}-lost.mkv"), &[]);
        assert_eq!(findings(&plain, "integrity", "error").len(), 1, "{plain:#}");
        let loss = &plain["media"]["video"][0]["lost_frames"][0];
        assert_eq!((&loss["kind"], &loss["count"]), (&"missing-reference".into(), &1.into()));
    }
}

#[test]
fn lost_references_are_concealed_counted_and_timed_with_consent() {
    let dir = TestDir::new();
    encode(&dir, "plain.mp4", X264);
    drop_frames(&dir, "plain.mp4", "lost.mp4", 40, 41);
    let fixed = fix(&dir, "lost.mp4", &["--conceal"]);
    let verified = &fixed["verified"];
    assert_eq!(verified["verdict"], "compliant", "{fixed:#}");
    let concealed = &verified["concealed"];
    assert_eq!(concealed["error_count"], 2);
    let error = &concealed["errors"][0];
    assert_eq!(error["kind"], "missing-reference");
    assert!((error["at_s"].as_f64().unwrap() - 1.4).abs() < 0.05, "{error:#}");
}

#[test]
fn a_lost_key_frame_in_mid_stream_is_not_compliant() {
    let dir = TestDir::new();
    encode(&dir, "plain.mp4", X264);
    encode(&dir, "open.mp4", &format!("{X264} -bf 3 -x264-params open-gop=1"));
    encode(&dir, "hevc.mp4", X265);
    for source in ["plain", "open", "hevc"] {
        for container in ["mp4", "mkv"] {
            let name = format!("{source}-lost.{container}");
            drop_frames(&dir, &format!("{source}.mp4"), &name, 30, 40);
            let deep = check(&dir, &name, &["--deep"]);
            assert_eq!(deep["verdict"], "noncompliant", "{name}");
            assert!(!findings(&deep, "integrity", "error").is_empty(), "{name}: {deep:#}");
            assert_eq!(fix(&dir, &name, &[])["action"], "refused", "{name}");
        }
    }
}

#[test]
fn frames_that_are_missing_in_a_constant_rate_are_named_with_their_time() {
    let dir = TestDir::new();
    encode(&dir, "other.mkv", "-c:v mpeg4 -g 30 -bf 0");
    drop_frames(&dir, "other.mkv", "lost.mkv", 35, 37);
    let found = check(&dir, "lost.mkv", &[]);
    let warnings = findings(&found, "integrity", "warning");
    assert!(warnings[0].starts_with("3 frames seem to be missing (at 1.1"), "{warnings:?}");
}

#[test]
fn healthy_structures_of_references_raise_no_alarm() {
    let dir = TestDir::new();
    let variants = [
        ("open", format!("{X264} -bf 3 -x264-params open-gop=1:b-pyramid=strict")),
        ("refresh", format!("{X264} -x264-params intra-refresh=1:keyint=20")),
        ("fields", format!("{X264} -flags +ildct+ilme -x264-params tff=1:weightp=2")),
        ("refs", format!("{X264} -refs 8 -bf 8 -x264-params b-pyramid=normal:weightb=1:weightp=2")),
        ("hevc", format!("{X265}:open-gop=1:bframes=6:b-pyramid=1:ref=5")),
        ("layers", format!("{X265}:temporal-layers=1:bframes=4:b-pyramid=1")),
    ];
    for (name, options) in &variants {
        let (mp4, mkv, ts) = (format!("{name}.mp4"), format!("{name}.mkv"), format!("{name}.ts"));
        encode(&dir, &mp4, options);
        dir.ffmpeg(&["-i", &mp4, "-c", "copy", &mkv]);
        dir.ffmpeg(&["-i", &mp4, "-c", "copy", &ts]);
        // A cut at a key frame in the middle leaves leading frames without their references, hidden or not.
        let cut = format!("{name}-cut.mp4");
        dir.ffmpeg(&["-ss", "1.4", "-i", &mp4, "-c", "copy", &cut]);
        for file in [&mp4, &mkv, &ts, &cut] {
            let deep = check(&dir, file, &["--deep"]);
            // A cut within a gradual refresh has a start of its own, which is a fault.
            if file == "refresh-cut.mp4" {
                let [start] = findings(&deep, "integrity", "error")[..] else { panic!("{deep:#}") };
                assert!(start.contains("the video can be shown from"), "{start}");
                continue;
            }
            let found: Vec<_> =
                ["error", "warning"].iter().flat_map(|s| findings(&deep, "integrity", s)).collect();
            assert!(found.is_empty(), "{file}: {found:?}");
        }
    }
}
