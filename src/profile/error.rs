//! Why a profile is invalid.

/// A profile is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The text is not TOML.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// A key is unknown.
    #[error("unknown key `{path}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key with its tables.
        path: String,
        /// The most similar valid key.
        nearest: Option<String>,
    },
    /// A required key is missing.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A value has the wrong type or form.
    #[error("`{path}` must be {expected}")]
    Value {
        /// The key with its tables.
        path: String,
        /// The expected type or form.
        expected: String,
    },
    /// A lower limit is above the upper one, so that no file could comply.
    #[error("`{low}` is {low_value}, which is above `{high}` = {high_value}: no file could comply")]
    Contradiction {
        /// The key of the lower limit with its tables.
        low: String,
        /// Its value.
        low_value: String,
        /// The key of the upper limit.
        high: String,
        /// Its value.
        high_value: String,
    },
    /// A list of codecs has a name that FFmpeg does not know.
    #[error("`{path}`: unknown codec `{name}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownCodec {
        /// The key with its tables.
        path: String,
        /// The name.
        name: String,
        /// The codec that was probably meant.
        nearest: Option<String>,
    },
    /// `extends` names an unknown profile.
    #[error("`extends = \"{0}\"`: no built-in profile has that name")]
    UnknownBase(String),
}

/// Returns the place and the message of a TOML error. Its own text also quotes the line, over several lines.
pub(crate) fn one_line(error: &toml::de::Error) -> String {
    let text = error.to_string();
    let place = text.lines().next().filter(|line| line.starts_with("TOML parse error at "));
    let place = place.map_or(String::new(), |line| line.replacen("TOML parse error at ", "", 1) + ": ");
    format!("{place}{}", error.message().trim_end().replace('\n', ", "))
}
