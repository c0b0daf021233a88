//! What a worker says is hostile: an absurd message costs its file, and never the run.
//!
//! A process of this program stands in for the worker. It does the jobs, and then changes the numbers, texts and
//! lists of its progress and results before it sends them.
#![cfg(target_os = "linux")]
#![allow(clippy::exit, clippy::unwrap_used)]

mod common;

use std::fs::File;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;

use common::TestDir;
use greenlit::execute::execute;
use greenlit::job::{Job, JobFiles};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::{Number, Value, json};

/// Set for the process that stands in for the worker: the seed of its changes.
const SEED: &str = "GREENLIT_TEST_HOSTILE_SEED";
/// Set for the process that stands in for a worker, else it stands in for the template.
const WORKER: &str = "GREENLIT_TEST_HOSTILE_WORKER";
/// One of so many values is changed.
const RARITY: u64 = 12;

/// Receives a message of the parent with its descriptors; `None` when it has hung up.
fn receive(mut from: &UnixStream) -> Option<(Value, Vec<File>)> {
    let mut length = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let count = recvmsg(from, &mut [IoSliceMut::new(&mut length)], &mut control, flags).ok()?.bytes;
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            files.extend(received.map(File::from));
        }
    }
    from.read_exact(&mut length[count..]).ok()?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut body).ok()?;
    Some((serde_json::from_slice(&body).ok()?, files))
}

fn send(mut to: &UnixStream, message: &Value) {
    let body = serde_json::to_vec(message).unwrap();
    let _ = to.write_all(&(body.len() as u32).to_be_bytes()).and_then(|()| to.write_all(&body));
}

/// Changes some of the values in `value`, keeping most of their types, so that the message stays readable.
fn distort(value: &mut Value, random: &mut fastrand::Rng) {
    const WHOLE: [u64; 7] = [0, 1, 2, 1 << 31, 1 << 32, 1 << 62, u64::MAX];
    const BROKEN: [f64; 10] = [0.0, -0.0, 1e-300, -1.0, 1e9, -1e9, 1e18, 1e300, f64::MAX, f64::MIN_POSITIVE];
    match value {
        Value::Array(items) => {
            if random.u64(..RARITY) == 0 {
                let copies = items.clone();
                (0..random.usize(..4)).for_each(|_| items.extend(copies.iter().cloned()));
            } else if random.u64(..3 * RARITY) == 0 {
                items.clear();
            }
            items.truncate(500);
        }
        Value::Object(_) => {}
        _ if random.u64(..RARITY) != 0 => {}
        Value::Number(number) if number.is_f64() => {
            *value = json!(BROKEN[random.usize(..BROKEN.len())]);
        }
        Value::Number(number) if number.is_u64() => {
            *value = Value::Number(Number::from(WHOLE[random.usize(..WHOLE.len())]));
        }
        Value::Number(_) => *value = json!([i64::MIN, -1, 0, i64::MAX][random.usize(..4)]),
        Value::String(text) => {
            let replaced = ["", "\u{1b}[2J", "h264", "\u{202e}", "999999999999"][random.usize(..5)];
            *text = if random.bool() { replaced.to_owned() } else { replaced.repeat(2000) };
        }
        Value::Bool(flag) => *flag = !*flag,
        Value::Null => *value = json!(BROKEN[random.usize(..BROKEN.len())]),
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| distort(item, random)),
        Value::Object(fields) => fields.values_mut().for_each(|field| distort(field, random)),
        _ => {}
    }
}

/// The template's side: starts a hostile worker whenever one is asked for.
fn serve_as_template(parent: &UnixStream) {
    let info = json!({
        "library": "FFmpeg", "encoders": ["libx264"], "separate_process": false, "in_force": [], "refused": [],
    });
    send(parent, &json!({"Hello": [format!("{}/9", env!("CARGO_PKG_VERSION")), info]}));
    let mut children: Vec<std::process::Child> = Vec::new();
    while let Some((request, files)) = receive(parent) {
        let reply = if request == "Fork" {
            let socket = std::process::Stdio::from(files.into_iter().next().unwrap());
            let child = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "hostile_worker_process", "--nocapture", "--test-threads", "1"])
                .env(WORKER, children.len().to_string())
                .stdin(socket)
                .spawn()
                .unwrap();
            let pid = child.id();
            children.push(child);
            json!({"Forked": {"pid": pid}})
        } else {
            let (ends, pid) = match (&request["End"]["pid"], &request["Status"]["pid"]) {
                (Value::Null, pid) => (false, pid.as_u64().unwrap()),
                (pid, _) => (true, pid.as_u64().unwrap()),
            };
            let child = children.iter_mut().find(|child| u64::from(child.id()) == pid).unwrap();
            if ends {
                let _ = child.kill();
                json!({"Ended": {"status": child.wait().unwrap().into_raw()}})
            } else {
                let status = child.try_wait().unwrap();
                status.map_or(json!("Running"), |status| json!({"Ended": {"status": status.into_raw()}}))
            }
        };
        send(parent, &reply);
    }
}

