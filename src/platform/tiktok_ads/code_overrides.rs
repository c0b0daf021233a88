//! The table of return codes with the user's overrides.
//!
//! Platforms change their codes without notice. An override corrects the built-in page of a code or adds a
//! code that the built-in table does not have.

use std::collections::BTreeMap;

use super::code_table::{self, CodePage};
use crate::platform::{Class, UnknownClass};
use crate::profile::nearest;

/// The keys of an override.
const KEYS: &[&str] = &["class", "meaning", "action", "source"];
const DEFAULT_ACTION: &str = "see the platform's message";
const DEFAULT_SOURCE: &str = "`[override.code]` of the configuration";

/// The built-in table with the user's overrides; without overrides by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeTable {
    overrides: BTreeMap<i64, CodeOverride>,
}

/// One override; a field that is `None` keeps its built-in value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct CodeOverride {
    class: Option<Class>,
    meaning: Option<String>,
    action: Option<String>,
    source: Option<String>,
}

/// The error for an override that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeTableError {
    /// A value that must be a table has another type.
    #[error("`{0}` must be a table")]
    Table(String),
    /// A value that must be a text has another type or is empty.
    #[error("`{0}` must be a text that is not empty")]
    Text(String),
    /// The key of an override is not a return code.
    #[error("`{0}`: the key must be the number of a code, such as `[override.code.40105]`")]
    Number(String),
    /// Code 0, success, cannot be overridden.
    #[error("`{0}`: 0 is the platform's code for success and cannot be overridden")]
    Success(String),
    /// An unknown key.
    #[error("unknown key `{path}`{}", nearest.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key with its tables.
        path: String,
        /// The most similar known key.
        nearest: Option<&'static str>,
    },
    /// An unknown class.
    #[error("`{path}`{}", nearest.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    Class {
        /// The key with its tables.
        path: String,
        /// The most similar class.
        nearest: Option<&'static str>,
        /// The given class and the possible ones.
        source: UnknownClass,
    },
    /// The built-in table does not have the code, and the override lacks a required key.
    #[error(
        "`{path}` is missing: greenlit does not know this code, so its entry must set `class` and `meaning`"
    )]
    Missing {
        /// The key with its tables.
        path: String,
    },
}

impl CodeTable {
    /// Reads the overrides in `table`, which maps codes to keys; `at` is its path in the file.
    ///
    /// # Errors
    ///
    /// [`CodeTableError`] with the path of the key and, if there is one, the most similar known name.
    pub fn read(table: &toml::Value, at: &str) -> Result<CodeTable, CodeTableError> {
        let table = table.as_table().ok_or_else(|| CodeTableError::Table(at.to_owned()))?;
        let mut overrides = BTreeMap::new();
        for (name, entry) in table {
            let at = format!("{at}.{name}");
            // Only the canonical spelling is accepted, so that no override hides another.
            let code = name.parse::<i64>().ok().filter(|code| code.to_string() == *name);
            let code = code.ok_or_else(|| CodeTableError::Number(at.clone()))?;
            if code == 0 {
                return Err(CodeTableError::Success(at));
            }
            overrides.insert(code, read_override(code, entry, &at)?);
        }
        Ok(CodeTable { overrides })
    }

    /// Returns whether the code is overridden.
    pub fn is_overridden(&self, code: i64) -> bool {
        self.overrides.contains_key(&code)
    }

    /// Returns the class that an override gives a code; `None` without one.
    pub fn overridden_class(&self, code: i64) -> Option<Class> {
        self.overrides.get(&code)?.class
    }

    /// Returns the page of a code, with overrides applied; `None` for an unknown code.
    pub fn page(&self, code: i64) -> Option<CodePage<'_>> {
        let built_in = code_table::explain(code);
        let Some(own) = self.overrides.get(&code) else { return built_in };
        let meaning = own.meaning.as_deref();
        Some(CodePage {
            code,
            class: own.class.or(built_in.map(|page| page.class))?,
            meaning: meaning.or(built_in.map(|page| page.meaning))?,
            action: own.action.as_deref().or(built_in.map(|page| page.action)).unwrap_or(DEFAULT_ACTION),
            // The misreading belongs to the built-in meaning.
            mistaken_for: built_in.filter(|_| meaning.is_none()).and_then(|page| page.mistaken_for),
            source: own.source.as_deref().unwrap_or(DEFAULT_SOURCE),
        })
    }
}

