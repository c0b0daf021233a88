//! Lists every connection that greenlit makes, as the kernel sees it, and runs it where only the loopback exists:
//! there is no telemetry, no update check and no name server.
//!
//! `make setup` installs the `strace` that the tests need.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use common::one_ad::{COMPLIANT, one_ad};
use common::ship_setup::TOKEN;
use common::{CliRun, TestDir};

/// What a traced run did.
#[derive(Debug, Default, PartialEq)]
struct Contacts {
    /// `ADDRESS:PORT` of each connection or datagram, and the names of Unix sockets.
    targets: BTreeSet<String>,
    /// Files that only the resolution of names reads.
    resolver_files: BTreeSet<String>,
}

const RESOLVER_FILES: [&str; 4] = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/gai.conf"];

/// Returns what follows `start`, up to `end`.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

fn contacts(trace: &str) -> Contacts {
    let mut found = Contacts::default();
    for line in trace.lines() {
        let is_call = |name: &str| line.contains(&format!("{name}("));
        if is_call("openat") || is_call("open") {
            let named = RESOLVER_FILES.iter().filter(|file| line.contains(&format!("\"{file}\"")));
            found.resolver_files.extend(named.map(|file| (*file).to_owned()));
        }
        if !["connect", "sendto", "sendmsg", "sendmmsg"].iter().any(|name| is_call(name)) {
            continue;
        }
        let port = between(line, "htons(", ")").unwrap_or("?");
        if let Some(address) = between(line, "inet_addr(\"", "\"") {
            found.targets.insert(format!("{address}:{port}"));
        } else if let Some(address) = between(line, "inet_pton(AF_INET6, \"", "\"") {
            found.targets.insert(format!("[{address}]:{port}"));
        } else if let Some(path) = between(line, "sun_path=", "}") {
            found.targets.insert(format!("unix {path}"));
        } else if line.contains("sa_family=") && !line.contains("AF_UNSPEC") {
            found.targets.insert(line.to_owned());
        }
    }
    found
}

/// Runs greenlit under strace, which follows every process.
fn traced(dir: &TestDir, args: &[&str], expected: i32) -> (CliRun, Contacts) {
    let trace = dir.path("trace.txt");
    let greenlit = dir.command(args);
    let mut command = Command::new("strace");
    // Only the parent: `tests/worker_calls.rs` and `tests/hostile_worker` show what a worker may do, and its filter
    // refuses every socket.
    command.args(["-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg,openat,open", "-s", "200"]);
    command.arg("-o").arg(&trace).arg(greenlit.get_program()).args(greenlit.get_args());
    with_environment(&mut command, &greenlit);
    let run = CliRun::of(command.output().expect("strace is installed by `make setup`")).expect(expected);
    let text = String::from_utf8_lossy(&std::fs::read(&trace).unwrap()).into_owned();
    // Without such lines nothing was traced.
    assert!(text.contains("openat("), "nothing was traced: {text}");
    (run, contacts(&text))
}

fn with_environment(command: &mut Command, like: &Command) {
    command.current_dir(like.get_current_dir().unwrap()).env("TEST_TOKEN", TOKEN);
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

#[test]
fn check_and_fix_contact_nobody() {
    let dir = TestDir::new();
    dir.put(COMPLIANT, "in/a.mov");
    for args in [
        &["check", "in"][..],
        &["check", "--deep", "in", "--format", "json"],
        &["fix", "in", "--out", "out"],
        &["explain", "video-codec"],
        &["profiles", "tiktok-ads"],
        &["status"],
        &["doctor"],
    ] {
        let (_, found) = traced(&dir, args, 0);
        assert_eq!(found, Contacts::default(), "{args:?}");
    }
}

#[test]
fn a_trial_connects_only_to_its_own_sandbox() {
    let dir = TestDir::new();
    dir.put(COMPLIANT, "in/a.mov");
    let args = ["ship", "in", "--to", "sandbox", "--sandbox-processing", "0s..0s"];
    let (_, found) = traced(&dir, &args, 0);
    let ports: BTreeSet<&str> = found
        .targets
        .iter()
        .map(|target| target.strip_prefix("127.0.0.1:").unwrap_or_else(|| panic!("{found:?}")))
        .collect();
    assert_eq!(ports.len(), 1, "{found:?}");
    assert!(!ports.contains("53"), "{found:?}");
    assert_eq!(found.resolver_files, BTreeSet::new());
}

/// Serves landing pages at an address of their own, and returns its port.
fn landing_site() -> u16 {
    let listener = TcpListener::bind("127.0.0.3:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            let reply = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = client.write_all(reply.as_bytes());
        }
    });
    port
}

