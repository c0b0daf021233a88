//! The error of the simple interface.

use std::error::Error as StdError;
use std::fmt;

/// Why a call of the simple interface could not begin, or could not go on. What is wrong with a single file is no
/// error: it is in the result for that file.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What an [`Error`] is about, which decides what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call is wrong: no profile, several profiles where one is needed, or a folder instead of a file.
    Usage,
    /// There is no such file, folder or profile.
    NotFound,
    /// A file or a folder cannot be read or written.
    Io,
    /// No media worker can be started, or it is not isolated as required.
    Worker,
    /// A manifest cannot be read, or its rows cannot be published; nothing was sent.
    Manifest,
    /// The journal of deliveries cannot be used.
    Journal,
    /// The destination cannot be reached, or refuses access.
    Destination,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), source: None }
    }

    pub(crate) fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Error {
        Error { kind, message: message.into(), source: Some(source.into()) }
    }

    /// Returns what it is about.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_kind_and_its_cause_and_names_the_cause_only_once() {
        let cause = std::io::Error::other("the disk is full");
        let error = Error::with_source(ErrorKind::Io, "the record cannot be written", cause);
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(error.to_string(), "the record cannot be written");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("the disk is full"));
        assert!(Error::new(ErrorKind::Usage, "no profile").source().is_none());
    }
}
