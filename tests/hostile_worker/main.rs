//! Code of an attacker inside the real media worker reaches nothing: neither files, nor its own input's metadata,
//! nor its parent, other processes, the network, shared memory or descriptors that were left open.
//!
//! `hostile.c` is compiled and loaded into the worker by `LD_PRELOAD`; SECURITY.md lists what it tries.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod forged;
mod levels;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{TestDir, entry};

const WORKER: &str = env!("CARGO_BIN_EXE_greenlit-worker");
const GREENLIT: &str = env!("CARGO_BIN_EXE_greenlit");
/// An ordinary user's number, for the second run when the tests run as root.
const ORDINARY: u32 = 65_533;
/// The capabilities that root needs for a worker of another user: CAP_KILL, CAP_SETGID, CAP_SETUID.
const CONTROL: u64 = 1 << 5 | 1 << 6 | 1 << 7;

const EPERM: i32 = 1;
const EACCES: i32 = 13;
const ENOSYS: i32 = 38;

/// Where the attacker acts, with a command that gets there.
const PLACES: [(&str, &[&str]); 3] = [
    ("open", &["check", "clip.mp4", "--probe", "ffmpeg", "--no-cache", "--format", "json"]),
    ("decode", &["check", "--deep", "clip.mp4", "--no-cache", "--format", "json"]),
    (
        "encode",
        &[
            "fix",
            "clip.mp4",
            "--out",
            "out",
            "--no-cache",
            "--format",
            "json",
            "--upscale",
            "--extend",
            "loop",
        ],
    ),
];

/// One thing that the attacker tried: class, name, and what the kernel returned.
#[derive(Debug)]
struct Attempt {
    class: String,
    name: String,
    returned: i64,
    error: i32,
}

impl Attempt {
    /// Whether nothing happened. The filter answers EPERM or ENOSYS, Landlock EACCES. Some calls are needed for
    /// outputs; on an input that is open for reading only, the kernel itself refuses them.
    fn is_denied(&self) -> bool {
        const NEEDED_FOR_OUTPUTS: [&str; 5] = ["ftruncate", "write", "pwrite", "fallocate", "map-writable"];
        let by_kernel = self.class == "descriptor"
            || self.class == "input" && NEEDED_FOR_OUTPUTS.contains(&self.name.as_str());
        self.returned < 0 && (by_kernel || [EPERM, EACCES, ENOSYS].contains(&self.error))
    }
}

/// Compiles a C file of this folder to a library.
fn compile(source: &str, library: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile_worker").join(source);
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([library.as_os_str(), source.as_os_str()])
        .arg("-ldl")
        .output()
        .expect("cc is installed; the bundled SQLite needs it too");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
}

/// A folder with a video, a victim and a worker that loads the attacker.
struct Scene {
    dir: TestDir,
}

impl Scene {
    fn new() -> Scene {
        let dir = TestDir::new();
        // Small and slow enough for the encoder to start while the decoder still runs.
        dir.ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x568:rate=25:duration=2",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:duration=2",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-shortest",
            "clip.mp4",
        ]);
        dir.write("victim", "secret of the victim");
        dir.write("planted", "left open by the starter");
        compile("hostile.c", &dir.path("hostile.so"));
        let at = |name: &str| dir.path(name).display().to_string();
        let script = format!(
            "#!/bin/sh\nexport HOSTILE_RESULTS='{}' HOSTILE_PLANTED='{}' HOSTILE_VICTIM='{}'\n\
             export LD_PRELOAD='{}'\nexec '{WORKER}' \"$@\"\n",
            at("results"),
            at("planted"),
            at("victim"),
            at("hostile.so"),
        );
        let wrapper = dir.write("worker", script);
        fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        Scene { dir }
    }

    fn give_to(&self, user: u32) {
        Scene::give(self.dir.root(), user);
    }

    /// Makes a user the owner of all that is in a folder.
    fn give(root: &Path, user: u32) {
        let mut folders = vec![root.to_owned()];
        while let Some(path) = folders.pop() {
            chown(&path, Some(user), Some(user)).unwrap();
            if path.is_dir() {
                folders.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    }

    /// Runs a command with the attacker inside its workers and the planted file left open, as `user`.
    fn run(&self, args: &[&str], user: Option<u32>) -> (serde_json::Value, String) {
        let quoted: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
        // A shell that opens descriptors beyond 9 is not everywhere; 7 stands for those below.
        let script = format!(
            "exec 7<planted; exec 9<planted; exec '{GREENLIT}' {} --no-progress --jobs 1",
            quoted.join(" ")
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(self.dir.root());
        command.env("GREENLIT_WORKER", self.dir.path("worker"));
        command.env("HOME", self.dir.root()).env_remove("XDG_CACHE_HOME").env_remove("XDG_STATE_HOME");
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        for number in 0..16 {
            let path = self.dir.path(&format!("results.free.{number}"));
            let file = fs::File::create(&path).unwrap();
            file.set_len(1 << 20).unwrap();
            if let Some(user) = user {
                chown(&path, Some(user), Some(user)).unwrap();
            }
        }
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let report =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
        (report, stderr)
    }

    /// Returns what the attacker tried at `place`, in all workers, and removes the results.
    fn attempts(&self, place: &str) -> Vec<Attempt> {
        let files = fs::read_dir(self.dir.root()).unwrap().map(|entry| entry.unwrap().path());
        let results: Vec<PathBuf> = files
            .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("results.taken."))
            .collect();
        let mut attempts = Vec::new();
        for path in results {
            let text = fs::read(&path).unwrap();
            let text = String::from_utf8(text.split(|byte| *byte == 0).next().unwrap().to_vec()).unwrap();
            for line in text.lines() {
                let [at, class, name, returned, error] = line.split(' ').collect::<Vec<_>>()[..] else {
                    panic!("{line}");
                };
                if at == place {
                    let (class, name) = (class.to_owned(), name.to_owned());
                    let (returned, error) = (returned.parse().unwrap(), error.parse().unwrap());
                    attempts.push(Attempt { class, name, returned, error });
                }
            }
            fs::remove_file(path).unwrap();
        }
        attempts
    }

    /// Returns all that is known of a file but when it was read.
    fn state(&self, name: &str) -> (Vec<u8>, [u64; 6], i64, i64, Vec<String>) {
        let path = self.dir.path(name);
        let meta = path.metadata().unwrap();
        let numbers = [
            meta.ino(),
            u64::from(meta.mode()),
            u64::from(meta.uid()),
            u64::from(meta.gid()),
            meta.nlink(),
            meta.size(),
        ];
        let mut names = [0; 4096];
        let length = rustix::fs::listxattr(&path, &mut names[..]).unwrap_or(0);
        let attributes = String::from_utf8_lossy(&names[..length]).split('\0').map(str::to_owned).collect();
        (
            fs::read(&path).unwrap(),
            numbers,
            meta.ctime() * 1_000_000_000 + meta.ctime_nsec(),
            meta.mtime(),
            attributes,
        )
    }
}

/// Whether this root could limit and end a worker of another user.
fn root_keeps_control() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(set.trim(), 16).unwrap() & CONTROL == CONTROL
}

