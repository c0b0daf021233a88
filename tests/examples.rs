//! The samples that are shipped work as they stand.
#![allow(clippy::unwrap_used)]

mod common;

use common::Desk;

fn example(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_sample_configuration_and_profile_are_read() {
    let desk = Desk::new();
    desk.write("greenlit.toml", example("greenlit.toml"));
    desk.write("profile.toml", example("profile.toml"));
    desk.put("firefox-media-bunny_hd_5s.mp4", "clip.mp4");
    desk.greenlit(&["profiles", "./profile.toml"]).expect(0);
    let run = desk.greenlit(&["check", "clip.mp4", "--profile", "./profile.toml", "--format", "json"]);
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    // Every key of the sample is known: a destination is resolved as far as its missing token.
    let run = desk
        .command(&["ship", "clip.mp4", "--to", "tiktok"])
        .env_remove("TIKTOK_ACCESS_TOKEN")
        .output()
        .unwrap();
    let run = common::Run::of(run).expect(2);
    assert!(run.stderr.contains("TIKTOK_ACCESS_TOKEN"), "{}", run.stderr);
}

#[test]
fn the_sample_manifest_passes_preflight_once_its_files_are_there() {
    let desk = Desk::new();
    let text = example("manifest.csv");
    desk.write("manifest.csv", &text);
    let run = desk.greenlit(&["ship", "manifest.csv", "--to", "sandbox"]).expect(2);
    // Nothing but the missing files is wrong with it.
    let problems = run.stderr.lines().filter(|line| line.contains("row ") && !line.contains("warning"));
    for line in problems {
        assert!(line.contains(", video:") || line.contains(", cover:"), "{line}");
    }
}

#[test]
fn the_sample_posts_pass_preflight_once_their_videos_are_there() {
    let desk = Desk::new();
    desk.write("greenlit.toml", example("greenlit.toml"));
    desk.write("posts.csv", example("posts.csv"));
    let run = desk.greenlit(&["ship", "posts.csv", "--to", "creator", "--mode", "direct"]).expect(2);
    let problems: Vec<&str> = run.stderr.lines().filter(|line| line.contains("row ")).collect();
    assert_eq!(problems.len(), 2, "{}", run.stderr);
    assert!(problems.iter().all(|line| line.contains(", video:")), "{problems:?}");
}
