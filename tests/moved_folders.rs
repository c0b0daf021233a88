//! Campaigns and output folders that were copied or moved: the next run goes on where the last one stopped.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{read, read_to_string};
use std::path::PathBuf;
use std::process::Command;

use common::one_ad::{crash, run};
use common::ship_setup::files;
use common::{CliRun, TestDir, entry};
use md5::{Digest, Md5};
use serde_json::Value;

/// Makes a campaign of one ad, whose video needs a remux, in the folder `one`.
fn campaign() -> TestDir {
    let dir = TestDir::new();
    std::fs::create_dir(dir.path("one")).unwrap();
    let source = "-f lavfi -i testsrc2=s=540x960:r=30:d=3 -f lavfi -i sine=d=3 -ac 2 -ar 48000 -c:a aac \
                  -pix_fmt yuv420p -c:v libx264 -preset ultrafast -b:v 900k one/a.mkv";
    dir.ffmpeg(&source.split_whitespace().collect::<Vec<_>>());
    let manifest = "video,adgroup_id,ad_name,identity_type,identity_id,ad_text,call_to_action,landing_page_url,\
                    display_name,cover\na.mkv,1800000000000000001,one,CUSTOMIZED_USER,1700000000000000001,Look,\
                    LEARN_MORE,https://www.example.com/,Brand,\n";
    dir.write("one/ads.csv", manifest);
    dir.write("one/greenlit.toml", "");
    dir
}

const SHIP: [&str; 11] = [
    "ship",
    "ads.csv",
    "--to",
    "sandbox",
    "--landing-page-check",
    "off",
    "--sandbox-processing",
    "100ms..200ms",
    "--sandbox-log",
    "log.ndjson",
    "--format=json",
];

/// Ships the campaign in the folder `name`.
fn ship(dir: &TestDir, name: &str) -> Command {
    let mut command = dir.command(&SHIP);
    command.current_dir(dir.path(name)).env_remove("GREENLIT_CRASH_AT");
    command
}

fn copy(dir: &TestDir, options: &str, from: &str, to: &str) {
    let copied = Command::new("cp").args([options, from, to]).current_dir(dir.root()).status().unwrap();
    assert!(copied.success());
}

