//! What a person sees: few lines for many files, reports beside them, links, and what was not checked.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use common::{CliRun, TestDir, corpus};

/// Returns a folder with a file that complies, one that does not, one that cannot be read, and one that is no media.
fn clips() -> TestDir {
    let dir = TestDir::new();
    dir.put("npm-vide-ocean.mp4", "in/good.mp4");
    dir.put("npm-vide-ocean.webm", "in/bad.webm");
    dir.write("in/cut.mp4", b"\0\0\0\x18ftypmp42");
    dir.write("in/notes.txt", "no media");
    dir
}

#[test]
fn a_full_decode_measures_the_bit_rates_that_no_header_states() {
    let dir = clips();
    let video = |arguments: &[&str]| {
        let run = dir.greenlit(&[&["check", "in/bad.webm", "--format", "json"], arguments].concat());
        let report = run.expect(1).json();
        (report["files"][0]["media"]["video"][0]["bit_rate"].clone(), report["files"][0]["undecided"].clone())
    };
    let (declared, undecided) = video(&[]);
    assert_eq!((declared, undecided), (Value::Null, serde_json::json!(["video-bit-rate"])));
    let (measured, undecided) = video(&["--deep"]);
    assert_eq!(undecided, Value::Null);
    let size_bytes = dir.path("in/bad.webm").metadata().unwrap().len();
    let most = (size_bytes * 8) as f64 / 10.079;
    let measured = measured.as_u64().unwrap() as f64;
    assert!(measured > most * 0.8 && measured < most, "{measured} of {most}");
}

#[test]
#[ignore = "needs GREENLIT_CORPUS; `make test` runs it where that is set"]
fn with_corpus_a_check_of_200_files_takes_two_lines_a_file() {
    let manifest = std::fs::read_to_string(corpus().join("manifest.tsv")).unwrap();
    let paths =
        manifest.lines().skip(1).filter_map(|line| line.split('\t').nth(1)).map(|path| corpus().join(path));
    let paths: Vec<String> =
        paths.filter(|path| path.is_file()).map(|path| path.display().to_string()).take(200).collect();
    assert_eq!(paths.len(), 200);
    let dir = TestDir::new();
    for columns in ["80", "100", "200"] {
        let check = |format: &str| {
            let mut command = dir.command(&["check", "-", "--format", format]);
            command
                .env("COLUMNS", columns)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(paths.join("\n").as_bytes()).unwrap();
            CliRun::of(child.wait_with_output().unwrap()).expect(1)
        };
        let summary = check("json").json()["summary"].clone();
        let count = |key: &str| summary[key].as_u64().unwrap();
        let attention = count("noncompliant") + count("indeterminate") + count("unreadable");
        assert!(attention > 100, "{summary}");
        let lines = check("human").stdout.lines().count() as u64;
        assert!(
            lines * 10 <= attention * 22 + 250,
            "{lines} lines for {attention} files at {columns} columns"
        );
        let concise = check("concise").stdout.lines().count() as u64;
        assert!(concise <= attention + 5, "{concise} lines for {attention} files at {columns} columns");
    }
}

#[test]
fn files_that_need_no_attention_are_only_counted_unless_everything_is_asked_for() {
    let dir = clips();
    let brief = dir.greenlit(&["check", "in"]).expect(1).stdout;
    let is_told =
        |text: &str| ["good.mp4", "bad.webm", "cut.mp4", "notes.txt"].map(|name| text.contains(name));
    assert_eq!(is_told(&brief), [false, true, true, false], "{brief}");
    assert!(brief.contains("4 files: 1 compliant, 1 not compliant, 1 unreadable, 1 skipped"), "{brief}");
    assert!(brief.contains("error container: found webm, allowed mp4, mov"), "{brief}");
    let concise = dir.greenlit(&["check", "in", "--format", "concise"]).expect(1).stdout;
    assert_eq!(concise.lines().count(), 3, "{concise}");
    assert!(concise.starts_with("✗ in/bad.webm: error container: found webm, allowed mp4, mov"), "{concise}");
    let full = dir.greenlit(&["check", "in", "-v"]).expect(1).stdout;
    assert_eq!(is_told(&full), [true; 4], "{full}");
    let quiet = dir.greenlit(&["check", "in/good.mp4", "-q"]).expect(0).stdout;
    assert_eq!(quiet.lines().count(), 1, "{quiet}");
}

#[test]
fn a_plan_and_a_fix_take_few_lines_and_the_steps_come_with_verbose() {
    let dir = clips();
    let fix = |more: &[&str]| dir.greenlit(&[&["fix", "in/bad.webm"][..], more].concat()).expect(0).stdout;
    let plan = fix(&["--dry-run"]);
    assert!(plan.starts_with("→ in/bad.webm  vp8 1280x720"), "{plan}");
    assert!(plan.contains("\n    would re-encode video and audio: the video codec is vp8"), "{plan}");
    assert!(!plan.contains("1. ") && fix(&["--dry-run", "-v"]).contains("1. video re-encoded"), "{plan}");
    let fixed = fix(&["--out", "out"]);
    assert!(
        fixed.starts_with("✓ in/bad.webm: video and audio re-encoded: out/bad.mp4\n\n1 file: 1 fixed"),
        "{fixed}"
    );
}

