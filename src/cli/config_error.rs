//! Errors in the configuration.

use std::path::PathBuf;

use crate::platform::ConnectError;

/// An error in the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file that was found belongs to another user.
    #[error(
        "the configuration {path} belongs to the user with id {owner}, and only your own (id {user}) and those of \
         root are used: change its owner, or name it with --config {path}"
    )]
    Owner {
        /// The file.
        path: PathBuf,
        /// Id of its owner.
        owner: u32,
        /// Id of the user of this process.
        user: u32,
    },
    /// A file that was found may be changed by everybody.
    #[error(
        "every user may change the configuration {path}: take that permission away (chmod o-w), or name it with --config {path}"
    )]
    Writable {
        /// The file.
        path: PathBuf,
    },
    /// The file is not TOML, or a value has the wrong type.
    #[error("invalid configuration {path}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Position and reason.
        message: String,
    },
    /// The file has an unknown key.
    #[error("{path}: unknown key `{key}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key with its tables.
        key: String,
        /// The nearest valid key.
        nearest: Option<String>,
    },
    /// A key or table has a value that it cannot have.
    #[error("{origin}: {key}: {problem}")]
    Value {
        /// The file with the line, or the environment variable.
        origin: String,
        /// The key with its table.
        key: String,
        /// The problem and what to do.
        problem: String,
    },
    /// An environment variable has a name like that of a key, and there is no such key.
    #[error("unknown environment variable {name}{}", nearest.as_ref().map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The nearest one that sets a key.
        nearest: Option<String>,
    },
    /// An environment variable has a value that its key cannot have.
    #[error("invalid value `{value}` of the environment variable {name} (the key {key})")]
    BadVariable {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
        /// The key.
        key: String,
    },
    /// `[override.code]` has an invalid entry.
    #[error("invalid configuration {path}")]
    Codes {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: ConnectError,
    },
}
