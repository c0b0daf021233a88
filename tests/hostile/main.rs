//! A folder of hostile files: every one gets a verdict, and no other file or address is accessed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod set;

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use common::{CliRun, TestDir, entry, fixture};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use serde_json::Value;

/// What must not be accessed: a video outside the folder, and a network address.
struct Traps {
    canary: PathBuf,
    watch: std::os::fd::OwnedFd,
    listener: TcpListener,
}

impl Traps {
    fn set(dir: &TestDir) -> Traps {
        let canary = dir.put("npm-vide-ocean.mp4", "elsewhere/canary.mp4");
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        let access = WatchFlags::OPEN | WatchFlags::ACCESS;
        inotify::add_watch(&watch, &canary, access).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Traps { canary, watch, listener }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Returns how often the video was opened or read since the last call.
    fn accesses(&self) -> usize {
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.watch, &mut space);
        std::iter::from_fn(|| events.next().ok().map(|event| event.events()))
            .filter(|events| events.intersects(ReadFlags::OPEN | ReadFlags::ACCESS))
            .count()
    }

    #[track_caller]
    fn assert_untouched(&self) {
        assert_eq!(self.accesses(), 0, "a file outside the folder was opened");
        let connection = self.listener.accept();
        assert!(connection.is_err(), "unexpected connection: {connection:?}");
    }
}

/// Checks that the traps detect accesses.
#[test]
fn the_traps_detect_accesses() {
    let dir = TestDir::new();
    let traps = Traps::set(&dir);
    traps.assert_untouched();
    std::fs::read(&traps.canary).unwrap();
    assert!(traps.accesses() > 0);
    let _connection = std::net::TcpStream::connect(("127.0.0.1", traps.port())).unwrap();
    assert!(traps.listener.accept().is_ok());
    // The installed FFmpeg follows such a list by default.
    let list =
        dir.write("list.ffconcat", format!("ffconcat version 1.0\nfile '{}'\n", traps.canary.display()));
    let probe = Command::new("ffprobe").args(["-v", "quiet", "-safe", "0"]).arg(list).output().unwrap();
    assert!(probe.status.success() && traps.accesses() > 0);
}

fn files(report: &Value) -> &[Value] {
    report["files"].as_array().unwrap()
}

#[track_caller]
fn assert_clear_verdict(file: &Value) {
    let verdict = file["verdict"].as_str().unwrap();
    assert!(
        ["compliant", "noncompliant", "indeterminate", "unreadable", "skipped"].contains(&verdict),
        "{file:#}"
    );
    let reason = file["reason"].as_str().unwrap_or_default();
    let found = file["findings"].as_array().is_some_and(|findings| !findings.is_empty());
    assert!(verdict == "compliant" || found || !reason.is_empty(), "{file:#}");
    // A file whose worker was terminated got no verdict on its content.
    assert!(!reason.contains("media worker"), "{file:#}");
}

#[test]
fn a_hundred_hostile_files_get_verdicts_and_nothing_else_is_accessed() {
    let dir = TestDir::new();
    let traps = Traps::set(&dir);
    let files_written = set::write_files(&dir, "set", &traps.canary, traps.port());
    let run = dir.greenlit(&["check", "set", "--format", "json"]).expect(1);
    traps.assert_untouched();
    let report = run.json();
    assert_eq!(files(&report).len(), files_written.len());
    files(&report).iter().for_each(assert_clear_verdict);
    for file in files(&report) {
        let path = file["path"].as_str().unwrap();
        let points_elsewhere = path.contains("set/file") || path.contains("set/address");
        assert!(!points_elsewhere || file["verdict"] != "compliant", "{file:#}");
    }
    for name in
        ["huge.mp4", "huge.mkv", "huge.gif", "huge.png", "huge.avi", "sparse.mp4", "sparse.mkv", "deep.mp4"]
    {
        assert_ne!(entry(&report, &format!("/{name}"))["verdict"], "compliant", "{name}");
    }
    // A file name is escaped, so that it cannot control the terminal.
    let raw: Vec<_> = files(&report).iter().filter_map(|file| file["path_raw"].as_str()).collect();
    assert_eq!(raw.len(), 1, "{raw:?}");
    assert!(raw[0].contains("%FF%FE%80"), "{raw:?}");
    let text = dir.greenlit(&["check", "set"]).expect(1).stdout;
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'));
    traps.assert_untouched();
}

