//! Profiles that extend one another.
#![allow(clippy::unwrap_used)]

mod common;

use common::TestDir;

/// Returns the limits of a profile as `profiles` shows them.
fn page(dir: &TestDir, name: &str) -> String {
    dir.greenlit(&["profiles", name]).expect(0).stdout
}

#[test]
fn a_profile_extends_a_file_by_its_path_relative_to_the_profile() {
    let dir = TestDir::new();
    let base = "id = \"company\"\ntitle = \"Company\"\nextends = \"tiktok-ads\"\n[rule.duration]\nmin_s = 7\n[rule.hdr]\noff = true\n";
    dir.write("shared/company.toml", base);
    dir.write(
        "team/house.toml",
        "id = \"house\"\nextends = \"../shared/company.toml\"\n[rule.duration]\nmax_s = 9\n",
    );
    let limits = page(&dir, "team/house.toml");
    assert!(limits.starts_with("house: Company"), "{limits}");
    let line = |rule: &str| limits.lines().find(|line| line.starts_with(rule));
    let duration = line("duration").unwrap();
    assert!(duration.contains('7') && duration.contains('9'), "{duration}");
    assert_eq!(line("hdr "), None);
    assert!(line("video-codec").is_some(), "what the built-in profile has: {limits}");
}

#[test]
fn profiles_that_extend_one_another_in_a_circle_are_refused() {
    let dir = TestDir::new();
    dir.write("a.toml", "id = \"a\"\nextends = \"b.toml\"\n");
    dir.write("b.toml", "id = \"b\"\nextends = \"./a.toml\"\n");
    let run = dir.greenlit(&["profiles", "a.toml"]).expect(2);
    assert!(run.stderr.contains("in a circle: a.toml, b.toml, then ./a.toml again"), "{}", run.stderr);
}

#[test]
fn a_profile_that_extends_a_missing_file_or_an_unknown_name_is_refused() {
    let dir = TestDir::new();
    for (name, reason) in [
        ("missing.toml", "the profile c.toml extends missing.toml, which cannot be read"),
        ("shared/missing", "the profile c.toml extends shared/missing, which cannot be read"),
        ("tiktok-add", "no profile has that name"),
    ] {
        dir.write("c.toml", format!("id = \"c\"\nextends = \"{name}\"\n"));
        let run = dir.greenlit(&["profiles", "c.toml"]).expect(2);
        assert!(run.stderr.contains("c.toml") && run.stderr.contains(reason), "{}", run.stderr);
    }
}

#[test]
fn an_error_in_an_extended_profile_names_its_file() {
    let dir = TestDir::new();
    dir.write("base.toml", "id = \"base\"\n[rule.duration]\nmax = 9\n");
    dir.write("house.toml", "id = \"house\"\nextends = \"base.toml\"\n");
    let run = dir.greenlit(&["profiles", "house.toml"]).expect(2);
    assert!(
        run.stderr.contains("base.toml cannot be used") && run.stderr.contains("`rule.duration.max`"),
        "{}",
        run.stderr
    );
}
