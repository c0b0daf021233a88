//! The media worker: probes, fixes and verifies one file at a time for a parent process.

use std::process::ExitCode;

use greenlit::{execute, worker};

// Output for a person who starts the worker directly.
#[allow(clippy::print_stderr, clippy::print_stdout)]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize| args.get(index).map(String::as_str);
    if let Some("--self-test") = argument(0) {
        let confined = argument(1) != Some("unconfined");
        let port = argument(2).and_then(|port| port.parse().ok()).unwrap_or(9);
        for line in worker::self_test(confined, port) {
            println!("{line}");
        }
        return ExitCode::SUCCESS;
    }
    if worker::serve(&args, execute::prepare, execute::execute_in_worker) {
        ExitCode::SUCCESS
    } else {
        eprintln!("greenlit-worker is started by greenlit; it cannot run on its own");
        ExitCode::from(2)
    }
}
