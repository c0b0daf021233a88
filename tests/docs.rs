//! The guides in `docs` and the files for build systems: their commands are run, and the tables of limits are compared
//! with the profiles. `UPDATE_DOCS=1` writes the tables again.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::TestDir;
use greenlit::profile::{Confidence, Profile};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns a shell in a folder, with the built program in its path.
fn shell(dir: &TestDir, script: &str) -> Command {
    let mut command = Command::new("bash");
    let built = Path::new(env!("CARGO_BIN_EXE_greenlit")).parent().unwrap();
    let path = format!("{}:{}", built.display(), std::env::var("PATH").unwrap());
    command.args(["-euo", "pipefail", "-c", script]).current_dir(dir.root()).env("PATH", path);
    command.env("HOME", dir.root()).env("XDG_CACHE_HOME", dir.path(".cache")).env("NO_COLOR", "1");
    command.env_remove("GREENLIT_WORKER").env_remove("MAKEFLAGS");
    command
}

fn text(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}\n{err}")
}

/// What a comment before a block of a guide asks for.
enum Marked {
    /// Run the block; it ends with this exit code.
    Run(i32),
    /// Run the block if this program is installed.
    RunWith(String),
    /// Write the block to this file.
    File(String),
}

fn marked(comment: &str) -> Option<Marked> {
    Some(match comment.split_once([' ', ':']).unwrap_or((comment, "")) {
        ("run", "") => Marked::Run(0),
        ("run", rest) => match rest.trim().strip_prefix("with ") {
            Some(program) => Marked::RunWith(program.to_owned()),
            None => Marked::Run(rest.trim().parse().unwrap()),
        },
        ("file", rest) => Marked::File(rest.trim().to_owned()),
        _ => return None,
    })
}

/// Follows a guide in a folder of its own, and returns how many blocks were run.
fn follow(guide: &Path) -> usize {
    let page = std::fs::read_to_string(guide).unwrap();
    let dir = TestDir::new();
    let (mut lines, mut run) = (page.lines(), 0);
    while let Some(line) = lines.next() {
        let Some(comment) = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->")) else {
            continue;
        };
        if let Some(files) = comment.strip_prefix("files: ") {
            for (from, to) in files.split(' ').map(|file| file.split_once('=').unwrap()) {
                // The first two seconds are enough.
                let (from, to) = (common::fixture(from), dir.write(to, ""));
                let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
                dir.ffmpeg(&["-i", from, "-t", "2", "-c", "copy", "-map_metadata", "0", to]);
            }
            continue;
        }
        let marked = marked(comment).unwrap_or_else(|| panic!("{}: unknown comment {line}", guide.display()));
        assert!(lines.next().unwrap().starts_with("```"), "{}: no block after {line}", guide.display());
        let block: String =
            lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        let expected = match marked {
            Marked::File(name) => {
                dir.write(&name, block);
                continue;
            }
            Marked::RunWith(program) if Command::new(&program).arg("--version").output().is_err() => {
                eprintln!("{}: a block is left out, because {program} is not installed", guide.display());
                continue;
            }
            Marked::Run(expected) => expected,
            Marked::RunWith(_) => 0,
        };
        let output = shell(&dir, &block).output().unwrap();
        assert_eq!(output.status.code(), Some(expected), "{}:\n{block}\n{}", guide.display(), text(&output));
        run += 1;
    }
    run
}

fn guides() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("docs/guides")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_commands_of_the_guides_work() {
    let threads: Vec<_> =
        guides().into_iter().map(|guide| std::thread::spawn(move || follow(&guide))).collect();
    assert!(threads.len() >= 6);
    for thread in threads {
        assert!(thread.join().unwrap() >= 2);
    }
}

#[test]
fn every_guide_is_listed_and_every_link_leads_to_a_file() {
    let list = root().join("docs/README.md");
    let listed = std::fs::read_to_string(&list).unwrap();
    for guide in guides() {
        let name = guide.file_name().unwrap().to_str().unwrap();
        assert!(listed.contains(&format!("(guides/{name})")), "docs/README.md does not list {name}");
    }
    for page in guides().into_iter().chain([list, root().join("README.md"), root().join("PACKAGING.md")]) {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0) {
            let file = link.split('#').next().unwrap();
            let exists = file.is_empty() || page.parent().unwrap().join(file).exists();
            assert!(exists || link.starts_with("https://"), "{}: {link}", page.display());
        }
    }
}

