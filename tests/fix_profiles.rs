//! A folder fixed for several destinations at once.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::Desk;
use common::stage::{files, make_webm};
use serde_json::Value;

const HOUSE: &str = "id = \"house\"\nextends = \"tiktok-ads\"\n";
/// Encodes at another rate.
const SMALL: &str =
    "id = \"small\"\nextends = \"tiktok-ads\"\n[rule.frame-rate]\nseverity = \"error\"\nmax = 24\n";
/// Nothing of two seconds gets so small.
const TINY: &str =
    "id = \"tiny\"\nextends = \"tiktok-ads\"\n[rule.file-size]\nseverity = \"error\"\nmax_bytes = 3000\n";

fn desk() -> Desk {
    let desk = Desk::new();
    make_webm(&desk, "in/pattern.webm", 2);
    desk.put("firefox-media-bunny_hd_5s.mp4", "in/bunny.mp4");
    desk.ffmpeg(&["-i", "in/bunny.mp4", "-t", "3", "-c", "copy", "in/index-last.mov"]);
    for (name, text) in [("house", HOUSE), ("small", SMALL), ("tiny", TINY)] {
        desk.write(&format!("{name}.toml"), text);
    }
    desk
}

fn fix(desk: &Desk, out: &str, profiles: &[&str], code: i32) -> Value {
    let mut args = vec!["fix", "in", "--format", "json", "--out", out];
    profiles.iter().for_each(|profile| args.extend(["--profile", profile]));
    desk.greenlit(&args).expect(code).json()
}

fn contents(desk: &Desk, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let top = desk.path(folder);
    let read = |path: &PathBuf| std::fs::read(path).unwrap();
    files(&top).iter().map(|path| (path.strip_prefix(&top).unwrap().to_owned(), read(path))).collect()
}

#[test]
fn every_profile_gets_what_it_would_get_alone() {
    let desk = desk();
    let profiles = ["tiktok-ads", "house.toml", "small.toml", "youtube"];
    let report = fix(&desk, "together", &profiles, 0);
    assert_eq!(report["files"].as_array().unwrap().len(), 3 * profiles.len());
    let together = contents(&desk, "together");
    let encoded = |profile: &str| &together[&PathBuf::from(profile).join("pattern.mp4")];
    assert!(encoded("house") == encoded("tiktok-ads"), "the same plan");
    assert!(encoded("small") != encoded("tiktok-ads"), "another plan");
    for (profile, folder) in profiles.iter().zip(["tiktok-ads", "house", "small", "youtube"]) {
        fix(&desk, "alone", &[profile], 0);
        let alone = contents(&desk, "alone");
        let shared = contents(&desk, &format!("together/{folder}"));
        assert!(!alone.is_empty() && alone == shared, "{folder}: {:?}", alone.keys());
        std::fs::remove_dir_all(desk.path("alone")).unwrap();
    }
    let again = fix(&desk, "together", &profiles, 0);
    assert_eq!(again["files"], report["files"], "taken over from the run before");
    assert!(contents(&desk, "together") == together);
}

#[test]
fn an_output_that_fails_takes_no_other_along() {
    let desk = desk();
    let report = fix(&desk, "out", &["tiny.toml", "tiktok-ads", "house.toml"], 1);
    let made = contents(&desk, "out");
    for file in report["files"].as_array().unwrap() {
        let tiny = file["profile"] == "tiny";
        let stands = file["fix"]["output"].as_str().is_some();
        assert_eq!(stands, !tiny, "{file:#}");
        assert!(!tiny || file["fix"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{file:#}");
    }
    assert!(made.keys().all(|path| !path.starts_with("tiny")), "{:?}", made.keys());
    assert_eq!(made.keys().filter(|path| path.starts_with("house")).count(), 3);
}
