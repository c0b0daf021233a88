//! Tests that a folder or a configuration from elsewhere cannot make greenlit write, delete or send what its user
//! did not ask for.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use common::ship_setup::{ShipSetup, TOKEN};
use common::{CliRun, TestDir};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn compliant_clip(dir: &TestDir) {
    dir.ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=540x960:r=30:d=3",
        "-f",
        "lavfi",
        "-i",
        "sine=d=3",
        "-ac",
        "2",
        "-ar",
        "48000",
        "-c:a",
        "aac",
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-b:v",
        "900k",
        "-movflags",
        "+faststart",
        "a.mp4",
    ]);
}

/// A folder with one compliant clip, and private files beside the folder that the command runs in.
fn clips_and_private_files() -> TestDir {
    let dir = TestDir::new();
    compliant_clip(&dir);
    dir.write("docs/thesis.txt", "years of work");
    dir.write("bashrc", "alias ls='ls -l'\n");
    dir
}

fn private_files_are_unchanged(dir: &TestDir) {
    assert_eq!(std::fs::read_to_string(dir.path("docs/thesis.txt")).unwrap(), "years of work");
    assert_eq!(std::fs::read_dir(dir.path("docs")).unwrap().count(), 1);
    assert_eq!(std::fs::read_to_string(dir.path("bashrc")).unwrap(), "alias ls='ls -l'\n");
}

fn trial(dir: &TestDir) -> CliRun {
    let args = ["ship", "a.mp4", "--to", "sandbox", "--until", "ready", "--sandbox-processing", "0s..0s"];
    CliRun::of(dir.command(&args).output().unwrap())
}

#[test]
fn a_state_folder_that_is_a_link_is_refused() {
    let dir = clips_and_private_files();
    symlink(dir.path("docs"), dir.path(".greenlit")).unwrap();
    let run = trial(&dir).expect(2);
    assert!(run.stderr.contains(".greenlit is a link"), "{}", run.stderr);
    private_files_are_unchanged(&dir);
}

#[test]
fn links_inside_the_state_folder_lead_nowhere() {
    for (link, target) in [
        ("sandbox", "docs"),
        ("sandbox/tmp", "docs"),
        ("sandbox/files", "docs"),
        ("sandbox/uploads", "docs"),
        ("sandbox/uploads/1", "bashrc"),
        ("sandbox/journal.jsonl", "bashrc"),
        ("sandbox/lock", "bashrc"),
        ("sandbox/requests.ndjson", "bashrc"),
        ("sandbox/journal.db", "bashrc"),
        ("sandbox/journal.db-wal", "bashrc"),
        ("sandbox/journal.db.lock", "bashrc"),
        ("artifacts", "docs"),
        ("artifacts/tiktok-ads", "docs"),
    ] {
        let dir = clips_and_private_files();
        let planted = dir.path(&format!(".greenlit/{link}"));
        std::fs::create_dir_all(planted.parent().unwrap()).unwrap();
        symlink(dir.path(target), &planted).unwrap();
        let run = trial(&dir).expect(2);
        assert!(run.stderr.contains("is a link"), "{link}: {}", run.stderr);
        private_files_are_unchanged(&dir);
    }
}

#[test]
fn a_record_of_fixes_that_is_a_link_is_not_written_to() {
    for link in ["out/.greenlit/fix.jsonl", "out/.greenlit", ".greenlit/fix.jsonl"] {
        let dir = clips_and_private_files();
        let (target, planted) = (if link.ends_with("jsonl") { "bashrc" } else { "docs" }, dir.path(link));
        std::fs::create_dir_all(planted.parent().unwrap()).unwrap();
        symlink(dir.path(target), &planted).unwrap();
        // The file name is a command of the shell.
        std::fs::rename(dir.path("a.mp4"), dir.path("$(touch PLANTED).mp4")).unwrap();
        let state = dir.path("state");
        let mut command = dir.command(&["fix", "$(touch PLANTED).mp4", "--out", "out"]);
        CliRun::of(command.env("XDG_STATE_HOME", state).output().unwrap()).expect(0);
        private_files_are_unchanged(&dir);
        assert!(dir.path("out/$(touch PLANTED).mp4").is_file(), "{link}");
    }
}

#[test]
fn a_state_folder_is_closed_to_other_users() {
    let dir = clips_and_private_files();
    std::fs::create_dir(dir.path(".greenlit")).unwrap();
    set_mode(&dir.path(".greenlit"), 0o755);
    trial(&dir).expect(0);
    assert_eq!(mode(&dir.path(".greenlit")), 0o700);
    assert_eq!(mode(&dir.path(".greenlit/sandbox/journal.db")), 0o600);
    assert_eq!(mode(&dir.path(".greenlit/sandbox/journal.db.lock")), 0o600);
    assert_eq!(mode(&dir.path(".greenlit/sandbox/journal.jsonl")), 0o600);
    dir.greenlit(&["fix", "a.mp4", "--out", "out"]).expect(0);
    assert_eq!(mode(&dir.path("out/.greenlit")), 0o700);
    assert_eq!(mode(&dir.path("out/.greenlit/fix.jsonl")), 0o600);
}