fn everything_is_denied(user: Option<u32>) {
    let scene = Scene::new();
    if let Some(user) = user {
        scene.give_to(user);
    }
    let is_root = user.is_none() && rustix::process::getuid().is_root();
    let stays_root = is_root && !root_keeps_control();
    let names = ["victim", "planted", "clip.mp4"];
    let before = names.map(|name| scene.state(name));
    for (place, args) in PLACES {
        let (report, stderr) = scene.run(args, user);
        let attempts = scene.attempts(place);
        let mut classes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for attempt in &attempts {
            classes.entry(&attempt.class).or_default().insert(&attempt.name);
            let is_identity =
                attempt.class == "privilege" && ["user", "group"].contains(&attempt.name.as_str());
            assert!(attempt.is_denied() || is_identity && stays_root, "{place}: {attempt:?}");
        }
        assert!(
            classes.contains_key("end"),
            "the attack at {place} did not end: {attempts:?}\n{report}\n{stderr}"
        );
        for class in
            ["path", "input", "parent", "template", "process", "socket", "memory", "descriptor", "privilege"]
        {
            let count = classes.get(class).map_or(0, BTreeSet::len);
            assert!(count >= 3, "{place}: {count} attempts of class {class}");
        }
        let count: usize = classes.values().map(BTreeSet::len).sum();
        assert!(count >= 60, "{place}: {count} attempts");
        // The parent still runs, and its report is about the video.
        let media = &entry(&report, "clip.mp4")["media"];
        assert_eq!(media["video"][0]["codec"], "h264", "{report}\n{stderr}");
        assert_eq!(names.map(|name| scene.state(name)), before, "{place}");
        assert!(!scene.dir.path("victim.made").exists());
    }
}

#[test]
fn an_attacker_in_a_worker_is_denied_everything() {
    everything_is_denied(None);
}

/// Also where no privilege of root could be at fault.
#[test]
fn an_attacker_in_a_worker_of_an_ordinary_user_is_denied_everything() {
    if rustix::process::getuid().is_root() {
        everything_is_denied(Some(ORDINARY));
    }
}

/// The attack itself works: without the barriers it reaches what it tries.
#[test]
fn the_same_attacker_succeeds_without_isolation() {
    let scene = Scene::new();
    let (place, args) = PLACES[0];
    let args: Vec<&str> = args.iter().copied().chain(["--isolation", "off"]).collect();
    let (report, stderr) = scene.run(&args, None);
    let succeeded: BTreeSet<String> = scene
        .attempts(place)
        .into_iter()
        .filter(|attempt| !attempt.is_denied())
        .map(|attempt| format!("{}/{}", attempt.class, attempt.name))
        .collect();
    for what in [
        "path/openat",
        "path/newfstatat",
        "path/fchmodat",
        "path/utimensat",
        "path/inotify_init1",
        "input/fchmod",
        "input/futimens",
        "parent/kill",
        "parent/tgkill",
        "parent/setpriority",
        "parent/death-signal-off",
        "template/kill",
        "template/prlimit",
        "process/fork",
        "socket/udp",
        "socket/unix",
        "memory/memfd",
    ] {
        assert!(succeeded.contains(what), "{what}: {succeeded:?}\n{report}\n{stderr}");
    }
    assert!(!scene.dir.path("victim").exists());
    assert!(stderr.contains("not isolated"), "{stderr}");
    let refused = report["tool"]["isolation_refused"].as_array().unwrap();
    assert!(refused.iter().any(|refused| refused.as_str().unwrap().starts_with("seccomp:")), "{refused:?}");
}
