//! What `fix` remembers, stale outputs, the order of profiles, and where reports may be written.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use common::{TestDir, entry};
use serde_json::Value;

/// Makes a compliant video, and one that needs a remux.
fn videos(dir: &TestDir, folder: &str) {
    std::fs::create_dir_all(dir.path(folder)).unwrap();
    let compliant = format!("{folder}/a.mp4");
    let source = "-f lavfi -i testsrc2=s=540x960:r=30:d=1.5 -f lavfi -i sine=d=1.5 -ac 2 -ar 48000 -c:a aac \
                  -pix_fmt yuv420p -c:v libx264 -preset ultrafast -b:v 900k -movflags +faststart";
    let mut args: Vec<&str> = source.split_whitespace().collect();
    args.push(&compliant);
    dir.ffmpeg(&args);
    dir.ffmpeg(&["-i", &compliant, "-c", "copy", &format!("{folder}/b.mkv")]);
    dir.write("house.toml", HOUSE);
}

const HOUSE: &str = "id = \"house\"\nextends = \"tiktok-ads\"\n[rule.duration]\nmin_s = 1\n\
                     [rule.extension]\nallow = [\"mp4\"]\n[rule.container]\nallow = [\"mp4\"]\n";

fn fix(dir: &TestDir, input: &str, out: &str, options: &[&str], code: i32) -> Value {
    let args = ["fix", input, "--profile", "house.toml", "--out", out, "--format", "json", "--no-progress"];
    dir.greenlit(&[&args, options].concat()).expect(code).json()
}

/// Identity and time of a file: an output that is kept has the same ones.
fn identity(path: &Path) -> (u64, i64, i64) {
    let meta = std::fs::metadata(path).unwrap();
    (meta.ino(), meta.mtime(), meta.mtime_nsec())
}

fn identities(dir: &TestDir, out: &str) -> [(u64, i64, i64); 2] {
    ["a.mp4", "b.mp4"].map(|name| identity(&dir.path(&format!("{out}/{name}"))))
}

#[test]
fn another_spelling_of_the_paths_repeats_no_work() {
    let dir = TestDir::new();
    videos(&dir, "s");
    fix(&dir, "s", "r", &[], 0);
    let made = identities(&dir, "r");
    let root = dir.root().canonicalize().unwrap();
    let absolute = |name: &str| root.join(name).display().to_string();
    for (input, out) in
        [("./s".into(), "./r".into()), ("s/".into(), "r/".into()), (absolute("s"), absolute("r"))]
    {
        let report = fix(&dir, &input, &out, &[], 0);
        assert_eq!(identities(&dir, "r"), made, "{input} {out}");
        assert_eq!(entry(&report, "b.mkv")["fix"]["reused"], true);
    }
    let mut command = dir.command(&["fix", "../s", "--profile", "../house.toml", "--out", "../r"]);
    std::fs::create_dir(dir.path("sub")).unwrap();
    let run = command.current_dir(dir.path("sub")).output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(identities(&dir, "r"), made, "another working folder");
}

#[test]
fn sources_with_the_same_bytes_are_produced_once() {
    let dir = TestDir::new();
    videos(&dir, "s");
    dir.ffmpeg(&["-i", "s/a.mp4", "-c:v", "mpeg4", "-b:v", "900k", "-c:a", "copy", "s/c.mkv"]);
    // A file that cannot be fixed, because many frames are missing.
    let filter = "noise=amount=0:drop='between(n,20,30)'";
    dir.ffmpeg(&["-i", "s/a.mp4", "-c", "copy", "-bsf:v", filter, "s/d.mkv"]);
    for (from, to) in [("b.mkv", "b2.mkv"), ("c.mkv", "c2.mkv"), ("c.mkv", "c3.mkv"), ("d.mkv", "d2.mkv")] {
        std::fs::copy(dir.path(&format!("s/{from}")), dir.path(&format!("s/{to}"))).unwrap();
    }
    // Another file of the same size.
    let mut other = std::fs::read(dir.path("s/c.mkv")).unwrap();
    let last = other.len() - 1;
    other[last] ^= 1;
    dir.write("s/e.mkv", &other);
    let report = fix(&dir, "s", "r", &["--jobs", "4"], 1);
    for (name, same) in [("b2", "b"), ("c2", "c"), ("c3", "c")] {
        let fixed = &entry(&report, &format!("{name}.mkv"))["fix"];
        assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
        assert_eq!((&fixed["reused"], &fixed["same_as"]), (&false.into(), &format!("s/{same}.mkv").into()));
        let read = |name: &str| std::fs::read(dir.path(&format!("r/{name}.mp4"))).unwrap();
        assert_eq!(read(name), read(same));
    }
    for name in ["a.mp4", "b.mkv", "c.mkv", "e.mkv"] {
        assert_eq!(entry(&report, name)["fix"]["same_as"], Value::Null, "{name}");
    }
    let reason = |name: &str| entry(&report, name)["fix"]["reason"].clone();
    assert_eq!(entry(&report, "d.mkv")["fix"]["action"], "refused");
    assert_eq!(reason("d.mkv"), reason("d2.mkv"));
    // The record knows each of them.
    let again = fix(&dir, "s", "r", &[], 1);
    assert_eq!(entry(&again, "c2.mkv")["fix"]["reused"], true);
    // The first cannot be written: the others are.
    dir.write("t/c.mp4", "not media");
    let report = fix(&dir, "s", "t", &["--jobs", "4"], 2);
    assert_eq!(entry(&report, "c.mkv")["fix"]["output"], Value::Null);
    assert_eq!(entry(&report, "c2.mkv")["fix"]["verified"]["verdict"], "compliant");
}