#[test]
fn ship_connects_only_to_the_typed_host_and_to_the_landing_page() {
    let setup = one_ad(&[], "60s", "1s");
    let site = landing_site();
    let text = std::fs::read_to_string(setup.dir.path("ads.csv")).unwrap();
    let text = text.replace(&format!("127.0.0.1:{}", setup.port), &format!("127.0.0.3:{site}"));
    setup.dir.write("ads.csv", text);
    let base = format!("http://127.0.0.1:{}/open_api/v1.3", setup.port);
    // The configuration names another host, which must not hear of the run.
    let config = std::fs::read_to_string(setup.dir.path("greenlit.toml")).unwrap();
    let port = setup.port.to_string();
    setup.dir.write("greenlit.toml", config.replace(&format!("127.0.0.1:{port}"), "127.0.0.9:9"));
    let expected = BTreeSet::from([format!("127.0.0.1:{port}"), format!("127.0.0.3:{site}")]);
    for more in [&["--dry-run"][..], &[], &[]] {
        let args = [&["ship", "ads.csv", "--to", "test", "--base-url", &base], more].concat();
        let (_, found) = traced(&setup.dir, &args, 0);
        assert!(found.targets.is_subset(&expected), "{args:?}: {found:?}");
        assert_eq!(found.resolver_files, BTreeSet::new(), "{args:?}");
        if more.is_empty() {
            assert!(found.targets.contains(&format!("127.0.0.1:{port}")), "nothing was sent: {found:?}");
        }
    }
    assert_eq!(setup.ads().len(), 1);
}

/// Runs greenlit in a new network namespace, whose only interface is the loopback. `None` where the system does not
/// allow one, or lacks the programs that make it.
fn in_empty_network(dir: &TestDir, args: &[&str]) -> Option<CliRun> {
    let unshare: &[&str] = if rustix::process::geteuid().is_root() { &["-n"] } else { &["-r", "-n"] };
    let up = "ip link set lo up && exec \"$@\"";
    let prepared = |program: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(unshare).args(["sh", "-c", up, "sh"]).args(program);
        command
    };
    match prepared(&["true"]).output() {
        Ok(output) if output.status.success() => {}
        _ => return None,
    }
    let greenlit = dir.command(args);
    let mut command = prepared(&[]);
    command.arg(greenlit.get_program()).args(greenlit.get_args());
    with_environment(&mut command, &greenlit);
    Some(CliRun::of(command.output().unwrap()))
}

#[test]
fn everything_works_where_only_the_loopback_exists() {
    let dir = TestDir::new();
    dir.put(COMPLIANT, "in/a.mov");
    let Some(checked) = in_empty_network(&dir, &["check", "in"]) else {
        eprintln!("not run: `unshare -n` and `ip link set lo up` are not possible here");
        return;
    };
    checked.expect(0);
    in_empty_network(&dir, &["fix", "in", "--out", "out"]).unwrap().expect(0);
    let args = ["ship", "in", "--to", "sandbox", "--sandbox-processing", "0s..0s"];
    in_empty_network(&dir, &args).unwrap().expect(0);
    // The namespace is really empty: a host outside cannot be reached, and the error says so at once.
    dir.write(
        "greenlit.toml",
        "[destination.test]\nplatform = \"tiktok-ads\"\nadvertiser_id = \"7000000000000000001\"\n\
         token_env = \"TEST_TOKEN\"\nbase_url = \"https://business-api.tiktok.com/open_api/v1.3\"\n",
    );
    let run = in_empty_network(&dir, &["ship", "in", "--to", "test"]).unwrap().expect(2);
    assert!(run.stderr.contains("nothing was sent"), "{}", run.stderr);
}

#[test]
fn contacts_are_read_from_a_trace() {
    let text = "7 connect(5, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr(\"10.0.0.1\")}, 16) = 0\n\
        7 sendto(5, \"x\", 1, 0, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), \
        inet_pton(AF_INET6, \"2001:db8::1\", &sin6_addr), sin6_scope_id=0}, 28) = 1\n\
        7 connect(5, {sa_family=AF_UNIX, sun_path=\"/run/nscd/socket\"}, 110) = -1 ENOENT\n\
        7 sendto(9, \"x\", 1, MSG_NOSIGNAL, NULL, 0) = 1\n\
        7 connect(5, {sa_family=AF_NETLINK, nl_pid=0}, 12) = 0\n\
        7 openat(AT_FDCWD, \"/etc/resolv.conf\", O_RDONLY|O_CLOEXEC) = 5\n";
    let found = contacts(text);
    let expected = ["10.0.0.1:53", "[2001:db8::1]:443", "unix \"/run/nscd/socket\""];
    assert!(expected.iter().all(|target| found.targets.contains(*target)), "{found:?}");
    assert_eq!((found.targets.len(), found.resolver_files.len()), (4, 1), "{found:?}");
}