#[test]
fn accepts_hostile_file_names_as_arguments() {
    let dir = TestDir::new();
    let traps = Traps::set(&dir);
    let names = ["concat:a.mp4|b.mp4", "a\nb.mp4", "img%03d.mp4", "http:x.mp4", "file:x.mp4", "-i"];
    for name in names {
        dir.put("pypi-gradio-a.mp4", name);
    }
    let args = [&["check", "--format", "json", "--"][..], &names].concat();
    let report = dir.greenlit(&args).expect(1).json();
    let paths: BTreeSet<_> = files(&report).iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, BTreeSet::from(names));
    assert!(files(&report).iter().all(|file| file["media"]["container"] == "mp4"), "{report:#}");
    // None of these is a file, even if FFmpeg would accept it as a URL.
    for name in ["concat:-i|-i", "pipe:0", "file:-i", &format!("http://127.0.0.1:{}/x.mp4", traps.port())] {
        let run = dir.greenlit(&["check", name]).expect(2);
        assert!(run.stderr.contains(name), "{}", run.stderr);
    }
    traps.assert_untouched();
}

/// Creates a FIFO without a writer.
fn fifo(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}

#[test]
fn other_than_regular_files_are_refused_by_name_and_ignored_in_a_folder() {
    use std::os::unix::fs::symlink;
    let dir = TestDir::new();
    dir.put("pypi-gradio-a.mp4", "set/video.mp4");
    fifo(&dir.path("set/fifo.mp4"));
    symlink("/dev/zero", dir.path("set/zero.mp4")).unwrap();
    symlink("loop.mp4", dir.path("set/loop.mp4")).unwrap();
    symlink("..", dir.path("set/up")).unwrap();
    std::fs::create_dir(dir.path("set/folder.mp4")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path("set/socket.mp4")).unwrap();
    let report = dir.greenlit(&["check", "set", "--format", "json"]).expect(1).json();
    assert!(entry(&report, "video.mp4")["media"].is_object());
    assert!(files(&report).iter().all(|file| !file["media"].is_object() || file["path"] == "set/video.mp4"));
    for name in ["set/fifo.mp4", "set/zero.mp4", "/dev/zero", "/dev/null", "set/socket.mp4"] {
        let run = dir.greenlit(&["check", name, "--format", "json"]);
        assert!(matches!(run.code, Some(1 | 2)), "{name}: {run:?}");
        let output = format!("{}{}", run.stdout, run.stderr);
        assert!(output.contains("regular file") || output.contains("cannot be opened"), "{name}: {output}");
    }
    let run = dir.greenlit(&["check", "set/loop.mp4"]).expect(2);
    assert!(run.stderr.contains("set/loop.mp4"), "{}", run.stderr);
}

#[test]
fn a_file_that_changes_size_during_the_check_does_not_affect_others() {
    let dir = TestDir::new();
    for name in ["a.mp4", "b.mp4", "c.mp4", "d.mp4"] {
        dir.put("pypi-pose2sim-cam03.mp4", name);
    }
    let length = std::fs::metadata(fixture("pypi-pose2sim-cam03.mp4")).unwrap().len();
    let changing = std::fs::File::options().write(true).open(dir.path("b.mp4")).unwrap();
    let done = AtomicBool::new(false);
    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for part in [2, 0, 1] {
                    changing.set_len(length * part / 2).unwrap();
                }
            }
        });
        let child = dir.command(&["check", ".", "--deep", "--format", "json"]).stdin(Stdio::null()).output();
        done.store(true, Ordering::Relaxed);
        CliRun::of(child.unwrap())
    });
    assert!(matches!(run.code, Some(1 | 2)), "{run:?}");
    let report = run.json();
    assert_eq!(files(&report).len(), 4);
    files(&report).iter().for_each(assert_clear_verdict);
    for name in ["a.mp4", "c.mp4", "d.mp4"] {
        assert!(entry(&report, name)["media"].is_object(), "{report:#}");
    }
}
