//! Environment variables that set keys of the configuration: `GREENLIT_CHECK_PROFILE`, `GREENLIT_FIX_OUT`,
//! `GREENLIT_DESTINATION_TIKTOK_ADVERTISER_ID`.

use serde::de::DeserializeOwned;

use super::args::DestinationArgs;
use super::config_error::ConfigError;
use super::config_tables::{CheckConfig, FixConfig};
use super::field_names::field_names;
use crate::platform::registry;
use crate::profile::nearest;

/// What the names of the variables begin with.
pub const PREFIX: &str = "GREENLIT_";

/// Variables that set no key.
const OTHERS: [&str; 3] = ["GREENLIT_WORKER", "GREENLIT_CORPUS", "GREENLIT_CRASH_AT"];

/// A key of the configuration that a variable sets.
#[derive(Clone, Debug, PartialEq)]
pub struct SetKey {
    /// The tables and the key, such as `check`, `profile`.
    pub path: Vec<String>,
    /// The name of the variable.
    pub variable: String,
    /// Its value.
    pub value: toml::Value,
}

/// Returns the keys that `variables` set, besides those of the file with the tables `file`. Empty variables count as not
/// set.
///
/// # Errors
/// A misspelt name, or a value that the key cannot have.
pub fn set_keys(variables: &[(String, String)], file: &toml::Table) -> Result<Vec<SetKey>, ConfigError> {
    let mut keys = Vec::new();
    for (variable, text) in variables {
        let Some(name) = variable.strip_prefix(PREFIX) else { continue };
        if text.is_empty() || OTHERS.contains(&variable.as_str()) || holds_token(variable, file) {
            continue;
        }
        let Some((path, value)) = key(name, text, file) else {
            if let Some(error) = misspelt(name, variable) {
                return Err(error);
            }
            continue;
        };
        let value = value.ok_or_else(|| ConfigError::BadVariable {
            name: variable.clone(),
            value: text.clone(),
            key: path.join("."),
        })?;
        keys.push(SetKey { path, variable: variable.clone(), value });
    }
    Ok(keys)
}

/// Sets the keys in the tables of a configuration.
pub fn apply(keys: &[SetKey], tables: &mut toml::Table) {
    for key in keys {
        let Some((last, parents)) = key.path.split_last() else { continue };
        let empty = || toml::Value::Table(toml::Table::new());
        let mut table = Some(&mut *tables);
        for parent in parents {
            table = table.and_then(|table| table.entry(parent).or_insert_with(empty).as_table_mut());
        }
        if let Some(table) = table {
            table.insert(last.clone(), key.value.clone());
        }
    }
}

type FoundKey = (Vec<String>, Option<toml::Value>);

/// Returns the key with a name, and its value if the text is one.
fn key(name: &str, text: &str, file: &toml::Table) -> Option<FoundKey> {
    let of_table = |section: &str, names: &[&'static str]| {
        let rest = name.strip_prefix(section)?;
        names.iter().copied().find(|key| key.to_uppercase() == rest)
    };
    if let Some(key) = of_table("CHECK_", field_names::<CheckConfig>()) {
        return Some((vec!["check".into(), key.into()], typed::<CheckConfig>(key, text)));
    }
    if let Some(key) = of_table("FIX_", field_names::<FixConfig>()) {
        return Some((vec!["fix".into(), key.into()], typed::<FixConfig>(key, text)));
    }
    let rest = name.strip_prefix("DESTINATION_")?;
    let keys = field_names::<DestinationArgs>().iter();
    let named = keys.filter_map(|key| {
        let destination = rest.strip_suffix(&key.to_uppercase())?.strip_suffix('_')?;
        (!destination.is_empty()).then_some((destination, *key))
    });
    // `token_env` also ends in other keys; the longest key is meant.
    let (destination, key) = named.max_by_key(|(_, key)| key.len())?;
    let path = vec!["destination".into(), destination_name(destination, file), key.into()];
    Some((path, typed::<DestinationArgs>(key, text)))
}

/// Returns the destination or platform whose name in capitals is `name`; a new destination has it in small letters.
fn destination_name(name: &str, file: &toml::Table) -> String {
    let configured = file.get("destination").and_then(toml::Value::as_table);
    let configured = configured.into_iter().flat_map(|table| table.keys().map(String::as_str));
    let mut known = configured.chain(registry::PLATFORMS.iter().map(|platform| platform.id()));
    let found = known.find(|known| known.to_uppercase().replace(['-', '.'], "_") == name);
    found.map_or_else(|| name.to_lowercase(), str::to_owned)
}