#[test]
fn moved_sources_and_copied_outputs_are_recognized_by_content() {
    let dir = TestDir::new();
    videos(&dir, "s");
    fix(&dir, "s", "r", &[], 0);
    let copied = Command::new("cp").args(["-r", "r", "copy"]).current_dir(dir.root()).status().unwrap();
    assert!(copied.success());
    std::fs::rename(dir.path("s"), dir.path("moved")).unwrap();
    let made = identities(&dir, "copy");
    fix(&dir, "moved", "copy", &[], 0);
    assert_eq!(identities(&dir, "copy"), made);
    // New times and inodes of the sources.
    let copied = Command::new("cp").args(["-r", "moved", "again"]).current_dir(dir.root()).status().unwrap();
    assert!(copied.success());
    fix(&dir, "again", "copy", &[], 0);
    assert_eq!(identities(&dir, "copy"), made);
}

#[test]
fn identical_outputs_without_a_record_are_kept_and_others_are_never_replaced() {
    let dir = TestDir::new();
    videos(&dir, "s");
    fix(&dir, "s", "r", &[], 0);
    std::fs::remove_dir_all(dir.path("r/.greenlit")).unwrap();
    let made = identities(&dir, "r");
    fix(&dir, "s", "r", &[], 0);
    assert_eq!(identities(&dir, "r"), made);

    std::fs::remove_dir_all(dir.path("r/.greenlit")).unwrap();
    let foreign = [std::fs::read(dir.path("r/b.mp4")).unwrap(), b"more".to_vec()].concat();
    std::fs::write(dir.path("r/b.mp4"), &foreign).unwrap();
    let report = fix(&dir, "s", "r", &[], 2);
    let reason = entry(&report, "b.mkv")["fix"]["reason"].as_str().unwrap();
    assert!(reason.contains("already exists"), "{reason}");
    assert_eq!(std::fs::read(dir.path("r/b.mp4")).unwrap(), foreign);
}

#[test]
fn an_identical_output_without_a_record_is_kept_only_if_it_decodes() {
    let dir = TestDir::new();
    videos(&dir, "s");
    std::fs::remove_file(dir.path("s/b.mkv")).unwrap();
    let mut bytes = std::fs::read(dir.path("s/a.mp4")).unwrap();
    let media = bytes.windows(4).position(|four| four == b"mdat").unwrap() + 8;
    let end = bytes.len();
    for at in (media + 200..end).step_by(97) {
        bytes[at] ^= 0xff;
    }
    std::fs::write(dir.path("s/a.mp4"), &bytes).unwrap();
    std::fs::create_dir(dir.path("r")).unwrap();
    std::fs::write(dir.path("r/a.mp4"), &bytes).unwrap();
    for _ in 0..2 {
        let report = fix(&dir, "s", "r", &[], 1);
        let fix = &entry(&report, "a.mp4")["fix"];
        assert_eq!((&fix["output"], &fix["reused"]), (&Value::Null, &false.into()), "{fix:#}");
    }
}

#[test]
fn a_changed_source_profile_or_option_is_not_taken_for_done() {
    let dir = TestDir::new();
    videos(&dir, "s");
    fix(&dir, "s", "r", &[], 0);
    let made = identities(&dir, "r");
    dir.ffmpeg(&["-i", "s/a.mp4", "-c", "copy", "-t", "1.2", "s/b.mkv"]);
    fix(&dir, "s", "r", &[], 0);
    let changed = identities(&dir, "r");
    assert_eq!(changed[0], made[0]);
    assert_ne!(changed[1], made[1], "the source has other bytes");
    dir.write("house.toml", HOUSE.replace("min_s = 1", "min_s = 1.1"));
    fix(&dir, "s", "r", &[], 0);
    assert_ne!(identities(&dir, "r")[1], changed[1], "the profile changed");
}

