//! A test folder with a media worker that counts its starts.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{CliRun, TestDir};

/// A test folder with a worker that counts its starts.
pub struct CountingDir {
    pub dir: TestDir,
    pub worker: PathBuf,
}

impl CountingDir {
    pub fn new() -> CountingDir {
        let dir = TestDir::new();
        let worker = dir.path("bin/worker");
        let real = env!("CARGO_BIN_EXE_greenlit-worker");
        let starts = dir.path("bin/starts");
        let script = format!("#!/bin/sh\necho started >> '{}'\nexec '{real}'\n", starts.display());
        dir.write("bin/worker", script);
        std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o755)).unwrap();
        CountingDir { dir, worker }
    }

    /// Waits until a later change of the files changes their fingerprints.
    pub fn wait_for_cacheable_files(&self) {
        std::thread::sleep(Duration::from_millis(200));
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.dir.command(args);
        command.env("GREENLIT_WORKER", &self.worker);
        command
    }

    pub fn run(&self, args: &[&str]) -> CliRun {
        CliRun::of(self.command(args).output().unwrap())
    }

    pub fn starts(&self) -> usize {
        std::fs::read_to_string(self.dir.path("bin/starts")).unwrap_or_default().lines().count()
    }

    /// Runs a command and returns the number of workers that it started.
    pub fn run_counted(&self, args: &[&str]) -> (CliRun, usize) {
        let before = self.starts();
        let run = self.run(args);
        (run, self.starts() - before)
    }
}
