//! `greenlit build` through the real binaries.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use common::counting::CountingDir;
use common::ship_setup::{KillOnDrop, files, make_webm, partial_outputs, signal, wait_for};
use common::{CliRun, TestDir, entry};
use serde_json::Value;

/// Is remuxed.
const GOOD: &str = "firefox-media-bunny_hd_5s.mp4";
/// Is re-encoded.
const OTHER: &str = "pypi-gradio-b.avi";

const CONFIG: &str = "[fix]\npreset = \"superfast\"\nupscale = true\nextend = \"loop\"\n\
    [[build]]\nname = \"ads\"\nsources = [\"in\"]\nprofile = \"tiktok-ads\"\nout = \"out\"\n";

const JSON: [&str; 3] = ["build", "--format", "json"];

fn set_up(config: &str) -> CountingDir {
    let counting = CountingDir::new();
    counting.dir.write("greenlit.toml", config);
    counting.dir.put(GOOD, "in/a.mp4");
    counting.dir.put(OTHER, "in/sub/b.avi");
    counting.dir.write("in/broken.mp4", "this is no video\n");
    counting.dir.write("in/notes.txt", "neither media nor named like it\n");
    counting.wait_for_cacheable_files();
    counting
}

/// Returns the bytes of every output.
fn outputs(dir: &TestDir, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let top = dir.path(folder);
    let all = files(&top).into_iter().map(|path| (path.strip_prefix(&top).unwrap().to_owned(), path));
    let named = all.filter(|(name, _)| !name.starts_with(".greenlit"));
    named.map(|(name, path)| (name, std::fs::read(path).unwrap())).collect()
}

fn names(dir: &TestDir, folder: &str) -> Vec<String> {
    outputs(dir, folder).into_keys().map(|path| path.display().to_string()).collect()
}

fn touch(path: &Path) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
}

