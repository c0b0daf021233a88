//! The command line program: calls the library and returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(greenlit::cli::run().code())
}
