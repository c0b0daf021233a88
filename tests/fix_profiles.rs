//! `fix` for several profiles in one run.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::TestDir;
use common::ship_setup::{files, make_webm};
use serde_json::Value;

const HOUSE: &str = "id = \"house\"\nextends = \"tiktok-ads\"\n";
/// Encodes at another frame rate.
const SMALL: &str =
    "id = \"small\"\nextends = \"tiktok-ads\"\n[rule.frame-rate]\nseverity = \"error\"\nmax = 24\n";
/// Allows a file size that no output of two seconds reaches.
const TINY: &str =
    "id = \"tiny\"\nextends = \"tiktok-ads\"\n[rule.file-size]\nseverity = \"error\"\nmax_bytes = 3000\n";

fn test_dir() -> TestDir {
    let dir = TestDir::new();
    make_webm(&dir, "in/pattern.webm", 2);
    dir.put("firefox-media-bunny_hd_5s.mp4", "in/bunny.mp4");
    dir.ffmpeg(&["-i", "in/bunny.mp4", "-t", "3", "-c", "copy", "in/index-last.mov"]);
    for (name, text) in [("house", HOUSE), ("small", SMALL), ("tiny", TINY)] {
        dir.write(&format!("{name}.toml"), text);
    }
    dir
}

fn fix(dir: &TestDir, out: &str, profiles: &[&str], code: i32) -> Value {
    let mut args = vec!["fix", "in", "--format", "json", "--out", out];
    profiles.iter().for_each(|profile| args.extend(["--profile", profile]));
    dir.greenlit(&args).expect(code).json()
}

/// Returns the outputs in a folder.
fn contents(dir: &TestDir, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let top = dir.path(folder);
    let read = |path: &PathBuf| std::fs::read(path).unwrap();
    let named =
        files(&top).into_iter().map(|path| (path.strip_prefix(&top).unwrap().to_owned(), read(&path)));
    // The record of the outputs is beside them.
    named.filter(|(name, _)| !name.starts_with(".greenlit")).collect()
}

#[test]
fn several_profiles_give_the_same_outputs_as_separate_runs() {
    let dir = test_dir();
    let profiles = ["tiktok-ads", "house.toml", "small.toml", "youtube"];
    let report = fix(&dir, "together", &profiles, 0);
    assert_eq!(report["files"].as_array().unwrap().len(), 3 * profiles.len());
    let together = contents(&dir, "together");
    let encoded = |profile: &str| &together[&PathBuf::from(profile).join("pattern.mp4")];
    assert!(encoded("house") == encoded("tiktok-ads"), "the same plan gives the same file");
    assert!(encoded("small") != encoded("tiktok-ads"), "another plan gives another file");
    for (profile, folder) in profiles.iter().zip(["tiktok-ads", "house", "small", "youtube"]) {
        fix(&dir, "alone", &[profile], 0);
        let alone = contents(&dir, "alone");
        let shared = contents(&dir, &format!("together/{folder}"));
        assert!(!alone.is_empty() && alone == shared, "{folder}: {:?}", alone.keys());
        std::fs::remove_dir_all(dir.path("alone")).unwrap();
    }
    let again = fix(&dir, "together", &profiles, 0);
    for (again, first) in again["files"].as_array().unwrap().iter().zip(report["files"].as_array().unwrap()) {
        assert_eq!(again["fix"]["reused"], true, "{again:#}");
        let mut expected = first.clone();
        expected["fix"]["reused"] = true.into();
        assert_eq!(again, &expected, "reused from the previous run");
    }
    assert!(contents(&dir, "together") == together);
}

#[test]
fn a_failed_output_does_not_affect_others() {
    let dir = test_dir();
    let report = fix(&dir, "out", &["tiny.toml", "tiktok-ads", "house.toml"], 1);
    let outputs = contents(&dir, "out");
    for file in report["files"].as_array().unwrap() {
        let tiny = file["profile"] == "tiny";
        let has_output = file["fix"]["output"].as_str().is_some();
        assert_eq!(has_output, !tiny, "{file:#}");
        assert!(!tiny || file["fix"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{file:#}");
    }
    assert!(outputs.keys().all(|path| !path.starts_with("tiny")), "{:?}", outputs.keys());
    assert_eq!(outputs.keys().filter(|path| path.starts_with("house")).count(), 3);
}