/// Returns the videos and the ads that the sandbox of the campaign created.
fn created(dir: &TestDir, name: &str) -> [Vec<Value>; 2] {
    let log = read_to_string(dir.path(name).join("log.ndjson")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let effects: Vec<Value> = lines.filter(|line: &Value| line["effect"].is_string()).collect();
    ["video_created", "ad_created"]
        .map(|kind| effects.iter().filter(|line| line["effect"] == kind).cloned().collect())
}

#[track_caller]
fn assert_once(dir: &TestDir, name: &str) {
    assert_eq!(created(dir, name).map(|effects| effects.len()), [1, 1], "{name}");
}

/// Returns the videos that were made for shipping.
fn artifacts(dir: &TestDir, name: &str) -> Vec<PathBuf> {
    let made = files(&dir.path(name).join(".greenlit/artifacts"));
    made.into_iter().filter(|path| !path.to_string_lossy().contains("/covers/")).collect()
}

fn fixed(run: &CliRun, name: &str) -> Value {
    entry(&run.json(), name)["fix"].clone()
}

#[test]
fn a_copied_or_moved_campaign_goes_on() {
    let dir = campaign();
    run(ship(&dir, "one")).expect(0);
    assert_once(&dir, "one");
    // New inodes, with the times of the originals and with new ones.
    copy(&dir, "-a", "one", "two");
    copy(&dir, "-r", "one", "three");
    for name in ["two", "three", "moved"] {
        // While the copies run, the original still exists.
        if name == "moved" {
            std::fs::rename(dir.path("one"), dir.path("moved")).unwrap();
        }
        let again = run(ship(&dir, name)).expect(0);
        assert_eq!(fixed(&again, "a.mkv")["reused"], true, "{name}: {}", again.stdout);
        assert_eq!(artifacts(&dir, name).len(), 1, "{name}");
        assert_once(&dir, name);
    }
}

#[test]
fn the_folder_of_the_configuration_may_be_given_by_another_path() {
    let dir = campaign();
    let ship_in = |name: &str| {
        let path = |file: &str| dir.path(name).canonicalize().unwrap().join(file).display().to_string();
        let (manifest, log, config) = (path("ads.csv"), path("log.ndjson"), path("greenlit.toml"));
        let mut args = SHIP.to_vec();
        (args[1], args[9]) = (&manifest, &log);
        args.extend(["--config", &config]);
        fixed(&dir.greenlit(&args).expect(0), "a.mkv")["reused"].clone()
    };
    assert_eq!(ship_in("one"), false);
    std::fs::rename(dir.path("one"), dir.path("moved")).unwrap();
    // Videos and ads of an unknown sandbox would be asked for; those of the journal are not.
    let asked = |name: &str| {
        let log = read_to_string(dir.path(name).join("log.ndjson")).unwrap();
        log.lines().filter(|line| line.contains("/ad/get/")).count()
    };
    let before = asked("moved");
    assert_eq!(ship_in("moved"), true);
    assert_eq!(run(ship(&dir, "moved")).expect(0).json()["files"][0]["fix"]["reused"], true);
    assert_eq!(asked("moved"), before);
    assert_eq!(artifacts(&dir, "moved").len(), 1);
    assert_once(&dir, "moved");
}

#[test]
fn a_copy_of_a_half_done_campaign_goes_on() {
    for point in ["upload.after_intent:1", "upload.after_send_before_receipt:1"] {
        let dir = campaign();
        crash(ship(&dir, "one"), point);
        copy(&dir, "-a", "one", "two");
        let again = run(ship(&dir, "two")).expect(0);
        assert_eq!(fixed(&again, "a.mkv")["reused"], true, "{point}: {}", again.stdout);
        assert_once(&dir, "two");
    }
}

#[test]
fn a_changed_artifact_in_the_copy_is_made_anew_and_not_sent() {
    let dir = campaign();
    crash(ship(&dir, "one"), "upload.after_intent:1");
    let made = read(&artifacts(&dir, "one")[0]).unwrap();
    let (mut flipped, cut) = (made.clone(), Vec::new());
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    for (name, changed) in [("flipped", flipped), ("cut", cut)] {
        copy(&dir, "-a", "one", name);
        let target = artifacts(&dir, name)[0].clone();
        std::fs::write(&target, &changed).unwrap();
        let again = run(ship(&dir, name)).expect(0);
        assert_eq!(fixed(&again, "a.mkv")["reused"], false, "{}", again.stdout);
        assert_once(&dir, name);
        assert!(read(&target).unwrap() == made, "{name}");
        let digest = Md5::digest(&made);
        let md5: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(created(&dir, name)[0][0]["md5"], md5.as_str());
        // The changed file may be somebody's work.
        let aside = artifacts(&dir, name).into_iter().find(|path| *path != target).unwrap();
        assert!(read(aside).unwrap() == changed, "{name}");
    }
}

#[test]
fn fix_goes_on_in_a_copied_tree() {
    let dir = campaign();
    let fix = |folder: &str| {
        let mut command = dir.command(&["fix", "a.mkv", "--out", "out", "--format", "json", "--no-progress"]);
        command.current_dir(dir.path(folder));
        fixed(&run(command).expect(0), "a.mkv")
    };
    let outputs = |folder: &str| {
        let all = files(&dir.path(folder).join("out"));
        all.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fix("one")["reused"], false);
    copy(&dir, "-r", "one", "two");
    assert_eq!(fix("two")["reused"], true);
    // A record of an earlier build has the absolute path of the source.
    copy(&dir, "-r", "one", "older");
    let record = dir.path("older/out/.greenlit/fix.jsonl");
    let absolute = dir.path("one/a.mkv").canonicalize().unwrap();
    let text = read_to_string(&record).unwrap();
    assert!(text.contains("\"../a.mkv\""), "{text}");
    std::fs::write(&record, text.replace("\"../a.mkv\"", &format!("{absolute:?}"))).unwrap();
    assert_eq!(fix("older")["reused"], true);
    // The copy of the source changes: its output is replaced, in the copy only.
    let original = read(dir.path("one/out/a.mp4")).unwrap();
    dir.ffmpeg(&["-t", "2", "-i", "two/a.mkv", "-c", "copy", "two/shorter.mkv"]);
    std::fs::rename(dir.path("two/shorter.mkv"), dir.path("two/a.mkv")).unwrap();
    fix("two");
    assert_eq!(outputs("two"), ["fix.jsonl", "a.mp4"]);
    assert!(read(dir.path("two/out/a.mp4")).unwrap() != original);
    assert!(read(dir.path("one/out/a.mp4")).unwrap() == original);
}
