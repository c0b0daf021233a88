//! A folder of hostile files: every one gets a verdict, and nothing beyond them is touched.
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

use common::{Desk, Run, entry, fixture};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use serde_json::Value;

/// What must not be touched: a video that is not in the folder, and an address.
struct Traps {
    canary: PathBuf,
    watch: std::os::fd::OwnedFd,
    listener: TcpListener,
}

impl Traps {
    fn set(desk: &Desk) -> Traps {
        let canary = desk.put("npm-vide-ocean.mp4", "elsewhere/canary.mp4");
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        let touched = WatchFlags::OPEN | WatchFlags::ACCESS;
        inotify::add_watch(&watch, &canary, touched).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Traps { canary, watch, listener }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// How often the video was opened or read since the last look.
    fn touches(&self) -> usize {
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.watch, &mut space);
        std::iter::from_fn(|| events.next().ok().map(|event| event.events()))
            .filter(|events| events.intersects(ReadFlags::OPEN | ReadFlags::ACCESS))
            .count()
    }

    #[track_caller]
    fn are_untouched(&self) {
        assert_eq!(self.touches(), 0, "a file that was not named was opened");
        let caller = self.listener.accept();
        assert!(caller.is_err(), "something called: {caller:?}");
    }
}

/// That the traps catch anything at all.
#[test]
fn the_traps_work() {
    let desk = Desk::new();
    let traps = Traps::set(&desk);
    traps.are_untouched();
    std::fs::read(&traps.canary).unwrap();
    assert!(traps.touches() > 0);
    let _caller = std::net::TcpStream::connect(("127.0.0.1", traps.port())).unwrap();
    assert!(traps.listener.accept().is_ok());
    // The installed FFmpeg, by default, does follow such a list.
    let list =
        desk.write("list.ffconcat", format!("ffconcat version 1.0\nfile '{}'\n", traps.canary.display()));
    let probe = Command::new("ffprobe").args(["-v", "quiet", "-safe", "0"]).arg(list).output().unwrap();
    assert!(probe.status.success() && traps.touches() > 0);
}

fn files(report: &Value) -> &[Value] {
    report["files"].as_array().unwrap()
}

#[track_caller]
fn has_a_clear_verdict(file: &Value) {
    let verdict = file["verdict"].as_str().unwrap();
    assert!(
        ["compliant", "noncompliant", "indeterminate", "unreadable", "skipped"].contains(&verdict),
        "{file:#}"
    );
    let reason = file["reason"].as_str().unwrap_or_default();
    let found = file["findings"].as_array().is_some_and(|findings| !findings.is_empty());
    assert!(verdict == "compliant" || found || !reason.is_empty(), "{file:#}");
    // What keeps a worker busy until it is ended got no verdict on its own bytes.
    assert!(!reason.contains("the process that works on this file"), "{file:#}");
}

#[test]
fn a_hundred_hostile_files_get_their_verdicts_and_nothing_else_is_touched() {
    let desk = Desk::new();
    let traps = Traps::set(&desk);
    let made = set::lay_out(&desk, "set", &traps.canary, traps.port());
    let run = desk.greenlit(&["check", "set", "--format", "json"]).expect(1);
    traps.are_untouched();
    let report = run.json();
    assert_eq!(files(&report).len(), made.len());
    files(&report).iter().for_each(has_a_clear_verdict);
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
    // A name is shown as what it is, never as what it would do.
    let raw: Vec<_> = files(&report).iter().filter_map(|file| file["path_raw"].as_str()).collect();
    assert_eq!(raw.len(), 1, "{raw:?}");
    assert!(raw[0].contains("%FF%FE%80"), "{raw:?}");
    let text = desk.greenlit(&["check", "set"]).expect(1).stdout;
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'));
    traps.are_untouched();
}

#[test]
fn hostile_names_may_be_given_by_themselves() {
    let desk = Desk::new();
    let traps = Traps::set(&desk);
    let names = ["concat:a.mp4|b.mp4", "a\nb.mp4", "img%03d.mp4", "http:x.mp4", "file:x.mp4", "-i"];
    for name in names {
        desk.put("pypi-gradio-a.mp4", name);
    }
    let args = [&["check", "--format", "json", "--"][..], &names].concat();
    let report = desk.greenlit(&args).expect(1).json();
    let paths: BTreeSet<_> = files(&report).iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, BTreeSet::from(names));
    assert!(files(&report).iter().all(|file| file["media"]["container"] == "mp4"), "{report:#}");
    // None of those is a file here, whatever FFmpeg would make of it.
    for name in ["concat:-i|-i", "pipe:0", "file:-i", &format!("http://127.0.0.1:{}/x.mp4", traps.port())] {
        let run = desk.greenlit(&["check", name]).expect(2);
        assert!(run.stderr.contains(name), "{}", run.stderr);
    }
    traps.are_untouched();
}

/// Creates a FIFO that nobody writes to.
fn fifo(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}

#[test]
fn what_is_no_regular_file_is_refused_by_name_and_passed_over_in_a_folder() {
    use std::os::unix::fs::symlink;
    let desk = Desk::new();
    desk.put("pypi-gradio-a.mp4", "set/clip.mp4");
    fifo(&desk.path("set/fifo.mp4"));
    symlink("/dev/zero", desk.path("set/zero.mp4")).unwrap();
    symlink("loop.mp4", desk.path("set/loop.mp4")).unwrap();
    symlink("..", desk.path("set/up")).unwrap();
    std::fs::create_dir(desk.path("set/folder.mp4")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(desk.path("set/socket.mp4")).unwrap();
    let report = desk.greenlit(&["check", "set", "--format", "json"]).expect(1).json();
    assert!(entry(&report, "clip.mp4")["media"].is_object());
    assert!(files(&report).iter().all(|file| !file["media"].is_object() || file["path"] == "set/clip.mp4"));
    for name in ["set/fifo.mp4", "set/zero.mp4", "/dev/zero", "/dev/null", "set/socket.mp4"] {
        let run = desk.greenlit(&["check", name, "--format", "json"]);
        assert!(matches!(run.code, Some(1 | 2)), "{name}: {run:?}");
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("regular file") || said.contains("cannot be opened"), "{name}: {said}");
    }
    let run = desk.greenlit(&["check", "set/loop.mp4"]).expect(2);
    assert!(run.stderr.contains("set/loop.mp4"), "{}", run.stderr);
}

#[test]
fn a_file_that_shrinks_and_grows_meanwhile_costs_only_itself() {
    let desk = Desk::new();
    for name in ["a.mp4", "b.mp4", "c.mp4", "d.mp4"] {
        desk.put("pypi-pose2sim-cam03.mp4", name);
    }
    let length = std::fs::metadata(fixture("pypi-pose2sim-cam03.mp4")).unwrap().len();
    let restless = std::fs::File::options().write(true).open(desk.path("b.mp4")).unwrap();
    let done = AtomicBool::new(false);
    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for part in [2, 0, 1] {
                    restless.set_len(length * part / 2).unwrap();
                }
            }
        });
        let child = desk.command(&["check", ".", "--deep", "--format", "json"]).stdin(Stdio::null()).output();
        done.store(true, Ordering::Relaxed);
        Run::of(child.unwrap())
    });
    assert!(matches!(run.code, Some(1 | 2)), "{run:?}");
    let report = run.json();
    assert_eq!(files(&report).len(), 4);
    files(&report).iter().for_each(has_a_clear_verdict);
    for name in ["a.mp4", "c.mp4", "d.mp4"] {
        assert!(entry(&report, name)["media"].is_object(), "{report:#}");
    }
}
