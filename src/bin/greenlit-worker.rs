//! The media worker: reads, fixes and proves one file at a time for a parent process.

use std::process::ExitCode;

use greenlit::job::{execute, worker};

#[allow(clippy::print_stderr)] // For whoever starts it by hand.
fn main() -> ExitCode {
    if worker::serve(execute::describe(), execute::execute) {
        ExitCode::SUCCESS
    } else {
        eprintln!("greenlit-worker is started by greenlit and does nothing by itself");
        ExitCode::from(2)
    }
}