#[test]
fn reports_in_several_formats_are_written_beside_the_main_one() {
    let dir = clips();
    let formats = ["human", "concise", "json", "ndjson", "sarif", "junit", "github", "html"];
    let reports: Vec<String> = formats.iter().map(|format| format!("{format}=r.{format}")).collect();
    let reports: Vec<&str> = reports.iter().flat_map(|report| ["--report", report]).collect();
    // A format that is otherwise streamed, too.
    for main in ["human", "ndjson"] {
        let run = dir.greenlit(&[&["check", "in", "--format", main][..], &reports].concat()).expect(1);
        for format in formats {
            let alone = dir.greenlit(&["check", "in", "--format", format]).expect(1).stdout;
            let written = std::fs::read_to_string(dir.path(&format!("r.{format}"))).unwrap();
            std::fs::remove_file(dir.path(&format!("r.{format}"))).unwrap();
            assert!(without_times(&written) == without_times(&alone), "{format}: {written}");
            let is_main = without_times(&run.stdout) == without_times(&written);
            assert_eq!(is_main, format == main, "{format}");
        }
    }
    dir.greenlit(&["fix", "in/good.mp4", "--out", "out", "--report", "json=fix.json"]).expect(0);
    let text = std::fs::read_to_string(dir.path("fix.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["files"][0]["path"], "in/good.mp4");
    let run = dir.greenlit(&["status", "--report", "json=status.json"]).expect(0);
    assert_eq!(run.stdout, "");
    assert!(std::fs::read_to_string(dir.path("status.json")).unwrap().contains("greenlit.status/1"));
}

/// Returns a report without numbers, because some are times of the run.
fn without_times(report: &str) -> String {
    report.chars().filter(|character| !(character.is_ascii_digit() || *character == '.')).collect()
}

#[test]
fn a_report_without_a_file_of_its_own_is_refused() {
    let dir = clips();
    for (args, told) in [
        (&["--report", "json"][..], "FORMAT=FILE"),
        (&["--report", "jsn=a.json"], "did you mean `json`"),
        (&["--report", "json=-"], "a file of its own"),
        (&["--report", "json=a.json", "--report", "html=./a.json"], "a file of its own"),
        (&["--output", "a.json", "--report", "html=a.json"], "a file of its own"),
    ] {
        let run = dir.greenlit(&[&["check", "in"][..], args].concat()).expect(2);
        assert!(run.stderr.contains(told) && run.stdout.is_empty(), "{args:?}: {}", run.stderr);
    }
    assert!(!dir.path("a.json").exists() && !dir.path("-").exists());
    let other = dir.greenlit(&["profiles", "--report", "json=a.json"]).expect(2);
    assert!(other.stderr.contains("check, fix, ship and status"), "{}", other.stderr);
    // One report that cannot be written leaves out no other.
    let run =
        dir.greenlit(&["check", "in", "--report", "html=none/a.html", "--report", "json=b.json"]).expect(2);
    assert!(run.stdout.contains("4 files:") && dir.path("b.json").exists(), "{}", run.stderr);
    assert!(run.stderr.contains("none/a.html"), "{}", run.stderr);
}

#[test]
fn a_selection_of_rules_is_told_beside_the_verdicts() {
    let dir = clips();
    let text = dir.greenlit(&["check", "in/bad.webm", "--select", "duration"]).expect(0).stdout;
    assert!(
        text.contains("1 compliant") && text.contains("Only these rules were checked: duration."),
        "{text}"
    );
}

#[test]
fn names_are_links_on_terminals_that_show_them_and_without_colour_nothing_is_escaped() {
    let dir = clips();
    let on_terminal = |args: &str, no_color: bool| {
        let line = format!("{} check in {args}", env!("CARGO_BIN_EXE_greenlit"));
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).current_dir(dir.root()).env_remove("COLUMNS");
        command.env("XDG_CACHE_HOME", dir.path(".cache")).env("HOME", dir.root());
        command
            .env("TERM", "xterm-kitty")
            .env_remove("CI")
            .env_remove("NO_COLOR")
            .env_remove("FORCE_HYPERLINK");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        command.stdin(Stdio::null()).stderr(Stdio::null());
        CliRun::of(command.output().unwrap()).stdout
    };
    let folder = std::fs::canonicalize(dir.root()).unwrap();
    let shown = on_terminal("--no-progress", false);
    let path = format!("{}/in/bad.webm\u{1b}\\", folder.display());
    assert!(shown.contains("\u{1b}]8;;file://") && shown.contains(&path), "{shown:?}");
    for (args, no_color) in [("--no-progress --color never", false), ("--no-progress", true)] {
        let plain = on_terminal(args, no_color);
        assert!(plain.contains("in/bad.webm") && !plain.contains('\u{1b}'), "{plain:?}");
    }
    assert!(!dir.greenlit(&["check", "in"]).expect(1).stdout.contains('\u{1b}'));
}
