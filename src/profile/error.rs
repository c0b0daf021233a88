//! Why a profile is invalid.

/// A profile is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
    #[error(
        "`extends = \"{0}\"`: no profile has that name; `greenlit profiles` lists the built-in ones, and a file is named by its \
         path relative to this one"
    )]
    UnknownBase(String),
}

/// Returns the place and the message of a TOML error in `text`. Its own text also quotes the line, over several lines.
pub(crate) fn one_line(error: &toml::de::Error, text: &str) -> String {
    let place = error.span().map_or(String::new(), |span| {
        let (line, column) = position(text, span.start);
        format!("line {line}, column {column}: ")
    });
    format!("{place}{}", error.message().trim_end().replace('\n', ", "))
}

/// Returns the line and the column of a byte, from 1. The end of the text is on the line of its last character.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let last = text.char_indices().next_back().map_or(0, |(at, _)| at);
    let beyond = byte.saturating_sub(text.len().saturating_sub(1));
    let before = text.get(..byte.min(last)).unwrap_or(text);
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    (line + 1, column + beyond + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_place_is_the_one_that_the_parser_prints() {
        for text in [
            "a = ",
            "a",
            "a = 1\nb =\n",
            "a = 1\n\n",
            "# é\nü = 1",
            "é = 1\n\"é\" = [\n",
            "a = \"\n",
            "[",
            "=",
            "a=1\r\nb",
            "a = é",
        ] {
            let Err(error) = text.parse::<toml::Table>() else { continue };
            let printed = error.to_string();
            let expected = printed.lines().next().unwrap().strip_prefix("TOML parse error at ").unwrap();
            let found = one_line(&error, text);
            assert!(found.starts_with(&format!("{expected}: ")), "{text:?}: {found} instead of {expected}");
        }
        assert_eq!(position("", 0), (1, 1));
    }
}
