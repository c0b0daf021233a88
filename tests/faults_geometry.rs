//! The least loss and the best shape: borders, sizes, warnings that cost nothing.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{TestDir, entry, errors, ffprobe};
use serde_json::Value;

/// Makes two seconds of video and sound with `options`.
fn make(dir: &TestDir, size: &str, options: &str, name: &str) {
    std::fs::create_dir_all(dir.path(name).parent().unwrap()).unwrap();
    let video = format!("testsrc2=s={size}:r=30:d=2");
    let inputs = ["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", "sine=d=2:r=48000", "-ac", "2"];
    let codecs = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-bf",
        "2",
        "-b:v",
        "900k",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
    ];
    let options: Vec<&str> = options.split_whitespace().collect();
    dir.ffmpeg(&[&inputs[..], &codecs, &options, &[name]].concat());
}

fn profile(dir: &TestDir, rules: &str) {
    dir.write("house.toml", format!("id = \"house\"\nextends = \"tiktok-ads\"\n{rules}"));
}

fn fix(dir: &TestDir, options: &[&str]) -> Value {
    let args = ["fix", "in", "--profile", "house.toml", "--out", "out", "--format", "json"];
    dir.greenlit(&[&args, options].concat()).expect(0).json()
}

/// Returns the presentation times and flags of all packets, in seconds by stream.
fn packets(path: &Path) -> Vec<String> {
    let args = ["-v", "error", "-show_entries", "packet=stream_index,pts_time,flags", "-of", "csv=p=0"];
    let run = Command::new("ffprobe").args(args).arg(path).output().unwrap();
    let mut lines: Vec<String> = String::from_utf8(run.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Returns a hash of the decoded frames of a stream.
fn decoded(path: &Path, stream: &str) -> String {
    let args = ["-map", stream, "-fps_mode", "passthrough", "-f", "framemd5", "-"];
    let run = Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).args(args).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    let hash = |line: &str| line.rsplit(',').next().map(|hash| hash.trim().to_owned());
    text.lines().filter(|line| !line.starts_with('#')).filter_map(hash).collect::<Vec<_>>().join(" ")
}

fn texts(list: &Value) -> String {
    list.as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

#[test]
fn enlarges_into_the_nearest_ratio_instead_of_a_square() {
    let dir = TestDir::new();
    profile(&dir, "");
    make(&dir, "352x640", "", "in/portrait.mp4");
    make(&dir, "848x464", "", "in/landscape.mp4");
    make(&dir, "360x500", "", "in/between.mp4");
    fix(&dir, &["--upscale", "--verify", "structure"]);
    let size = |name: &str| {
        let video = &ffprobe(&dir.path(name))["streams"][0];
        (video["width"].as_u64().unwrap(), video["height"].as_u64().unwrap())
    };
    assert_eq!(size("out/portrait.mp4"), (540, 960));
    assert_eq!(size("out/landscape.mp4"), (960, 540));
    let (width, height) = size("out/between.mp4");
    assert_eq!(width * 16, height * 9, "{width}x{height}");
}

#[test]
fn remuxes_a_file_that_is_too_large_only_by_what_is_left_out() {
    let dir = TestDir::new();
    profile(&dir, "[rule.file-size]\nmax_bytes = 500000\n");
    make(&dir, "540x960", "", "in/padded.mp4");
    let mut padding = 1_500_000_u32.to_be_bytes().to_vec();
    padding.extend(b"free");
    padding.resize(1_500_000, 0);
    let mut padded = std::fs::read(dir.path("in/padded.mp4")).unwrap();
    padded.extend(&padding);
    std::fs::write(dir.path("in/padded.mp4"), padded).unwrap();
    dir.write("cover.bin", vec![7; 900_000]);
    make(&dir, "540x960", "-attach cover.bin -metadata:s:t mimetype=application/x-data", "in/attached.mkv");
    make(&dir, "540x960", "-muxrate 4M", "in/stuffed.ts");
    make(&dir, "540x960", "-map 0:v -map 1:a -map 1:a -c:a:1 pcm_s24le -ar:a:1 96000", "in/two.mov");
    let report = fix(&dir, &["--audio-track", "first"]);
    for name in ["padded.mp4", "attached.mkv", "stuffed.ts", "two.mov"] {
        let entry = entry(&report, name);
        assert!(errors(entry).contains(&"file-size"), "{name}: {entry:#}");
        assert_eq!(entry["fix"]["action"], "remux", "{name}: {:#}", entry["fix"]);
        assert_eq!(entry["fix"]["verified"]["identical_streams"], 2, "{name}");
        let output = dir.path(entry["fix"]["output"].as_str().unwrap());
        assert!(output.metadata().unwrap().len() <= 500_000, "{name}");
    }
}

#[test]
fn re_encodes_only_the_audio_if_it_alone_makes_the_file_too_large() {
    let dir = TestDir::new();
    profile(&dir, "[rule.file-size]\nmax_bytes = 500000\n");
    make(&dir, "540x960", "-c:a pcm_s24le -ar 96000", "in/wav.mov");
    let report = fix(&dir, &[]);
    let entry = entry(&report, "wav.mov");
    assert_eq!(entry["fix"]["action"], "reencode-audio", "{:#}", entry["fix"]);
    assert!(dir.path("out/wav.mp4").metadata().unwrap().len() <= 500_000);
}

#[test]
fn re_encodes_the_video_if_the_kept_streams_are_too_large() {
    let dir = TestDir::new();
    profile(&dir, "[rule.file-size]\nmax_bytes = 400000\n");
    make(&dir, "540x960", "-b:v 2000k", "in/large.mp4");
    let report = fix(&dir, &["--verify", "structure"]);
    assert_eq!(entry(&report, "large.mp4")["fix"]["action"], "reencode-video");
}

#[test]
fn a_delayed_track_with_a_varying_rate_is_remuxed_without_changing_what_is_played() {
    let dir = TestDir::new();
    profile(&dir, "");
    std::fs::create_dir(dir.path("in")).unwrap();
    // Every fifth frame is missing, and a video that starts 0.2 s after the audio; `moov` is last.
    let uneven = "-vf select=mod(n\\,5) -fps_mode vfr";
    make(&dir, "540x960", uneven, "uneven.mp4");
    dir.ffmpeg(&[
        "-itsoffset",
        "0.2",
        "-i",
        "uneven.mp4",
        "-i",
        "uneven.mp4",
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-c",
        "copy",
        "in/phone.mp4",
    ]);
    let report = fix(&dir, &[]);
    let entry = entry(&report, "phone.mp4");
    assert_eq!(entry["media"]["video"][0]["edit_list"]["delay_only"], true, "{entry:#}");
    assert_eq!(entry["media"]["video"][0]["variable_frame_rate"], true, "{entry:#}");
    assert_eq!(entry["fix"]["action"], "remux", "{:#}", entry["fix"]);
    let steps = texts(&entry["fix"]["steps"]);
    for kept in ["an edit list changes playback", "the frame rate varies"] {
        assert!(steps.contains(kept), "{steps}");
    }
    assert!(steps.contains("unchanged, because only re-encoding the video would clear it"), "{steps}");
    let remaining = texts(&entry["fix"]["verified"]["remaining"]);
    assert!(!remaining.contains("fast-start") && remaining.contains("edit-list"), "{remaining}");
    let (source, output) = (dir.path("in/phone.mp4"), dir.path("out/phone.mp4"));
    assert_eq!(packets(&source), packets(&output));
    for stream in ["0:v", "0:a"] {
        assert_eq!(decoded(&source, stream), decoded(&output, stream), "{stream}");
    }
}

#[test]
fn leaves_a_video_alone_whose_edit_list_a_new_container_would_not_keep() {
    let dir = TestDir::new();
    profile(&dir, "");
    make(&dir, "540x960", "-g 60", "in/plain.mp4");
    // The edit list begins half a second into the track, so that the first frames are decoded but not shown.
    dir.ffmpeg(&["-ss", "0.5", "-i", "in/plain.mp4", "-c", "copy", "in/cut.mp4"]);
    std::fs::remove_file(dir.path("in/plain.mp4")).unwrap();
    let report = fix(&dir, &[]);
    let entry = entry(&report, "cut.mp4");
    assert_eq!(entry["media"]["video"][0]["edit_list"]["kind"], "editing", "{entry:#}");
    assert_eq!(entry["fix"]["action"], "copy", "{:#}", entry["fix"]);
    let steps = texts(&entry["fix"]["steps"]);
    assert!(steps.contains("a new container would not keep the edit list"), "{steps}");
    assert_eq!(
        std::fs::read(dir.path("in/cut.mp4")).unwrap(),
        std::fs::read(dir.path("out/cut.mp4")).unwrap()
    );
}

#[test]
fn found_and_allowed_have_the_same_unit_and_are_not_repeated() {
    let dir = TestDir::new();
    profile(&dir, "[rule.gop-length]\nseverity = \"warning\"\nmax_s = 1\n");
    make(&dir, "540x960", "-g 60", "in/long.mp4");
    let check = ["check", "in", "--profile", "house.toml"];
    let report = dir.greenlit(&[&check[..], &["--format", "json"]].concat()).expect(0).json();
    let findings = entry(&report, "long.mp4")["findings"].as_array().unwrap().clone();
    let gop = findings.iter().find(|finding| finding["rule"] == "gop-length").unwrap();
    assert_eq!((gop["actual"].as_str(), gop["allowed"].as_str()), (Some("2 s"), Some("at most 1 s")));
    assert_eq!(gop["message"], "key frames are up to 60 frames apart (2 s)");
    let text = dir.greenlit(&[&check[..], &["--verbose"]].concat()).expect(0).stdout;
    assert!(text.contains("the index (moov) is at the end"), "{text}");
    assert!(!text.contains("found moov last"), "{text}");
}

#[test]
fn a_fixed_warning_is_shown_as_fixed_and_a_second_run_as_kept() {
    let dir = TestDir::new();
    profile(&dir, "");
    make(&dir, "540x960", "", "in/last.mp4");
    let args = ["fix", "in", "--profile", "house.toml", "--out", "out", "--verbose"];
    let first = dir.greenlit(&args).expect(0).stdout;
    assert!(first.contains("fixed    fast-start"), "{first}");
    assert!(first.contains("1 file: 1 fixed,"), "{first}");
    let second = dir.greenlit(&args).expect(0).stdout;
    assert!(second.contains("kept     remuxed"), "{second}");
    assert!(second.contains("1 file: 1 fixed by an earlier run"), "{second}");
    let report = fix(&dir, &[]);
    assert_eq!(entry(&report, "last.mp4")["fix"]["reused"], true);
    // What an earlier run did is only counted.
    let third = dir.greenlit(&args[..6]).expect(0).stdout;
    assert!(third.starts_with("1 file: 1 fixed by an earlier run"), "{third}");
}