#[test]
fn two_fixes_at_once_do_not_break_each_other() {
    let dir = TestDir::new();
    videos(&dir, "s");
    let spawn = || {
        let args = ["fix", "s", "--profile", "house.toml", "--out", "r", "--no-progress"];
        dir.command(&args).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn()
    };
    let runs = [spawn().unwrap(), spawn().unwrap(), spawn().unwrap()];
    for run in runs {
        let output = run.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    let made = identities(&dir, "r");
    fix(&dir, "s", "r", &[], 0);
    assert_eq!(identities(&dir, "r"), made);
}

#[test]
fn the_working_folder_needs_no_state() {
    let dir = TestDir::new();
    videos(&dir, "s");
    // A file in the place of the folder for state: nothing can be written there, also by root.
    dir.write(".greenlit", "");
    fix(&dir, "s", "r", &[], 0);
    assert!(dir.path("r/.greenlit/fix.jsonl").is_file());
    // The record cannot be beside the outputs either.
    std::fs::create_dir(dir.path("q")).unwrap();
    dir.write("q/.greenlit", "");
    fix(&dir, "s", "q", &[], 0);
    let made = identities(&dir, "q");
    fix(&dir, "s", "q", &[], 0);
    assert_eq!(identities(&dir, "q"), made);
}

#[test]
fn records_of_older_versions_are_honoured() {
    let dir = TestDir::new();
    videos(&dir, "s");
    fix(&dir, "s", "r", &[], 0);
    let made = identities(&dir, "r");
    let new = std::fs::read_to_string(dir.path("r/.greenlit/fix.jsonl")).unwrap();
    // Older records have no line with a version.
    let older: Vec<String> = new
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let output = format!("r/{}", line["key"]["output"].as_str().unwrap());
            line["key"]["output"] = output.into();
            let object = line.as_object_mut().unwrap();
            object.remove("made_content");
            let key = object["key"].as_object_mut().unwrap();
            key.remove("content");
            key.remove("from");
            line.to_string()
        })
        .collect();
    std::fs::remove_dir_all(dir.path("r/.greenlit")).unwrap();
    dir.write(".greenlit/fix.jsonl", older.join("\n") + "\n");
    // A change of an option replaces an output that only the older record knows.
    fix(&dir, "s", "r", &["--verify", "structure"], 0);
    assert_ne!(identities(&dir, "r")[1], made[1]);
}

#[test]
fn stale_outputs_are_listed_and_only_unchanged_ones_are_pruned() {
    let dir = TestDir::new();
    videos(&dir, "s");
    for name in ["gone", "renamed", "edited", "other/kept"] {
        dir.write(&format!("s/{name}.mp4"), std::fs::read(dir.path("s/a.mp4")).unwrap());
    }
    fix(&dir, "s", "r", &[], 0);
    dir.write("r/mine.mp4", "not from greenlit");
    std::fs::remove_file(dir.path("s/gone.mp4")).unwrap();
    std::fs::remove_file(dir.path("s/edited.mp4")).unwrap();
    std::fs::rename(dir.path("s/renamed.mp4"), dir.path("s/new.mp4")).unwrap();
    dir.write("r/edited.mp4", "changed by hand");

    // A run over other files says nothing about these.
    assert_eq!(fix(&dir, "s/other", "r", &[], 0)["stale"], serde_json::json!([]));
    let listed = |report: &Value, removed: bool| -> Vec<String> {
        let stale = report["stale"].as_array().unwrap().iter();
        let stale = stale.filter(|stale| stale["removed"] == removed);
        stale.map(|stale| stale["output"].as_str().unwrap().to_owned()).collect()
    };
    let report = fix(&dir, "s", "r", &[], 0);
    assert_eq!(listed(&report, false), ["r/gone.mp4", "r/renamed.mp4"]);
    assert!(dir.path("r/gone.mp4").exists());
    let human = dir.greenlit(&["fix", "s", "--profile", "house.toml", "--out", "r"]).expect(0).stdout;
    assert!(human.contains("r/gone.mp4") && human.contains("--prune"), "{human}");

    // Through a link nothing is removed.
    std::fs::rename(dir.path("r/renamed.mp4"), dir.path("elsewhere.mp4")).unwrap();
    std::os::unix::fs::symlink(dir.path("elsewhere.mp4"), dir.path("r/renamed.mp4")).unwrap();
    let report = fix(&dir, "s", "r", &["--prune"], 0);
    assert_eq!(listed(&report, true), ["r/gone.mp4"]);
    assert!(!dir.path("r/gone.mp4").exists());
    for kept in ["r/edited.mp4", "r/mine.mp4", "r/a.mp4", "r/new.mp4", "elsewhere.mp4", "r/other/kept.mp4"] {
        assert!(dir.path(kept).exists(), "{kept}");
    }
    assert!(dir.path("r/renamed.mp4").is_symlink());
    assert_eq!(fix(&dir, "s", "r", &["--prune"], 0)["stale"], serde_json::json!([]));
}