/// Returns the page with a table of the limits of each built-in profile.
fn limits_page() -> String {
    let mut page = String::from(
        "# Limits\n\nEvery limit of the built-in profiles, with the severity of a violation, its source and the day on \
         which it was last\ncompared with that source. Limits from practice are published nowhere. This page is made from \
         the profiles: see\n`cargo test --test docs`.\n\n",
    );
    let profiles: Vec<Profile> =
        Profile::builtin_ids().iter().filter_map(|id| Profile::builtin(id)).collect();
    for profile in &profiles {
        let _ = writeln!(page, "- [`{id}`](#{id}): {}", profile.title(), id = profile.id());
    }
    for profile in &profiles {
        let _ = writeln!(page, "\n## {}\n\n{}\n", profile.id(), profile.title());
        page.push_str("| rule | severity | limit | source | compared |\n|---|---|---|---|---|\n");
        for (rule, limits) in profile.rules().all() {
            let terms = limits.terms();
            let basis = match terms.confidence {
                Confidence::Official => "official",
                Confidence::ThirdParty => "third party",
                Confidence::Practice => "practice",
                _ => panic!("a word for {:?} is missing", terms.confidence),
            };
            let source = match &terms.source {
                Some(source) if source.starts_with("https://") => format!("[{basis}]({source})"),
                Some(source) => format!("{basis}: {}", source.replace('|', "\\|")),
                None => basis.to_owned(),
            };
            let limit = limits.describe().replace('|', "\\|");
            let limit = if limit.is_empty() { "enabled" } else { &limit };
            let day = terms.checked_on.as_deref().unwrap_or("never");
            let _ = writeln!(page, "| `{rule}` | {} | {limit} | {source} | {day} |", terms.severity);
        }
    }
    page
}

#[test]
fn the_tables_of_limits_are_those_of_the_profiles() {
    let path = root().join("docs/limits.md");
    let page = limits_page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = stored.lines().zip(page.lines()).find(|(stored, made)| stored != made);
    assert!(
        stored == page,
        "docs/limits.md is not up to date: UPDATE_DOCS=1 cargo test --test docs; first difference: {differs:?}"
    );
}

/// Runs the script of the GitHub action with these inputs.
fn action(dir: &TestDir, inputs: &[(&str, &str)]) -> Output {
    let script = root().join("ci/github-action.sh");
    let mut command = shell(dir, script.to_str().unwrap());
    command.env("CI", "true").env("GITHUB_OUTPUT", dir.path("output")).envs(inputs.iter().copied());
    command.output().unwrap()
}

#[test]
fn the_action_annotates_writes_sarif_and_ends_with_the_exit_code() {
    let dir = TestDir::new();
    dir.put("npm-vide-ocean.webm", "a b/clip one.webm");
    dir.put("npm-vide-ocean.mp4", "clip.mp4");
    let refused = action(
        &dir,
        &[
            ("INPUT_PATH", "a b/clip one.webm\nclip.mp4\n"),
            ("INPUT_PROFILE", "tiktok-ads\ninstagram-reels"),
            ("INPUT_SARIF", "out.sarif"),
        ],
    );
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("::error file=a b/clip one.webm"), "{}", text(&refused));
    let log: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.path("out.sarif")).unwrap()).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|result| result["ruleId"] == "video-codec"), "{results:?}");
    assert_eq!(std::fs::read_to_string(dir.path("output")).unwrap(), "exit-code=1\n");
    let compliant = action(&dir, &[("INPUT_PATH", "clip.mp4"), ("INPUT_ARGS", "--deep\n--no-progress")]);
    assert_eq!(compliant.status.code(), Some(0), "{}", text(&compliant));
}

#[test]
fn no_input_of_the_action_is_executed_or_taken_for_an_option() {
    let dir = TestDir::new();
    dir.put("npm-vide-ocean.mp4", "clip.mp4");
    for path in ["$(touch executed)", "clip.mp4; touch executed", "`touch executed`"] {
        let run = action(&dir, &[("INPUT_PATH", path), ("INPUT_ARGS", path)]);
        assert_eq!(run.status.code(), Some(2), "{}", text(&run));
    }
    let option = action(&dir, &[("INPUT_PATH", "--help")]);
    assert_eq!(option.status.code(), Some(2), "{}", text(&option));
    assert!(!dir.path("executed").exists());
}

#[test]
fn an_action_without_an_installed_program_says_so() {
    let run = action(&TestDir::new(), &[("GREENLIT", "greenlit-is-not-here")]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run).contains("::error::greenlit-is-not-here is not installed"), "{}", text(&run));
}

#[test]
fn the_action_hands_each_input_to_its_script() {
    let yaml = std::fs::read_to_string(root().join("action.yml")).unwrap();
    let script = std::fs::read_to_string(root().join("ci/github-action.sh")).unwrap();
    let (inputs, rest) = yaml.split_once("inputs:\n").unwrap().1.split_once("\noutputs:").unwrap();
    let names = inputs.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = names.map(|line| line.trim().trim_end_matches(':')).collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        let handed = rest.lines().find(|line| line.contains(&format!(": ${{{{ inputs.{name} }}}}")));
        let variable =
            handed.unwrap_or_else(|| panic!("{name} is not used")).split(':').next().unwrap().trim();
        assert!(script.contains(&format!("${{{variable}:-")), "{variable}");
    }
}
