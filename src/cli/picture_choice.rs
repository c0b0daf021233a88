//! The argument `--pictures`.

use clap::ValueEnum;

use super::error::CliError;
use crate::report::Format;

/// Which pictures the HTML report has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pictures {
    /// No pictures.
    None,
    /// A few frames of each file with findings or a fix.
    Few,
    /// More frames, and of every file.
    All,
}

impl Pictures {
    /// Resolves the argument for a format: only the HTML report has pictures.
    ///
    /// # Errors
    ///
    /// [`CliError::Usage`] for pictures in another format.
    pub fn resolve(argument: Option<Pictures>, format: Format) -> Result<Pictures, CliError> {
        match (argument, format) {
            (argument, Format::Html) => Ok(argument.unwrap_or(Pictures::Few)),
            (None | Some(Pictures::None), _) => Ok(Pictures::None),
            (Some(_), _) => {
                Err(CliError::Usage("--pictures is for the HTML report: add --format html".to_owned()))
            }
        }
    }
}