fn read_override(code: i64, entry: &toml::Value, at: &str) -> Result<CodeOverride, CodeTableError> {
    let keys = entry.as_table().ok_or_else(|| CodeTableError::Table(at.to_owned()))?;
    if let Some(key) = keys.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let nearest = nearest(key, KEYS.iter().copied());
        return Err(CodeTableError::UnknownKey { path: format!("{at}.{key}"), nearest });
    }
    let text = |key: &str| match keys.get(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
        Some(_) => Err(CodeTableError::Text(format!("{at}.{key}"))),
    };
    let class = match text("class")? {
        None => None,
        Some(word) => Some(word.parse::<Class>().map_err(|source| CodeTableError::Class {
            path: format!("{at}.class"),
            nearest: nearest(&word, Class::names()),
            source,
        })?),
    };
    let own =
        CodeOverride { class, meaning: text("meaning")?, action: text("action")?, source: text("source")? };
    if code_table::explain(code).is_none() {
        let missing = [("class", own.class.is_none()), ("meaning", own.meaning.is_none())];
        if let Some((key, _)) = missing.into_iter().find(|(_, missing)| *missing) {
            return Err(CodeTableError::Missing { path: format!("{at}.{key}") });
        }
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<CodeTable, CodeTableError> {
        CodeTable::read(&toml::Value::Table(text.parse().unwrap()), "override.code")
    }

    fn refused(text: &str) -> String {
        let error = read(text).unwrap_err();
        match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        }
    }

    #[test]
    fn an_override_replaces_only_the_keys_it_sets() {
        let table = read("[40002]\nclass = \"retry\"\n[40100]\nmeaning = \"m\"\nsource = \"s\"\n").unwrap();
        let built_in = code_table::explain(40_002).unwrap();
        let page = table.page(40_002).unwrap();
        assert_eq!((page.class, page.meaning), (Class::Retry, built_in.meaning));
        assert_eq!((page.action, page.mistaken_for), (built_in.action, built_in.mistaken_for));
        assert_ne!(page.source, built_in.source, "the source must not be the built-in one");
        let page = table.page(40_100).unwrap();
        assert_eq!((page.class, page.meaning, page.source), (Class::Throttle, "m", "s"));
        assert_eq!(page.mistaken_for, None);
        assert_eq!(table.overridden_class(40_100), None);
        assert_eq!(table.page(40_105), code_table::explain(40_105));
        assert!(table.is_overridden(40_100) && !table.is_overridden(40_105));
    }

    #[test]
    fn an_override_adds_an_unknown_code() {
        let table = read("[40777]\nclass = \"re-encode\"\nmeaning = \"odd\"\n").unwrap();
        let page = table.page(40_777).unwrap();
        assert_eq!((page.class, page.meaning, page.action), (Class::ReEncode, "odd", DEFAULT_ACTION));
        assert_eq!(table.page(40_778), None);
    }

    #[test]
    fn errors_name_the_path_of_the_key_and_the_nearest_known_name() {
        for (text, words) in [
            ("[40105]\nmeanign = \"x\"\n", "`override.code.40105.meanign`; did you mean `meaning`?"),
            ("[40105]\nclass = \"re-encod\"\n", "`override.code.40105.class`; did you mean `re-encode`?"),
            ("[40105]\nclass = \"zzz\"\n", "unknown class `zzz`"),
            ("[40105]\nclass = 3\n", "`override.code.40105.class` must be a text"),
            ("[40105]\naction = \" \"\n", "`override.code.40105.action` must be a text"),
            ("40105 = \"retry\"\n", "`override.code.40105` must be a table"),
            ("[spam]\nclass = \"retry\"\n", "`override.code.spam`"),
            ("[040105]\nclass = \"retry\"\n", "`override.code.040105`"),
            ("[0]\nclass = \"retry\"\n", "`override.code.0`"),
            ("[40777]\nmeaning = \"odd\"\n", "`override.code.40777.class` is missing"),
            ("[40777]\nclass = \"retry\"\n", "`override.code.40777.meaning` is missing"),
        ] {
            let message = refused(text);
            assert!(message.contains(words), "{message}");
        }
        let flat = CodeTable::read(&toml::Value::Integer(1), "override.code").unwrap_err();
        assert_eq!(flat, CodeTableError::Table("override.code".into()));
    }
}
