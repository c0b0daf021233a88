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
