//! The command line program. Everything it does is in the library; this maps how the run ended to
//! the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(greenlit::cli::run().code())
}