/// Returns the text as a value that the key of a table can have.
fn typed<T: DeserializeOwned>(key: &str, text: &str) -> Option<toml::Value> {
    let list = text.split(',').map(|part| toml::Value::String(part.trim().to_owned())).collect();
    let candidates = [
        text.parse().ok().map(toml::Value::Boolean),
        text.parse().ok().map(toml::Value::Integer),
        text.parse().ok().map(toml::Value::Float),
        Some(toml::Value::Array(list)),
        Some(toml::Value::String(text.to_owned())),
    ];
    candidates.into_iter().flatten().find(|value| {
        let table = toml::Table::from_iter([(key.to_owned(), value.clone())]);
        table.try_into::<T>().is_ok()
    })
}

/// Returns whether the file names the variable as the place of a token.
fn holds_token(variable: &str, file: &toml::Table) -> bool {
    let tables = file.get("destination").and_then(toml::Value::as_table);
    let mut tables = tables.into_iter().flat_map(toml::Table::values);
    tables.any(|table| table.get("token_env").and_then(toml::Value::as_str) == Some(variable))
}

/// Returns the error for a name that is meant for a key and is none; other programs may have variables of their own.
fn misspelt(name: &str, variable: &str) -> Option<ConfigError> {
    let of = |section: &'static str, names: &'static [&'static str]| {
        names.iter().map(move |key| format!("{section}_{}", key.to_uppercase()))
    };
    let known: Vec<String> =
        of("CHECK", field_names::<CheckConfig>()).chain(of("FIX", field_names::<FixConfig>())).collect();
    let nearest = nearest(name, known.iter().map(String::as_str)).map(|near| format!("{PREFIX}{near}"));
    let is_of_table = ["CHECK_", "FIX_", "DESTINATION_"].iter().any(|table| name.starts_with(table));
    (is_of_table || nearest.is_some())
        .then(|| ConfigError::UnknownVariable { name: variable.to_owned(), nearest })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn set(name: &str, text: &str) -> Result<Vec<SetKey>, ConfigError> {
        let file = "[destination.my-ads]\ntoken_env = \"GREENLIT_CHECK_TOKEN\"\n".parse().unwrap();
        set_keys(&[(name.to_owned(), text.to_owned())], &file)
    }

    #[test]
    fn a_value_has_the_type_of_its_key() {
        let value = |name: &str, text: &str| {
            let keys = set(name, text).unwrap();
            (keys[0].path.join("."), keys[0].value.to_string())
        };
        for (name, text, key, expected) in [
            (
                "GREENLIT_CHECK_PROFILE",
                "youtube, house.toml",
                "check.profile",
                "[\"youtube\", \"house.toml\"]",
            ),
            ("GREENLIT_CHECK_DEEP", "true", "check.deep", "true"),
            ("GREENLIT_CHECK_JOBS", "3", "check.jobs", "3"),
            ("GREENLIT_FIX_AUDIO_TRACK", "2", "fix.audio_track", "\"2\""),
            ("GREENLIT_FIX_QUALITY", "20", "fix.quality", "20"),
            ("GREENLIT_DESTINATION_MY_ADS_ADVERTISER_ID", "7", "destination.my-ads.advertiser_id", "\"7\""),
            ("GREENLIT_DESTINATION_TIKTOK_ADS_TOKEN_ENV", "T", "destination.tiktok-ads.token_env", "\"T\""),
            ("GREENLIT_DESTINATION_NEW_TIER", "basic", "destination.new.tier", "\"basic\""),
        ] {
            assert_eq!(value(name, text), (key.to_owned(), expected.to_owned()));
        }
        assert!(matches!(set("GREENLIT_CHECK_JOBS", "many"), Err(ConfigError::BadVariable { .. })));
    }

    #[test]
    fn a_misspelt_variable_is_an_error_and_variables_of_others_are_not() {
        let message = set("GREENLIT_CHECK_PROFIL", "x").unwrap_err().to_string();
        assert!(message.contains("did you mean GREENLIT_CHECK_PROFILE?"), "{message}");
        assert!(set("GREENLIT_CHEK_PROFILE", "x").is_err());
        for other in
            ["GREENLIT_TOKEN", "GREENLIT_WORKER", "GREENLIT_SEED", "GREENLIT_BENCH_FILES", "GREENLIT_POINT"]
        {
            assert_eq!(set(other, "x").unwrap(), [], "{other}");
        }
        assert_eq!(
            set("GREENLIT_CHECK_TOKEN", "x").unwrap(),
            [],
            "the file names it as the place of a token"
        );
        assert_eq!(set("GREENLIT_CHECK_DEEP", "").unwrap(), [], "an empty variable is not set");
    }

    #[test]
    fn a_variable_replaces_the_value_of_the_file() {
        let mut tables: toml::Table = "[check]\njobs = 1\ndeep = true\n".parse().unwrap();
        apply(&set("GREENLIT_CHECK_JOBS", "2").unwrap(), &mut tables);
        apply(&set("GREENLIT_FIX_OUT", "dist").unwrap(), &mut tables);
        assert_eq!(tables.to_string(), "[check]\ndeep = true\njobs = 2\n\n[fix]\nout = \"dist\"\n");
    }
}