#[test]
fn outputs_and_reports_have_the_permissions_that_the_mask_leaves() {
    for (mask, expected) in [("077", 0o600), ("022", 0o644), ("002", 0o664)] {
        let dir = clips_and_private_files();
        let script = format!("umask {mask}; exec \"$0\" \"$@\"");
        let inner =
            dir.command(&["fix", "a.mp4", "--out", "out", "--format", "json", "--output", "report.json"]);
        let mut command = std::process::Command::new("sh");
        command.arg("-c").arg(script).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(dir.root());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        CliRun::of(command.output().unwrap()).expect(0);
        assert_eq!(mode(&dir.path("out/a.mp4")), expected, "{mask}");
        assert_eq!(mode(&dir.path("report.json")), expected, "{mask}");
    }
}

#[test]
fn a_found_configuration_that_everybody_may_change_is_refused_and_a_named_one_is_used() {
    let dir = clips_and_private_files();
    dir.write("greenlit.toml", "[check]\nprofile = [\"tiktok-ads\"]\n");
    set_mode(&dir.path("greenlit.toml"), 0o666);
    let run = dir.greenlit(&["check", "a.mp4"]).expect(2);
    assert!(run.stderr.contains("greenlit.toml") && run.stderr.contains("--config"), "{}", run.stderr);
    dir.greenlit(&["check", "a.mp4", "--config", "greenlit.toml"]).expect(0);
    set_mode(&dir.path("greenlit.toml"), 0o644);
    dir.greenlit(&["check", "a.mp4"]).expect(0);
}

#[test]
fn a_configuration_of_another_user_is_refused_with_its_owner() {
    let dir = clips_and_private_files();
    dir.write("greenlit.toml", "[check]\n");
    // Without the right to give a file away, the unit test of the owner's check stands alone.
    if std::os::unix::fs::chown(dir.path("greenlit.toml"), Some(65_533), None).is_ok() {
        for args in [&["check", "a.mp4"][..], &["explain", "duration"], &["status"]] {
            let run = dir.greenlit(args).expect(2);
            assert!(run.stderr.contains("65533") && run.stderr.contains("greenlit.toml"), "{}", run.stderr);
        }
    }
}

