//! The isolation that a worker reports is what the kernel shows.

use greenlit::job::Runner;
use greenlit::worker::WorkerTimeouts;

use crate::common::TestDir;
use crate::own_worker::{OwnWorker, leave_open};
use crate::{CLIP, pool};

/// Checks the isolation in `/proc`, and that the worker has no open files but its sockets, whatever was left open.
#[test]
fn the_kernel_confirms_the_reported_isolation() {
    let worker = OwnWorker::new();
    let left_open = leave_open("/etc/hostname");
    let pool = worker.pool(WorkerTimeouts::default());
    let info = pool.describe().unwrap();
    let [pid] = worker.processes()[..] else { panic!("{:?}", worker.processes()) };
    let read = |what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap();
    let status = read("status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_start_matches(':').trim().to_owned())
    };
    let reports = |what: &str| info.in_force.iter().any(|entry| entry.starts_with(what));
    assert_eq!(reports("seccomp"), field("Seccomp").as_deref() == Some("2"), "{status}");
    assert_eq!(reports("no-new-privileges"), field("NoNewPrivs").as_deref() == Some("1"), "{status}");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(field(set).as_deref(), Some("0000000000000000"), "{status}");
    }
    let is_root = |field: Option<String>| field.is_none_or(|ids| ids.split_whitespace().any(|id| id == "0"));
    assert_eq!(reports("unprivileged-user"), !is_root(field("Uid")), "{status}");
    assert_eq!(read("oom_score_adj").trim().parse::<i32>().unwrap() >= 500, reports("oom-score"));
    let limits = read("limits");
    for (name, value) in [("Max file size", "0"), ("Max msgqueue size", "0"), ("Max core file size", "0")] {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert_eq!(line.split_whitespace().next(), Some(value), "{limits}");
    }
    // The kernel shows the rest of another user's process only to root with CAP_SYS_PTRACE.
    if std::fs::read_dir(format!("/proc/{pid}/fd")).is_err() && reports("unprivileged-user") {
        return;
    }
    assert_eq!(reports("empty-environment"), read("environ").is_empty());
    let open = |of: &str| {
        let entries = std::fs::read_dir(format!("/proc/{of}/fd")).unwrap().flatten();
        let targets = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.map(|target| target.to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    assert!(open("self").iter().any(|target| target == "/etc/hostname"));
    for target in open(&pid.to_string()) {
        assert!(target.starts_with("socket:") || target == "/dev/null", "{target}");
    }
    drop(left_open);
}

#[test]
fn the_report_states_the_isolation_in_force() {
    let dir = TestDir::new();
    dir.put(CLIP, "clip.mp4");
    let report =
        dir.greenlit(&["check", "clip.mp4", "--probe", "ffmpeg", "--format", "json"]).expect(0).json();
    let stated: Vec<_> =
        report["tool"]["isolation"].as_array().unwrap().iter().map(|entry| entry.as_str().unwrap()).collect();
    assert_eq!(stated, pool(WorkerTimeouts::default()).describe().unwrap().in_force);
    for what in ["no-new-privileges", "no-capabilities", "closed-descriptors", "landlock", "seccomp"] {
        assert!(stated.contains(&what), "{what}: {stated:?}");
    }
    assert!(report["tool"]["landlock_abi"].as_u64().is_some_and(|abi| abi >= 1), "{}", report["tool"]);
    assert!(report["tool"]["isolation_refused"].is_array(), "{}", report["tool"]);
}
