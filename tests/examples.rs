//! Tests that the files in `examples` work unchanged.
#![allow(clippy::unwrap_used)]

mod common;

use common::TestDir;

fn example(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_example_configuration_and_profile_are_read() {
    let dir = TestDir::new();
    dir.write("greenlit.toml", example("greenlit.toml"));
    dir.write("profile.toml", example("profile.toml"));
    dir.put("firefox-media-bunny_hd_5s.mp4", "clip.mp4");
    dir.greenlit(&["profiles", "./profile.toml"]).expect(0);
    let run = dir.greenlit(&["check", "clip.mp4", "--profile", "./profile.toml", "--format", "json"]);
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    // If every key of the example is valid, only the token is missing.
    let run = dir
        .command(&["ship", "clip.mp4", "--to", "tiktok"])
        .env_remove("TIKTOK_ACCESS_TOKEN")
        .output()
        .unwrap();
    let run = common::CliRun::of(run).expect(2);
    assert!(run.stderr.contains("TIKTOK_ACCESS_TOKEN"), "{}", run.stderr);
}

#[test]
fn the_example_manifest_has_no_problem_except_missing_files() {
    let dir = TestDir::new();
    let text = example("manifest.csv");
    dir.write("manifest.csv", &text);
    let run = dir.greenlit(&["ship", "manifest.csv", "--to", "sandbox"]).expect(2);
    let problems = run.stderr.lines().filter(|line| line.contains("line ") && !line.contains("warning"));
    for line in problems {
        assert!(line.contains(", video:") || line.contains(", cover:"), "{line}");
    }
}

#[test]
fn the_example_posts_have_no_problem_except_missing_videos() {
    let dir = TestDir::new();
    dir.write("greenlit.toml", example("greenlit.toml"));
    dir.write("posts.csv", example("posts.csv"));
    let run = dir.greenlit(&["ship", "posts.csv", "--to", "creator", "--mode", "direct"]).expect(2);
    let problems: Vec<&str> = run.stderr.lines().filter(|line| line.contains("line ")).collect();
    assert_eq!(problems.len(), 2, "{}", run.stderr);
    assert!(problems.iter().all(|line| line.contains(", video:")), "{problems:?}");
}