/// The worker's side, in processes of its own. Does nothing in an ordinary run of the tests.
#[test]
fn hostile_worker_process() {
    let Ok(seed) = std::env::var(SEED) else { return };
    let parent = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let Ok(number) = std::env::var(WORKER) else {
        serve_as_template(&parent);
        std::process::exit(0);
    };
    // Each worker distorts other values.
    let seed = seed.parse::<u64>().unwrap() ^ number.parse::<u64>().unwrap() << 32;
    let mut random = fastrand::Rng::with_seed(seed);
    let in_force = ["seccomp", "landlock", "no-new-privileges", "no-capabilities"];
    let info = json!({
        "library": "", "encoders": [], "separate_process": true, "in_force": in_force, "refused": [],
    });
    send(&parent, &json!({"Hello": info}));
    if let Some((request, files)) = receive(&parent)
        && let Ok(job) = serde_json::from_value::<Job>(request["Run"]["job"].clone())
    {
        let mut files = files.into_iter();
        let files = JobFiles { input: files.next().unwrap(), outputs: files.collect() };
        let cancel = std::sync::Arc::default();
        // Facts that only a few changes distort reach the plan; others are refused at once.
        let result = execute(&job, files, "clip.mp4", cancel, &mut |progress| {
            let mut progress = serde_json::to_value(progress).unwrap();
            (0..8).for_each(|_| distort(&mut progress, &mut random));
            send(&parent, &json!({"Progress": progress}));
        });
        for absurd in [json!(1e-300), json!(-1), json!(1e300), json!(u64::MAX)] {
            let progress = json!({"done_s": absurd, "total_s": 1.0, "frames": u64::MAX});
            send(&parent, &json!({"Progress": progress}));
        }
        let mut result = match result {
            Ok(output) => json!({"Ok": output}),
            Err(error) => json!({"Err": error}),
        };
        if random.u64(..4) != 0 {
            distort(&mut result, &mut random);
        }
        send(&parent, &json!({"Done": result}));
    }
    std::process::exit(0);
}

/// Runs greenlit with the hostile worker of a seed. The parent must end by itself, with a report.
fn survives(dir: &TestDir, seed: u64, args: &[&str]) {
    let this = std::env::current_exe().unwrap();
    let script = format!(
        "#!/bin/sh\nexport {SEED}={seed}\nexec '{}' --exact hostile_worker_process --nocapture --test-threads 1\n",
        this.display()
    );
    let worker = dir.write(&format!("worker-{seed}"), script);
    std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = dir.command(args);
    // Progress is shown as in a log.
    command.env("GREENLIT_WORKER", &worker).env("CI", "1").args([
        "--format",
        "json",
        "--no-cache",
        "--jobs",
        "1",
    ]);
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "seed {seed}, {args:?}: {stderr}");
    assert!(
        matches!(output.status.code(), Some(0..=3)),
        "seed {seed}, {args:?}: {:?} {stderr}",
        output.status
    );
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("seed {seed}, {args:?}: {error}: {stderr}"));
    assert_eq!(report["files"].as_array().unwrap().len(), 2, "seed {seed}, {args:?}: {report}");
}

fn two_clips() -> TestDir {
    let dir = TestDir::new();
    for (name, size) in [("in/a.mp4", "320x180"), ("in/b.mp4", "180x320")] {
        dir.write(name, "");
        let source = format!("testsrc2=size={size}:rate=10:duration=1");
        dir.ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            &source,
            "-f",
            "lavfi",
            "-i",
            "sine=duration=1",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-c:a",
            "aac",
            "-shortest",
            name,
        ]);
    }
    dir
}

#[test]
fn absurd_messages_do_not_end_a_check() {
    let dir = two_clips();
    for seed in 0..20 {
        survives(&dir, seed, &["check", "in"]);
        survives(&dir, 1000 + seed, &["check", "in", "--deep"]);
    }
}

#[test]
fn absurd_messages_do_not_end_a_fix() {
    let dir = two_clips();
    for seed in 0..20 {
        let out = format!("out-{seed}");
        let args =
            ["fix", "in", "--out", &out, "--upscale", "--extend", "loop", "--trim", "--preset", "superfast"];
        survives(&dir, 2000 + seed, &args);
    }
}