#[test]
fn a_token_goes_to_a_foreign_host_only_if_it_is_typed() {
    let setup = ShipSetup::new(&[]);
    compliant_clip(&setup.dir);
    setup.manifest(&[("a.mp4", "Ad A")]);
    let config = std::fs::read_to_string(setup.dir.path("greenlit.toml")).unwrap();
    let url = format!("http://127.0.0.1:{}/open_api/v1.3", setup.port);
    setup.dir.write("greenlit.toml", config.replace(&url, "https://collector.example/open_api/v1.3"));
    let run = CliRun::of(setup.ship(&[]).output().unwrap()).expect(2);
    assert!(
        run.stderr.contains("nothing was sent") && run.stderr.contains("collector.example"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--base-url"), "{}", run.stderr);
    assert!(!run.stderr.contains(TOKEN), "{}", run.stderr);
    // A dry run would ask the destination nothing, but its plan would be shipped later.
    CliRun::of(setup.ship(&["--dry-run"]).output().unwrap()).expect(2);
    let run = CliRun::of(setup.ship(&["--base-url", &url]).output().unwrap()).expect(0);
    assert_eq!(setup.ads().len(), 1);
    let told = "connecting to 127.0.0.1: token from the environment variable TEST_TOKEN, configuration ";
    assert!(run.stderr.contains(told) && run.stderr.contains("greenlit.toml"), "{}", run.stderr);
}

#[test]
fn a_plan_does_not_choose_a_foreign_host() {
    let setup = ShipSetup::new(&[]);
    compliant_clip(&setup.dir);
    setup.manifest(&[("a.mp4", "Ad A")]);
    CliRun::of(setup.ship(&["--dry-run", "--output", "plan.json"]).output().unwrap()).expect(0);
    let plan = std::fs::read_to_string(setup.dir.path("plan.json")).unwrap();
    let mut plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let order = plan.as_object_mut().unwrap().iter_mut().find(|(_, value)| value["destination"].is_object());
    order.unwrap().1["destination"]["base_url"] = "https://collector.example/".into();
    setup.dir.write("plan.json", serde_json::to_vec(&plan).unwrap());
    let mut command = setup.dir.command(&["ship", "--plan", "plan.json"]);
    let run = CliRun::of(command.env("TEST_TOKEN", TOKEN).output().unwrap()).expect(2);
    assert!(
        run.stderr.contains("nothing was sent") && run.stderr.contains("collector.example"),
        "{}",
        run.stderr
    );
}

/// A listener that overwrites `victim` with other bytes as soon as greenlit has begun to work on `slow`.
fn replace_during_work(dir: &TestDir, victim: &'static str) -> std::thread::JoinHandle<()> {
    let (out, victim) = (dir.path("out"), dir.path(victim));
    std::thread::spawn(move || {
        // The first staging file shows that everything was checked and that an encode runs.
        let works = || {
            std::fs::read_dir(&out).is_ok_and(|mut entries| {
                entries.any(|entry| {
                    entry.is_ok_and(|entry| entry.file_name().to_string_lossy().ends_with(".part"))
                })
            })
        };
        for _ in 0..12_000 {
            if works() {
                std::fs::write(&victim, "this is no video at all").unwrap();
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("no work was seen");
    })
}

#[test]
fn a_source_that_is_replaced_after_its_check_is_neither_copied_nor_called_compliant() {
    let dir = clips_and_private_files();
    // One job at a time: the remux, which is shorter, comes before the copy of the larger file.
    dir.ffmpeg(&["-i", "a.mp4", "-c", "copy", "-f", "matroska", "slow.mkv"]);
    dir.ffmpeg(&["-stream_loop", "9", "-i", "a.mp4", "-c", "copy", "-movflags", "+faststart", "good.mp4"]);
    let writer = replace_during_work(&dir, "good.mp4");
    let run =
        dir.greenlit(&["fix", "slow.mkv", "good.mp4", "--out", "out", "--jobs", "1", "--format", "json"]);
    writer.join().unwrap();
    let report = run.expect(2).json();
    let good = common::entry(&report, "good.mp4");
    let told = good.to_string();
    assert!(told.contains("changed") && told.contains("run again"), "{told}");
    assert!(!dir.path("out/good.mp4").exists());
    assert!(dir.path("out/slow.mkv.mp4").exists() || dir.path("out/slow.mp4").exists());
}

#[test]
fn a_manifest_names_files_outside_its_folder_only_with_consent() {
    let setup = ShipSetup::new(&[]);
    let private = tempfile::tempdir().unwrap();
    compliant_clip(&setup.dir);
    let secret = private.path().join("private.mp4");
    std::fs::rename(setup.dir.path("a.mp4"), &secret).unwrap();
    symlink(&secret, setup.dir.path("link.mp4")).unwrap();
    for video in [secret.to_str().unwrap(), "link.mp4"] {
        setup.manifest(&[(video, "Ad A")]);
        let run = CliRun::of(setup.ship(&[]).output().unwrap()).expect(2);
        assert!(run.stderr.contains("line 2") && run.stderr.contains("--allow-outside"), "{}", run.stderr);
        assert!(setup.effects("video_created").is_empty());
        CliRun::of(setup.ship(&["--dry-run"]).output().unwrap()).expect(2);
    }
    CliRun::of(setup.ship(&["--allow-outside"]).output().unwrap()).expect(0);
    assert_eq!(setup.ads().len(), 1);
}

#[test]
fn a_token_file_that_others_can_read_gives_a_warning() {
    let setup = ShipSetup::new(&[]);
    compliant_clip(&setup.dir);
    setup.manifest(&[("a.mp4", "Ad A")]);
    setup.dir.write("token", TOKEN);
    for (bits, warned) in [(0o644, true), (0o600, false)] {
        set_mode(&setup.dir.path("token"), bits);
        let run = CliRun::of(setup.ship(&["--token-file", "token"]).output().unwrap()).expect(0);
        assert_eq!(run.stderr.contains("other users can read the access token"), warned, "{}", run.stderr);
        assert!(!run.stderr.contains(TOKEN));
    }
}

#[test]
fn a_log_is_not_appended_to_a_video() {
    let dir = clips_and_private_files();
    let before = std::fs::read(dir.path("a.mp4")).unwrap();
    std::fs::copy(dir.path("a.mp4"), dir.path("other.mp4")).unwrap();
    for args in [
        &["ship", "a.mp4", "--to", "sandbox", "--until", "ready", "--events", "other.mp4"][..],
        &["ship", "a.mp4", "--to", "sandbox", "--until", "ready", "--sandbox-log", "other.mp4"],
        &["sandbox", "--listen", "127.0.0.1:0", "--state", "s", "--log", "other.mp4"],
    ] {
        let run = CliRun::of(dir.command(args).output().unwrap()).expect(2);
        assert!(run.stderr.contains("other.mp4 is an existing media file"), "{}", run.stderr);
        assert_eq!(std::fs::read(dir.path("other.mp4")).unwrap(), before, "{args:?}");
    }
}
