//! The media worker: probes, fixes and verifies one file at a time for a parent process.

use std::process::ExitCode;

use greenlit::job::{execute, worker};

// Output for a person who starts the worker directly.
#[allow(clippy::print_stderr, clippy::print_stdout)]
fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let first = args.next();
    if let Some("--self-test") = first.as_deref() {
        let confined = args.next().as_deref() != Some("unconfined");
        let port = args.next().and_then(|port| port.parse().ok()).unwrap_or(9);
        for line in worker::self_test(confined, port) {
            println!("{line}");
        }
        return ExitCode::SUCCESS;
    }
    if worker::serve(
        first.as_deref() == Some(worker::DEVICES_ARG),
        execute::prepare,
        execute::execute_in_worker,
    ) {
        ExitCode::SUCCESS
    } else {
        eprintln!("greenlit-worker is started by greenlit; it cannot run on its own");
        ExitCode::from(2)
    }
}
