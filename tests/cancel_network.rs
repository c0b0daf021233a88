//! A server that sends a byte now and then does not hold a run: the first signal ends it, in every phase, as it
//! ends any run.
#![allow(clippy::unwrap_used)]

mod common;

#[path = "common/drip_proxy.rs"]
mod drip_proxy;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::CliRun;
use common::one_ad::{one_ad, post, ship};
use common::ship_setup::{KillOnDrop, ShipSetup, signal, wait_for};
use drip_proxy::{DripProxy, LANDING};

/// Far less than the client's own deadlines, which are minutes, and far more than a cancel takes.
const GENEROUS: Duration = Duration::from_secs(30);

/// A video with an ad and a post, whose platform is behind a proxy that drips at `path`.
fn behind_proxy(path: &'static str) -> (ShipSetup, DripProxy) {
    let mut setup = one_ad(&[], "120s", "1s");
    let proxy = DripProxy::start(setup.port, path);
    let config = std::fs::read_to_string(setup.dir.path("greenlit.toml")).unwrap();
    let config = config.replace(&setup.port.to_string(), &proxy.port.to_string());
    setup.dir.write("greenlit.toml", config);
    // The landing page is behind the proxy, too.
    let port = std::mem::replace(&mut setup.port, proxy.port);
    setup.manifest(&[("clips/face.mov", "one")]);
    setup.port = port;
    (setup, proxy)
}

fn start(mut command: Command) -> KillOnDrop {
    KillOnDrop(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Waits for the end of a run that got a signal.
#[track_caller]
fn end(mut child: KillOnDrop) -> CliRun {
    let begin = Instant::now();
    while child.0.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < GENEROUS, "the run does not end after the signal");
        std::thread::sleep(Duration::from_millis(20));
    }
    let read = |stream: Option<&mut dyn std::io::Read>| {
        let mut bytes = Vec::new();
        stream.unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    let Child { stdout, stderr, .. } = &mut child.0;
    let stdout = read(stdout.as_mut().map(|out| out as &mut dyn std::io::Read));
    let stderr = read(stderr.as_mut().map(|out| out as &mut dyn std::io::Read));
    CliRun::of(std::process::Output { status: child.0.wait().unwrap(), stdout, stderr })
}

/// Runs the command until the proxy drips, and sends it a signal. All cases run at the same time.
fn each_is_ended_by_a_signal(
    cases: &[(&'static str, &'static str)],
    command: fn(&ShipSetup, &'static str) -> Command,
) {
    std::thread::scope(|scope| {
        let runs: Vec<_> = cases
            .iter()
            .map(|(path, name)| {
                let run = scope.spawn(move || {
                    let (setup, proxy) = behind_proxy(path);
                    let child = start(command(&setup, path));
                    wait_for("a request that drips", || proxy.dripping() > 0);
                    signal(&child.0, name);
                    let run = end(child).expect(130);
                    assert!(run.stderr.contains("stopping"), "{}", run.stderr);
                });
                (path, run)
            })
            .collect();
        let failed: Vec<_> =
            runs.into_iter().filter_map(|(path, run)| run.join().is_err().then_some(path)).collect();
        assert!(failed.is_empty(), "failed at {failed:?}");
    });
}

#[test]
fn a_signal_ends_every_call_for_ads() {
    let cases = [
        ("file/video/ad/search/", "-TERM"),
        (LANDING, "-INT"),
        ("file/video/ad/upload/", "-TERM"),
        ("file/video/ad/info/", "-TERM"),
        ("ad/get/", "-INT"),
        ("file/image/ad/upload/", "-TERM"),
        ("ad/create/", "-TERM"),
    ];
    each_is_ended_by_a_signal(&cases, |setup, _| ship(setup, &["--format", "json"]));
}

#[test]
fn a_signal_ends_every_call_for_posts() {
    let cases = [("creator_info", "-TERM"), ("video/init", "-INT"), ("status/fetch", "-TERM")];
    each_is_ended_by_a_signal(&cases, |setup, _| post(setup, &[]));
}

#[test]
fn a_signal_ends_a_question_about_an_earlier_run_and_a_dry_run() {
    each_is_ended_by_a_signal(&[("file/name/check/", "-TERM"), (LANDING, "-TERM")], |setup, path| {
        let more: &[&str] = if path == LANDING { &["--dry-run"] } else { &["--format", "json"] };
        ship(setup, more)
    });
}