#[test]
fn a_report_never_replaces_media_an_input_or_a_folder() {
    let dir = TestDir::new();
    videos(&dir, "s");
    dir.write("outside.mp4", std::fs::read(dir.path("s/a.mp4")).unwrap());
    dir.write("noname", std::fs::read(dir.path("s/a.mp4")).unwrap());
    std::os::unix::fs::symlink(dir.path("s/a.mp4"), dir.path("link")).unwrap();
    dir.write("s/rows.csv", "video\n");
    for target in ["s/a.mp4", "s/b.mkv", "outside.mp4", "noname", "link", "s", "s/rows.csv"] {
        let before = std::fs::read(dir.path(target)).ok();
        for args in [&["check", "s"][..], &["fix", "s", "--out", "r"]] {
            let run = dir.greenlit(&[args, &["--format", "json", "--output", target]].concat()).expect(2);
            assert!(run.stderr.contains("--output") && run.stderr.contains(target), "{}", run.stderr);
            let report = format!("json={target}");
            let run =
                dir.greenlit(&[args, &["--report", "html=ok.html", "--report", &report]].concat()).expect(2);
            assert!(run.stderr.contains("--report") && run.stderr.contains(target), "{}", run.stderr);
        }
        assert_eq!(std::fs::read(dir.path(target)).ok(), before, "{target}");
    }
    assert!(!dir.path("r").exists() && !dir.path("ok.html").exists(), "refused before any work");
    assert!(dir.path("link").is_symlink());
    // A report in the folder that is checked may be written again and again.
    for _ in 0..2 {
        let args = ["check", "s", "--profile", "house.toml", "--format", "json", "--output", "s/report.json"];
        assert_ne!(dir.greenlit(&args).code, Some(2));
    }
    dir.greenlit(&["check", "s/a.mp4", "--profile", "house.toml", "--output", "/dev/null"]).expect(0);
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn two_profiles_with_one_id_are_refused() {
    let dir = TestDir::new();
    videos(&dir, "s");
    dir.write("p.toml", "id = \"tiktok-ads\"\nextends = \"tiktok-ads\"\n[rule.duration]\nmax_s = 1\n");
    dir.write("q.toml", "id = \"house\"\nextends = \"tiktok-ads\"\n");
    for pair in [["tiktok-ads", "p.toml"], ["p.toml", "tiktok-ads"], ["house.toml", "q.toml"]] {
        let args = ["check", "s/a.mp4", "--profile", pair[0], "--profile", pair[1]];
        let run = dir.greenlit(&args).expect(2);
        assert!(pair.iter().all(|name| run.stderr.contains(name)), "{}", run.stderr);
    }
    let same = ["check", "s/a.mp4", "--profile", "house.toml", "--profile", "./house.toml"];
    dir.greenlit(&same).expect(0);
}

#[test]
fn several_profiles_count_and_advise_each_file_once() {
    let dir = TestDir::new();
    dir.write("in/one.mp4", b"\0\0\0\x18ftypmp42");
    dir.write("in/two.mp4", b"\0\0\0\x18ftypmp42");
    let profiles = ["--profile", "tiktok-ads", "--profile", "youtube", "--profile", "instagram-reels"];
    let check = [&["check", "in"][..], &profiles].concat();
    let brief = dir.greenlit(&check).expect(1).stdout;
    for (text, times) in [("in/one.mp4", 1), ("2 files  unreadable", 1), ("youtube", 0)] {
        assert_eq!(brief.matches(text).count(), times, "{text}: {brief}");
    }
    let text = dir.greenlit(&[&check[..], &["-v"]].concat()).expect(1).stdout;
    assert!(text.contains("2 files under 3 profiles: 2 unreadable"), "{text}");
    let (_, advice) = text.split_once("What to do").unwrap();
    assert_eq!(advice.matches("in/one.mp4").count(), 1, "{advice}");
    let plain: String = advice.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plain.contains("[instagram-reels, tiktok-ads, youtube]"), "{advice}");
}

#[test]
fn the_folder_of_the_sources_is_no_output_folder() {
    let dir = TestDir::new();
    dir.put("npm-vide-ocean.webm", "in/ocean.webm");
    let run = dir.greenlit(&["fix", "in", "--out", "./in", "--upscale"]).expect(2);
    assert!(run.stderr.contains("choose another folder with --out"), "{}", run.stderr);
    assert_eq!(std::fs::read_dir(dir.path("in")).unwrap().count(), 1);
}
