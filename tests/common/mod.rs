//! Helpers for tests: a temporary folder, the built binaries, and the installed FFmpeg as a second opinion.
// No test file uses all of them.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod counting;
pub mod delivery_audit;
pub mod house;
pub mod mutate;
pub mod one_ad;
pub mod ship_setup;
pub mod slow_proxy;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Returns the path of a video in `fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    assert!(path.is_file(), "fixture {name} is missing");
    path
}

/// Returns the folder of the corpus of third-party files that `GREENLIT_CORPUS` names. Tests that need it are ignored
/// unless they are asked for by their names, which begin with `with_corpus`.
pub fn corpus() -> PathBuf {
    let path = PathBuf::from(std::env::var_os("GREENLIT_CORPUS").expect("GREENLIT_CORPUS names the corpus"));
    assert!(path.join("manifest.tsv").is_file(), "{} has no manifest.tsv", path.display());
    path
}

/// A folder that is removed after the test.
pub struct TestDir {
    dir: tempfile::TempDir,
}

impl TestDir {
    pub fn new() -> TestDir {
        TestDir { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Copies a fixture to `name`.
    pub fn put(&self, fixture_name: &str, name: &str) -> PathBuf {
        let to = self.path(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(fixture(fixture_name), &to).unwrap();
        to
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let to = self.path(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(&to, bytes).unwrap();
        to
    }

    /// Runs the binary in this folder, without the user's configuration.
    pub fn greenlit(&self, args: &[&str]) -> CliRun {
        CliRun::of(self.command(args).output().unwrap())
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenlit"));
        command.args(args).current_dir(self.root()).env_remove("GREENLIT_WORKER").env("NO_COLOR", "1");
        command.env("XDG_CACHE_HOME", self.path(".cache")).env("HOME", self.root());
        command
    }

    /// Makes media with the installed FFmpeg.
    pub fn ffmpeg(&self, args: &[&str]) {
        let run = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y"])
            .args(args)
            .current_dir(self.root())
            .output()
            .expect("ffmpeg is installed by `make setup`");
        assert!(run.status.success(), "ffmpeg {args:?}: {}", String::from_utf8_lossy(&run.stderr));
    }
}

/// Exit code and output of a run of the binary.
#[derive(Debug)]
pub struct CliRun {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl CliRun {
    pub fn of(output: Output) -> CliRun {
        CliRun {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> CliRun {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", self.stdout))
    }
}

/// Returns the words of a command line.
pub fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Returns the entry of a report whose path ends in `name`.
#[track_caller]
pub fn entry<'a>(report: &'a Value, name: &str) -> &'a Value {
    let files = report["files"].as_array().expect("files is a list");
    let found = files.iter().find(|file| file["path"].as_str().is_some_and(|path| path.ends_with(name)));
    found.unwrap_or_else(|| panic!("no entry for {name} in {report:#}"))
}

/// Returns the rules with errors in an entry.
pub fn errors(entry: &Value) -> Vec<&str> {
    let findings = entry["findings"].as_array().expect("findings is a list");
    findings
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .filter_map(|finding| finding["rule"].as_str())
        .collect()
}

/// Returns the JSON output of ffprobe for a file.
pub fn ffprobe(path: &Path) -> Value {
    let run = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_format", "-show_streams", "-count_frames"])
        .arg(path)
        .output()
        .expect("ffprobe is installed by `make setup`");
    serde_json::from_slice(&run.stdout).unwrap()
}

/// Decodes a file strictly with ffmpeg and returns its error messages.
pub fn decode_errors(path: &Path) -> String {
    let run = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-xerror", "-err_detect", "explode", "-i"])
        .arg(path)
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed by `make setup`");
    String::from_utf8_lossy(&run.stderr).into_owned()
}
