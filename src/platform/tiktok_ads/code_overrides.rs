//! The table of codes with the user's own entries laid over it.
//!
//! Platforms change their codes without saying so. An entry of the user's puts right what the built-in
//! table says of a code, or adds one that it does not know.

use std::collections::BTreeMap;

use super::codes::{self, CodePage};
use crate::platform::{Class, UnknownClass};
use crate::profile::nearest;

/// Keys of an entry.
const KEYS: &[&str] = &["class", "meaning", "action", "source"];
const OWN_ACTION: &str = "see the message that came with it";
const OWN_SOURCE: &str = "`[override.code]` of the configuration";

/// The built-in table with entries laid over it; by default the built-in one alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeTable {
    own: BTreeMap<i64, OwnCode>,
}

/// What an entry says; the rest stays as built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OwnCode {
    class: Option<Class>,
    meaning: Option<String>,
    action: Option<String>,
    source: Option<String>,
}

/// An entry that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeTableError {
    /// Something that must be a table is none.
    #[error("`{0}` must be a table")]
    Table(String),
    /// A value of the wrong type or form.
    #[error("`{0}` must be a text that says something")]
    Text(String),
    /// The name of an entry is no code.
    #[error("`{0}`: an entry is named by the code's number, such as `[override.code.40105]`")]
    Number(String),
    /// Success is not for the user to define.
    #[error("`{0}`: 0 is the platform's word for success and stays what it is")]
    Success(String),
    /// A key that means nothing.
    #[error("unknown key `{path}`{}", nearest.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key with its tables.
        path: String,
        /// The nearest right key.
        nearest: Option<&'static str>,
    },
    /// A class that does not exist.
    #[error("`{path}`{}", nearest.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    Class {
        /// The key with its tables.
        path: String,
        /// The nearest class.
        nearest: Option<&'static str>,
        /// What was written, and what could be.
        source: UnknownClass,
    },
    /// The table does not know the code, and the entry does not say enough of it.
    #[error("`{path}` is missing: the code is in no table of ours, so its entry has to say it")]
    Missing {
        /// The key with its tables.
        path: String,
    },
}

impl CodeTable {
    /// Reads the entries of `table`, code to keys, which stands at `at` in its file.
    ///
    /// # Errors
    ///
    /// [`CodeTableError`], with the path of the key and, where there is one, the nearest right word.
    pub fn read(table: &toml::Value, at: &str) -> Result<CodeTable, CodeTableError> {
        let table = table.as_table().ok_or_else(|| CodeTableError::Table(at.to_owned()))?;
        let mut own = BTreeMap::new();
        for (name, entry) in table {
            let at = format!("{at}.{name}");
            // One code has one spelling, so that no entry is hidden behind another.
            let code = name.parse::<i64>().ok().filter(|code| code.to_string() == *name);
            let code = code.ok_or_else(|| CodeTableError::Number(at.clone()))?;
            if code == 0 {
                return Err(CodeTableError::Success(at));
            }
            own.insert(code, entry_of(code, entry, &at)?);
        }
        Ok(CodeTable { own })
    }

    /// Whether an entry is laid over the built-in table at this code.
    pub fn is_overridden(&self, code: i64) -> bool {
        self.own.contains_key(&code)
    }

    /// The class that an entry gives a code; `None` where none does.
    pub fn own_class(&self, code: i64) -> Option<Class> {
        self.own.get(&code)?.class
    }

    /// The page of a code, the user's words first; `None` when nothing is known of it.
    pub fn page(&self, code: i64) -> Option<CodePage<'_>> {
        let built_in = codes::explain(code);
        let Some(own) = self.own.get(&code) else { return built_in };
        let meaning = own.meaning.as_deref();
        Some(CodePage {
            code,
            class: own.class.or(built_in.map(|page| page.class))?,
            meaning: meaning.or(built_in.map(|page| page.meaning))?,
            action: own.action.as_deref().or(built_in.map(|page| page.action)).unwrap_or(OWN_ACTION),
            // A wrong reading is one of the built-in meaning.
            mistaken_for: built_in.filter(|_| meaning.is_none()).and_then(|page| page.mistaken_for),
            source: own.source.as_deref().unwrap_or(OWN_SOURCE),
        })
    }
}

fn entry_of(code: i64, entry: &toml::Value, at: &str) -> Result<OwnCode, CodeTableError> {
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
            nearest: nearest(&word, Class::NAMES.iter().copied()),
            source,
        })?),
    };
    let own = OwnCode { class, meaning: text("meaning")?, action: text("action")?, source: text("source")? };
    if codes::explain(code).is_none() {
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
    fn an_entry_replaces_what_it_says_and_leaves_the_rest() {
        let table = read("[40002]\nclass = \"retry\"\n[40100]\nmeaning = \"m\"\nsource = \"s\"\n").unwrap();
        let built_in = codes::explain(40_002).unwrap();
        let page = table.page(40_002).unwrap();
        assert_eq!((page.class, page.meaning), (Class::Retry, built_in.meaning));
        assert_eq!((page.action, page.mistaken_for), (built_in.action, built_in.mistaken_for));
        assert_ne!(page.source, built_in.source, "the built-in source does not say so");
        let page = table.page(40_100).unwrap();
        assert_eq!((page.class, page.meaning, page.source), (Class::Throttle, "m", "s"));
        assert_eq!(page.mistaken_for, None);
        assert_eq!(table.own_class(40_100), None);
        assert_eq!(table.page(40_105), codes::explain(40_105));
        assert!(table.is_overridden(40_100) && !table.is_overridden(40_105));
    }

    #[test]
    fn a_code_of_no_table_is_added() {
        let table = read("[40777]\nclass = \"re-encode\"\nmeaning = \"odd\"\n").unwrap();
        let page = table.page(40_777).unwrap();
        assert_eq!((page.class, page.meaning, page.action), (Class::ReEncode, "odd", OWN_ACTION));
        assert_eq!(table.page(40_778), None);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path_and_the_nearest_right_word() {
        for (text, words) in [
            ("[40105]\nmeanign = \"x\"\n", "`override.code.40105.meanign`; did you mean `meaning`?"),
            ("[40105]\nclass = \"re-encod\"\n", "`override.code.40105.class`; did you mean `re-encode`?"),
            ("[40105]\nclass = \"zzz\"\n", "there is no class `zzz`"),
            ("[40105]\nclass = 3\n", "`override.code.40105.class` must be a text"),
            ("[40105]\naction = \" \"\n", "`override.code.40105.action` must be a text"),
            ("40105 = \"retry\"\n", "`override.code.40105` must be a table"),
            ("[spam]\nclass = \"retry\"\n", "`override.code.spam`"),
            ("[040105]\nclass = \"retry\"\n", "`override.code.040105`"),
            ("[0]\nclass = \"retry\"\n", "`override.code.0`"),
            ("[40777]\nmeaning = \"odd\"\n", "`override.code.40777.class` is missing"),
            ("[40777]\nclass = \"retry\"\n", "`override.code.40777.meaning` is missing"),
        ] {
            let said = refused(text);
            assert!(said.contains(words), "{said}");
        }
        let flat = CodeTable::read(&toml::Value::Integer(1), "override.code").unwrap_err();
        assert_eq!(flat, CodeTableError::Table("override.code".into()));
    }
}
