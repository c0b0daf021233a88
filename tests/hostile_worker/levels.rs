//! A system that cannot isolate workers: the run ends, unless an option consents.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::common::{CliRun, TestDir};
use super::{WORKER, compile};

/// Landlock's first call; the same number on every processor.
const LANDLOCK: &str = "444";
/// `seccomp`, on x86-64 and 64-bit ARM.
const SECCOMP: &str = if cfg!(target_arch = "x86_64") { "317" } else { "277" };

/// A folder with a video and a worker that thinks the system lacks `calls`.
fn weak_system(calls: &str) -> TestDir {
    let dir = TestDir::new();
    dir.put("npm-vide-ocean.mp4", "clip.mp4");
    compile("weak.c", &dir.path("weak.so"));
    let script = format!(
        "#!/bin/sh\nexport WEAK_CALLS=',{calls},' LD_PRELOAD='{}'\nexec '{WORKER}' \"$@\"\n",
        dir.path("weak.so").display()
    );
    let wrapper = dir.write("worker", script);
    fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn run(dir: &TestDir, args: &[&str]) -> CliRun {
    CliRun::of(dir.command(args).env("GREENLIT_WORKER", dir.path("worker")).output().unwrap())
}

#[test]
fn a_run_ends_where_a_required_barrier_is_missing() {
    for (calls, barrier) in [(LANDLOCK, "landlock"), (SECCOMP, "seccomp")] {
        let dir = weak_system(calls);
        for args in [
            &["check", "clip.mp4", "--probe", "ffmpeg", "--format", "json"][..],
            &["check", "clip.mp4", "--deep"],
            &["fix", "clip.mp4", "--out", "out", "--no-progress"],
            &["profile", "from", "clip.mp4"],
            &["check", "clip.mp4", "--probe", "ffmpeg", "--isolation", "required"],
        ] {
            let run = run(&dir, args).expect(2);
            assert!(run.stderr.contains(barrier), "{args:?}: {}", run.stderr);
            assert!(run.stderr.contains("--isolation best-effort"), "{args:?}: {}", run.stderr);
            assert_eq!(run.stderr.lines().count(), 1, "{args:?}: {}", run.stderr);
            assert_eq!(run.stdout, "", "{args:?}");
        }
        assert!(!dir.path("out/clip.mp4").exists());
    }
}

#[test]
fn consent_is_stated_once_and_in_the_report() {
    let dir = weak_system(LANDLOCK);
    let args = [
        "check",
        "clip.mp4",
        "--probe",
        "ffmpeg",
        "--isolation",
        "best-effort",
        "--no-progress",
        "--format",
        "json",
    ];
    for _ in 0..2 {
        let run = run(&dir, &args).expect(0);
        assert_eq!(run.stderr.matches("landlock").count(), 1, "{}", run.stderr);
        let tool = &run.json()["tool"];
        let refused: Vec<_> =
            tool["isolation_refused"].as_array().unwrap().iter().filter_map(|it| it.as_str()).collect();
        assert!(refused.iter().any(|refused| refused.starts_with("landlock: ")), "{tool}");
        assert!(tool["landlock_abi"].is_null(), "{tool}");
        assert!(tool["isolation"].as_array().unwrap().iter().any(|name| name == "seccomp"), "{tool}");
    }
    // A run that requires isolation does not take what was found without.
    run(&dir, &["check", "clip.mp4", "--probe", "ffmpeg"]).expect(2);
}

#[test]
fn every_format_states_what_is_missing() {
    let dir = weak_system(LANDLOCK);
    for format in ["human", "json", "ndjson", "junit", "sarif", "github", "html"] {
        let args = [
            "check",
            "clip.mp4",
            "--probe",
            "ffmpeg",
            "--isolation",
            "best-effort",
            "--no-cache",
            "--format",
            format,
        ];
        let run = run(&dir, &args).expect(0);
        assert!(run.stdout.contains("landlock: "), "{format}: {}", run.stdout);
    }
}

#[test]
fn the_configuration_can_consent() {
    let dir = weak_system(LANDLOCK);
    dir.write("greenlit.toml", "[check]\nisolation = \"best-effort\"\n");
    run(&dir, &["check", "clip.mp4", "--probe", "ffmpeg"]).expect(0);
    run(&dir, &["check", "clip.mp4", "--probe", "ffmpeg", "--isolation", "required"]).expect(2);
    dir.write("greenlit.toml", "[check]\nisolation = \"best-efort\"\n");
    let run = run(&dir, &["check", "clip.mp4", "--probe", "ffmpeg"]).expect(2);
    assert!(run.stderr.contains("did you mean `best-effort`"), "{}", run.stderr);
}

#[test]
fn doctor_fails_where_a_required_barrier_is_missing() {
    let dir = weak_system(LANDLOCK);
    let run_doctor = run(&dir, &["doctor"]).expect(2);
    let line = run_doctor.stdout.lines().find(|line| line.contains("required barrier")).unwrap();
    assert!(line.starts_with("FAIL") && line.contains("landlock"), "{line}");
    let run_doctor = run(&dir, &["doctor", "--isolation", "best-effort"]);
    let line = run_doctor.stdout.lines().find(|line| line.contains("required barrier")).unwrap();
    assert!(line.starts_with("ok"), "{line}");
}
