//! The argument `--pictures`.

use clap::ValueEnum;

use super::error::CliError;

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
    /// Resolves the argument: only an HTML report has pictures.
    ///
    /// # Errors
    ///
    /// [`CliError::Usage`] for pictures without an HTML report.
    pub fn resolve(argument: Option<Pictures>, has_html: bool) -> Result<Pictures, CliError> {
        match (argument, has_html) {
            (argument, true) => Ok(argument.unwrap_or(Pictures::Few)),
            (None | Some(Pictures::None), false) => Ok(Pictures::None),
            (Some(_), false) => {
                Err(CliError::Usage("--pictures is for the HTML report: add --format html".to_owned()))
            }
        }
    }
}
