//! A folder of its own for each test, the real binaries, and the installed FFmpeg as a witness.
// Every test file takes what it needs.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod ledger;
pub mod line;
pub mod mutate;
pub mod stage;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The real clips of the repository.
pub fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    assert!(path.is_file(), "there is no fixture {name}");
    path
}

/// The corpus of other people's files, where it is at hand.
pub fn corpus() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("GREENLIT_CORPUS")?);
    if path.join("manifest.tsv").is_file() { Some(path) } else { None }
}

/// A folder that is gone after the test.
pub struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Desk {
        Desk { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Copies a fixture here under `name`.
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

    /// The binary with its working directory here and nothing of the user's configuration.
    pub fn greenlit(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
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

/// What a run of the binary came to.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: Output) -> Run {
        Run {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", self.stdout))
    }
}

/// The entry of a report whose path ends in `name`.
#[track_caller]
pub fn entry<'a>(report: &'a Value, name: &str) -> &'a Value {
    let files = report["files"].as_array().expect("files is a list");
    let found = files.iter().find(|file| file["path"].as_str().is_some_and(|path| path.ends_with(name)));
    found.unwrap_or_else(|| panic!("no entry for {name} in {report:#}"))
}

/// The rules that found errors in an entry.
pub fn errors(entry: &Value) -> Vec<&str> {
    let findings = entry["findings"].as_array().expect("findings is a list");
    findings
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .filter_map(|finding| finding["rule"].as_str())
        .collect()
}

/// What ffprobe says of a file.
pub fn ffprobe(path: &Path) -> Value {
    let run = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_format", "-show_streams", "-count_frames"])
        .arg(path)
        .output()
        .expect("ffprobe is installed by `make setup`");
    serde_json::from_slice(&run.stdout).unwrap()
}

/// Everything ffmpeg complains about while decoding a file strictly.
pub fn decode_complaints(path: &Path) -> String {
    let run = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-xerror", "-err_detect", "explode", "-i"])
        .arg(path)
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed by `make setup`");
    String::from_utf8_lossy(&run.stderr).into_owned()
}