/// Returns the reasons of the outdated entries of a report, by path.
fn outdated(report: &Value) -> BTreeMap<String, String> {
    let files = report["files"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    files.filter_map(|file| Some((text(&file["path"])?, text(&file["outdated"])?))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected.iter().map(|(path, reason)| ((*path).to_owned(), (*reason).to_owned())).collect()
}

#[test]
fn a_second_build_starts_no_worker_and_says_the_same() {
    let counting = set_up(CONFIG);
    let (first, started) = counting.run_counted(&JSON);
    let first = first.expect(1).json();
    assert!(started > 0);
    assert_eq!(names(&counting.dir, "out"), ["a.mp4", "sub/b.mp4"]);
    let made = outputs(&counting.dir, "out");
    let (second, started) = counting.run_counted(&JSON);
    let second = second.expect(1).json();
    assert_eq!(started, 0);
    assert_eq!(outputs(&counting.dir, "out"), made);
    let said = |report: &Value| {
        let keys = ["path", "verdict", "reason", "findings", "media"];
        let files = report["files"].as_array().unwrap().iter();
        let of_file = |file: &Value| {
            keys.map(|key| file[key].to_string()).join(" ") + &file["fix"]["output"].to_string()
        };
        files.map(of_file).collect::<Vec<_>>()
    };
    assert_eq!(said(&first), said(&second));
    assert_eq!(first["tool"], second["tool"]);
    assert_eq!(entry(&second, "b.avi")["fix"]["reused"], true);
    let human = counting.run(&["build"]).expect(1).stdout;
    assert!(human.contains("broken.mp4"), "{human}");
    assert!(!human.contains("b.avi"), "{human}");
    assert!(human.contains("2 fixed by an earlier run"), "{human}");
    counting.run(&["build", "--check"]).expect(1);
    std::fs::remove_file(counting.dir.path("in/broken.mp4")).unwrap();
    counting.run(&["build", "--check"]).expect(0);
}

#[test]
fn only_what_changed_is_redone_and_check_says_why() {
    let counting = set_up(CONFIG);
    let check = || counting.run(&["build", "--check", "--format", "json"]);
    let all_new = check().expect(4).json();
    assert_eq!(outdated(&all_new)["in/a.mp4"], "new-source");
    assert!(!counting.dir.path(".greenlit").exists() && !counting.dir.path("out").exists());
    counting.run(&JSON).expect(1);
    let made = outputs(&counting.dir, "out");

    touch(&counting.dir.path("in/sub/b.avi"));
    assert_eq!(outdated(&check().expect(1).json()), pairs(&[]));
    let (run, started) = counting.run_counted(&JSON);
    run.expect(1);
    assert_eq!((started, outputs(&counting.dir, "out")), (0, made.clone()));

    // A source with other bytes, of the same size and with the same time.
    let path = counting.dir.path("in/a.mp4");
    let (mut bytes, meta) = (std::fs::read(&path).unwrap(), std::fs::metadata(&path).unwrap());
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(meta.modified().unwrap()).unwrap();
    counting.wait_for_cacheable_files();
    assert_eq!(outdated(&check().expect(4).json()), pairs(&[("in/a.mp4", "source-changed")]));
    let before = std::fs::metadata(counting.dir.path("out/sub/b.mp4")).unwrap().modified().unwrap();
    let report = counting.run(&JSON).expect(1).json();
    assert_eq!(entry(&report, "a.mp4")["fix"]["reused"], false);
    assert_eq!(entry(&report, "b.avi")["fix"]["reused"], true);
    assert_eq!(std::fs::metadata(counting.dir.path("out/sub/b.mp4")).unwrap().modified().unwrap(), before);

    // A missing output is made again, with the same bytes.
    std::fs::remove_file(counting.dir.path("out/sub/b.mp4")).unwrap();
    assert_eq!(outdated(&check().expect(4).json()), pairs(&[("in/sub/b.avi", "output-missing")]));
    counting.run(&JSON).expect(1);
    assert!(outputs(&counting.dir, "out")[Path::new("sub/b.mp4")] == made[Path::new("sub/b.mp4")]);

    // A changed output is not replaced, because it may be the work of a person.
    counting.dir.write("out/a.mp4", "edited");
    assert_eq!(outdated(&check().expect(4).json()), pairs(&[("in/a.mp4", "output-changed")]));
    counting.run(&JSON).expect(2);
    assert_eq!(std::fs::read_to_string(counting.dir.path("out/a.mp4")).unwrap(), "edited");
}

#[test]
fn a_change_of_profile_options_or_worker_redoes_what_depends_on_it() {
    let two = format!(
        "{CONFIG}[[build]]\nname = \"other\"\nsources = [\"in/*.mp4\"]\nprofile = [\"house.toml\"]\nout = \"other\"\n"
    );
    let counting = set_up(&two);
    let company =
        |max: u32| format!("id = \"company\"\nextends = \"tiktok-ads\"\n[rule.duration]\nmax_s = {max}\n");
    counting.dir.write("company.toml", company(60));
    counting.dir.write("house.toml", "id = \"house\"\nextends = \"company.toml\"\n");
    let check = || outdated(&counting.run(&["build", "--check", "--format", "json"]).json());
    counting.run(&JSON).expect(1);
    assert_eq!(check(), pairs(&[]));

    // Also of a profile that this one extends.
    counting.dir.write("company.toml", company(50));
    let expected = [("in/a.mp4", "profile-changed"), ("in/broken.mp4", "profile-changed")];
    assert_eq!(check(), pairs(&expected));
    assert_eq!(counting.run(&["build", "ads", "--check"]).code, Some(1), "the other build");
    counting.run(&JSON).expect(1);
    assert_eq!(check(), pairs(&[]));

    // An option of one table.
    counting.dir.write("greenlit.toml", two.replace("out = \"other\"", "out = \"other\"\nquality = 30"));
    let expected = [("in/a.mp4", "options-changed"), ("in/broken.mp4", "options-changed")];
    assert_eq!(check(), pairs(&expected));
    counting.run(&JSON).expect(1);

    let made = outputs(&counting.dir, "out");
    let script = std::fs::read_to_string(&counting.worker).unwrap();
    std::fs::write(&counting.worker, format!("{script}# another version\n")).unwrap();
    assert_eq!(check()["in/sub/b.avi"], "libraries-changed");
    let report = counting.run(&["build", "ads", "--format", "json"]).expect(1).json();
    assert_eq!(entry(&report, "b.avi")["fix"]["reused"], false);
    assert!(outputs(&counting.dir, "out") == made, "the same libraries give the same bytes");
}

#[test]
fn prune_removes_outputs_without_a_source_and_keeps_files_of_others() {
    let counting = set_up(CONFIG);
    counting.run(&JSON).expect(1);
    counting.dir.write("out/mine.mp4", "not made by greenlit");
    std::fs::rename(counting.dir.path("in/sub/b.avi"), counting.dir.path("in/sub/c.avi")).unwrap();
    std::fs::remove_file(counting.dir.path("in/a.mp4")).unwrap();
    let report = counting.run(&JSON).expect(1).json();
    assert_eq!(report["stale"].as_array().unwrap().len(), 2, "{:#}", report["stale"]);
    assert_eq!(names(&counting.dir, "out"), ["a.mp4", "mine.mp4", "sub/b.mp4", "sub/c.mp4"]);
    counting.run(&["build", "--check"]).expect(1);
    counting.run(&["build", "--check", "--prune"]).expect(4);
    assert_eq!(names(&counting.dir, "out").len(), 4);
    let report = counting.run(&["build", "--prune", "--format", "json"]).expect(1).json();
    assert!(report["stale"].as_array().unwrap().iter().all(|stale| stale["removed"] == true), "{report:#}");
    assert_eq!(names(&counting.dir, "out"), ["mine.mp4", "sub/c.mp4"]);
    counting.run(&["build", "--check", "--prune"]).expect(1);

    // A folder that cannot be found, such as an unmounted disk, removes nothing.
    std::fs::rename(counting.dir.path("in"), counting.dir.path("away")).unwrap();
    counting.run(&["build", "--prune"]).expect(2);
    assert_eq!(names(&counting.dir, "out"), ["mine.mp4", "sub/c.mp4"]);

    // A table that is taken out of the configuration leaves outputs, too.
    std::fs::rename(counting.dir.path("away"), counting.dir.path("in")).unwrap();
    counting.dir.write(
        "greenlit.toml",
        CONFIG.replace("ads\"\nsources", "new\"\nsources").replace("\"out\"", "\"dist\""),
    );
    counting.run(&["build", "--prune"]).expect(1);
    assert_eq!(names(&counting.dir, "out"), ["mine.mp4"]);
    assert_eq!(names(&counting.dir, "dist"), ["sub/c.mp4"]);
}

#[test]
fn sources_that_share_a_name_get_the_same_outputs_as_in_one_build() {
    let counting = set_up(CONFIG);
    counting.run(&JSON).expect(1);
    counting.dir.put(GOOD, "in/sub/b.mp4");
    counting.wait_for_cacheable_files();
    counting.run(&["build", "--prune"]).expect(1);
    assert_eq!(names(&counting.dir, "out"), ["a.mp4", "sub/b.avi.mp4", "sub/b.mp4"]);
    let (_, started) = counting.run_counted(&["build"]);
    assert_eq!(started, 0);
    std::fs::remove_file(counting.dir.path("in/sub/b.mp4")).unwrap();
    counting.run(&["build", "--prune"]).expect(1);
    assert_eq!(names(&counting.dir, "out"), ["a.mp4", "sub/b.mp4"]);
}

#[test]
fn the_depfile_lists_sources_configuration_and_profiles() {
    let counting = set_up(&CONFIG.replace("\"tiktok-ads\"", "[\"house.toml\", \"youtube\"]"));
    counting.dir.write("company.toml", "id = \"company\"\nextends = \"tiktok-ads\"\n");
    counting.dir.write("house.toml", "id = \"house\"\nextends = \"company.toml\"\n");
    std::fs::rename(counting.dir.path("in/sub/b.avi"), counting.dir.path("in/sub/b #1$.avi")).unwrap();
    counting.run(&["build", "--depfile", "build.d"]).expect(1);
    let text = std::fs::read_to_string(counting.dir.path("build.d")).unwrap();
    assert!(text.contains("out/house/a.mp4: in/a.mp4 greenlit.toml house.toml company.toml\n"), "{text}");
    assert!(text.contains("out/youtube/sub/b\\ \\#1$$.avi: in/sub/b\\ \\#1$$.avi "), "{text}");
    assert_eq!(text.lines().count(), outputs(&counting.dir, "out").len(), "{text}");
}

#[test]
fn a_killed_or_interrupted_build_loses_at_most_the_file_in_work() {
    let counting = CountingDir::new();
    counting.dir.write("greenlit.toml", CONFIG);
    counting.dir.put(GOOD, "in/a.mp4");
    make_webm(&counting.dir, "in/long.webm", 8);
    counting.wait_for_cacheable_files();
    // With one job the copy is there before the encode begins, on a machine of any speed.
    let begin = || {
        let mut command = counting.command(&[&JSON[..], &["--jobs", "1"]].concat());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let child = KillOnDrop(begin());
    let copy = counting.dir.path("out/a.mp4");
    wait_for("a copy and an encode", || {
        copy.exists() && !partial_outputs(&counting.dir.path("out")).is_empty()
    });
    drop(child);
    let copied = std::fs::metadata(&copy).unwrap().modified().unwrap();
    let report = counting.run(&["build", "--check", "--format", "json"]).expect(4).json();
    assert_eq!(outdated(&report)["in/long.webm"], "new-source");

    let old = partial_outputs(&counting.dir.path("out"));
    let child = begin();
    wait_for("an encode of this run", || {
        partial_outputs(&counting.dir.path("out")).iter().any(|part| !old.contains(part))
    });
    signal(&child, "-INT");
    let run = CliRun::of(child.wait_with_output().unwrap()).expect(130);
    assert_eq!(run.json()["interrupted"], true);
    assert_eq!(run.json()["files"].as_array().unwrap().len(), 2);
    counting.run(&["build"]).expect(0);
    assert_eq!(names(&counting.dir, "out"), ["a.mp4", "long.mp4"]);
    assert_eq!(std::fs::metadata(&copy).unwrap().modified().unwrap(), copied, "it was made again");
    counting.run(&["build", "--check"]).expect(0);
}

#[test]
fn a_build_from_another_folder_or_after_a_move_finds_its_outputs() {
    let counting = CountingDir::new();
    counting.dir.write("one/greenlit.toml", CONFIG);
    counting.dir.put(OTHER, "one/in/b.avi");
    counting.wait_for_cacheable_files();
    counting.run(&["build", "--config", "one/greenlit.toml"]).expect(0);
    assert_eq!(names(&counting.dir, "one/out"), ["b.mp4"]);
    let (run, started) = {
        let before = counting.starts();
        let mut command = counting.command(&["build", "--check"]);
        let run = CliRun::of(command.current_dir(counting.dir.path("one/in")).output().unwrap());
        (run, counting.starts() - before)
    };
    run.expect(0);
    assert_eq!(started, 0);
    std::fs::rename(counting.dir.path("one"), counting.dir.path("two")).unwrap();
    let (run, started) =
        counting.run_counted(&["build", "--config", "two/greenlit.toml", "--format", "json"]);
    let report = run.expect(0).json();
    assert_eq!(started, 0);
    assert_eq!(entry(&report, "b.avi")["fix"]["output"], "two/out/b.mp4");
}

#[test]
fn a_corrupt_or_lost_state_costs_no_media_work() {
    let counting = set_up(CONFIG);
    counting.run(&JSON).expect(1);
    let made = std::fs::metadata(counting.dir.path("out/sub/b.mp4")).unwrap().modified().unwrap();
    counting.dir.write(".greenlit/build.db", "not a database, but long enough to be read as one".repeat(99));
    let report = counting.run(&JSON).expect(1).json();
    assert_eq!(entry(&report, "b.avi")["fix"]["reused"], true);
    assert_eq!(std::fs::metadata(counting.dir.path("out/sub/b.mp4")).unwrap().modified().unwrap(), made);
}

#[test]
fn wrong_tables_are_refused_with_the_reason() {
    let counting = set_up("");
    let refusal = |config: &str, args: &[&str]| {
        counting.dir.write("greenlit.toml", config);
        counting.run(args).expect(2).stderr
    };
    for (config, args, expected) in [
        (String::new(), &["build"][..], "[[build]]"),
        (CONFIG.replace("sources", "source"), &["build"], "did you mean `sources`"),
        (CONFIG.replace("name = \"ads\"\n", ""), &["build"], "missing field `name`"),
        (CONFIG.to_owned(), &["build", "adz"], "did you mean `ads`"),
        (CONFIG.to_owned(), &["build", "--profile", "youtube"], "--profile"),
        (CONFIG.replace("tiktok-ads", "tiktok-adz"), &["build"], "tiktok-adz"),
        (format!("{CONFIG}{}", &CONFIG[CONFIG.find("[[build]]").unwrap()..]), &["build"], "the name `ads`"),
        (CONFIG.replace("\"out\"", "\"in\""), &["build"], "folder of the sources"),
    ] {
        let message = refusal(&config, args);
        assert!(message.contains(expected), "{expected}: {message}");
    }
}
