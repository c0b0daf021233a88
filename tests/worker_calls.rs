//! Names the system calls that the filter of a worker refused although decoding, encoding or a filter made them.
//!
//! A call that is needed anew, by another libc or another FFmpeg, shows here by its name. `make setup`
//! installs the `strace` that it needs.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use common::TestDir;

const WORKER: &str = env!("CARGO_BIN_EXE_greenlit-worker");

/// Calls whose refusal their callers expect: libc takes `clone` instead, leaves out the affinity of threads, uses UTC
/// and converts no rare character sets, and Rust's library counts processors without the limits of a container.
const EXPECTED: [(&str, &str); 5] = [
    ("clone3", ""),
    ("sched_getaffinity", ""),
    ("openat", "/etc/localtime"),
    ("openat", "/gconv/"),
    ("openat", "/proc/self/cgroup"),
];

fn refused_calls(trace: &str) -> BTreeSet<String> {
    let refused = trace.lines().filter(|line| line.contains(" EPERM ") || line.contains(" ENOSYS "));
    let calls = refused.map(|line| line.split_once(' ').map_or(line, |(_, call)| call.trim_start()));
    calls
        .filter(|call| {
            !EXPECTED.iter().any(|(name, argument)| call.starts_with(name) && call.contains(argument))
        })
        .map(|call| call.split('(').next().unwrap_or(call).to_owned())
        .collect()
}

/// Runs greenlit with traced workers and returns the calls of theirs that failed, with their threads.
fn trace(dir: &TestDir, args: &[&str]) -> String {
    let pipe = dir.path("trace");
    let _ = fs::remove_file(&pipe);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // `-D` leaves the process that greenlit started to the worker; a worker's limits do not hold for a pipe.
    let script = format!("#!/bin/sh\nexec strace -D -f -qq -Z -o '{}' '{WORKER}' \"$@\"\n", pipe.display());
    let wrapper = dir.write("worker", script);
    fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            fs::File::open(pipe).unwrap().read_to_end(&mut text).unwrap();
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    // Held open until the run has ended, so that the reader outlasts each single worker.
    let mut writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    let mut command = dir.command(args);
    command.env("GREENLIT_WORKER", dir.path("worker")).args(["--no-cache", "--jobs", "1"]);
    let output = command.output().unwrap();
    assert!(matches!(output.status.code(), Some(0..=2)), "{output:?}");
    writer.flush().unwrap();
    drop(writer);
    reader.join().unwrap()
}

#[test]
fn nothing_that_the_codecs_call_is_refused() {
    let strace = Command::new("strace").arg("-V").output().expect("strace is installed by `make setup`");
    assert!(strace.status.success(), "{strace:?}");
    let dir = TestDir::new();
    let video = "testsrc2=size=320x568:rate=25:duration=1";
    for (name, video_codec, audio_codec) in [
        ("h264.mp4", "libx264", "aac"),
        ("hevc.mp4", "libx265", "ac3"),
        ("vp9.webm", "libvpx-vp9", "libopus"),
        ("vp8.mkv", "libvpx", "libvorbis"),
        ("av1.mkv", "libaom-av1", "flac"),
        ("mpeg2.ts", "mpeg2video", "mp2"),
        ("prores.mov", "prores_ks", "pcm_s16le"),
        ("mpeg4.avi", "mpeg4", "libmp3lame"),
    ] {
        dir.write(&format!("in/{name}"), "");
        let out = format!("in/{name}");
        let mut args =
            vec!["-f", "lavfi", "-i", video, "-f", "lavfi", "-i", "sine=duration=1", "-c:v", video_codec];
        if video_codec == "libaom-av1" {
            args.extend(["-cpu-used", "8", "-row-mt", "1"]);
        }
        args.extend(["-c:a", audio_codec, "-shortest", &out]);
        dir.ffmpeg(&args);
    }
    let traced = trace(&dir, &["check", "--deep", "in"])
        + &trace(&dir, &["fix", "in", "--out", "out", "--extend", "loop", "--upscale"]);
    // The worker asks for descriptors' messages without blocking; without such lines nothing was traced.
    assert!(traced.contains("clone3"), "nothing was traced: {traced}");
    assert_eq!(refused_calls(&traced), BTreeSet::new(), "{traced}");
}

#[test]
fn a_refused_call_is_named() {
    let text = "12 clone3({flags=CLONE_VM}, 88) = -1 ENOSYS (Function not implemented)\n\
                12 statx(3, \"\", AT_EMPTY_PATH) = -1 ENOSYS (Function not implemented)\n\
                13 openat(AT_FDCWD, \"/etc/localtime\", O_RDONLY) = -1 EPERM (Operation not permitted)\n\
                13 openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY) = -1 EPERM (Operation not permitted)\n\
                13 recvfrom(3, 0x7ffd, 1, MSG_PEEK) = -1 EAGAIN (Resource temporarily unavailable)\n";
    assert_eq!(refused_calls(text), BTreeSet::from(["openat".to_owned(), "statx".to_owned()]));
}
