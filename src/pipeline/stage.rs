//! Stage values: what a use case returns, in a form that another process or machine can take up.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::plan::FixPlan;

use super::checked_file::CheckedFile;
use super::outcome::Outcome;

/// The version of the stage values. It grows with every change after which older builds misread them.
const VERSION: u32 = 1;

/// A value that one stage hands to the next.
pub trait StageValue: Serialize + DeserializeOwned {
    /// The name of the value in its stored form.
    const NAME: &'static str;
}

impl StageValue for CheckedFile {
    const NAME: &'static str = "checked-file";
}

impl StageValue for Vec<FixPlan> {
    const NAME: &'static str = "fix-plans";
}

impl StageValue for Vec<Outcome> {
    const NAME: &'static str = "outcomes";
}

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    greenlit_stage: String,
    version: u32,
    value: T,
}

/// The head of a stored value, which every version can read.
#[derive(Deserialize)]
struct Head {
    greenlit_stage: String,
    version: u32,
}

/// Why a stored stage value cannot be taken up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    /// It is not a stored value, or one with other fields.
    #[error("not a stored value of greenlit: {0}")]
    Malformed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is the value of another stage.
    #[error("the stored value is `{found}`, expected `{expected}`")]
    OtherValue {
        /// The name in the stored form.
        found: String,
        /// The name that was asked for.
        expected: &'static str,
    },
    /// A later version of greenlit wrote it.
    #[error(
        "written by a later version of greenlit (format {found}, supported up to {VERSION}); update greenlit"
    )]
    Newer {
        /// The version in the stored form.
        found: u32,
    },
}

impl From<serde_json::Error> for StageError {
    fn from(error: serde_json::Error) -> StageError {
        StageError::Malformed(Box::new(error))
    }
}

/// Returns the stored form of a stage value, as JSON.
///
/// # Errors
///
/// If the value cannot be written as JSON, which is a bug.
pub fn store_stage<T: StageValue>(value: &T) -> Result<String, StageError> {
    let stored = Stored { greenlit_stage: T::NAME.to_owned(), version: VERSION, value };
    Ok(serde_json::to_string(&stored)?)
}

/// Returns the stage value of a stored form.
///
/// # Errors
///
/// [`StageError`]
pub fn load_stage<T: StageValue>(text: &str) -> Result<T, StageError> {
    let head: Head = serde_json::from_str(text)?;
    if head.version > VERSION {
        return Err(StageError::Newer { found: head.version });
    }
    if head.greenlit_stage != T::NAME {
        return Err(StageError::OtherValue { found: head.greenlit_stage, expected: T::NAME });
    }
    Ok(serde_json::from_str::<Stored<T>>(text)?.value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::{Action, example};

    #[test]
    fn a_stored_value_is_read_back_and_others_are_refused_by_name() {
        let plans = vec![example::plan(Action::Copy)];
        let text = store_stage(&plans).unwrap();
        assert_eq!(load_stage::<Vec<FixPlan>>(&text).unwrap(), plans);
        let other = load_stage::<CheckedFile>(&text).unwrap_err();
        assert_eq!(other.to_string(), "the stored value is `fix-plans`, expected `checked-file`");
        assert!(matches!(load_stage::<Vec<FixPlan>>("{}"), Err(StageError::Malformed(_))));
    }

    #[test]
    fn a_later_version_is_refused_before_its_fields_are_read() {
        let text = r#"{"greenlit_stage":"fix-plans","version":2,"value":{"unknown":true}}"#;
        assert!(matches!(load_stage::<Vec<FixPlan>>(text), Err(StageError::Newer { found: 2 })));
    }
}
