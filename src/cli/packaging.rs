//! `greenlit completions`, `greenlit man` and `greenlit schema`, for packagers and tools.

use std::io::{self, Write};

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use super::error::CliError;
use super::exit_code::RunStatus;
use super::{notices, wrapped};

/// Writes bytes to standard output.
pub fn print(bytes: &[u8]) -> Result<RunStatus, CliError> {
    io::stdout()
        .lock()
        .write_all(bytes)
        .map_err(|source| CliError::WriteReport { target: "standard output".into(), source })?;
    Ok(RunStatus::Done)
}

/// Writes a page of text to standard output, wrapped and safe for a terminal.
pub fn print_page(text: &str) -> Result<RunStatus, CliError> {
    print(wrapped::to_terminal(&notices::safe_text(text)).as_bytes())
}

/// Prints the completion script of a shell.
pub fn completions(args: &CompletionsArgs) -> Result<RunStatus, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "greenlit", &mut text);
    print(&text)
}

/// Prints the manual page: the program, then each command.
pub fn man() -> Result<RunStatus, CliError> {
    let render = |command: clap::Command| {
        let mut text = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut text)
            .map_err(|source| CliError::WriteReport { target: "standard output".into(), source })?;
        Ok::<_, CliError>(text)
    };
    let mut command = Cli::command();
    command.build();
    let mut text = render(command.clone())?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name: &'static str = format!("greenlit-{}", sub.get_name()).leak();
        text.extend(render(sub.clone().name(name))?);
    }
    print(&text)
}

/// Prints the JSON schema of the report.
pub fn schema() -> Result<RunStatus, CliError> {
    print(crate::report::schema().as_bytes())
}
