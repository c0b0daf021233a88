//! Checks the keys of `greenlit.toml` before its values are deserialized, so that the error for a misspelt key names its
//! table and the nearest valid key.

use std::path::Path;

use super::args::DestinationArgs;
use super::build_config;
use super::config_error::ConfigError;
use super::config_tables::{CheckConfig, FixConfig, IgnoreConfig, PATHS_KEY, PathOverride};
use super::field_names::field_names;
use crate::profile::{RuleId, nearest};

/// The key of `[override]` that is not a rule.
pub const CODES_KEY: &str = "code";

/// The tables of the file.
const TABLES: [&str; 6] = ["check", "fix", "build", "destination", "override", "ignore"];

/// Checks that every key of the file at `path` is known.
///
/// # Errors
/// The first unknown key.
pub fn check_keys(table: &toml::Table, path: &Path) -> Result<(), ConfigError> {
    let check_table = |value: &toml::Value, name: &str, known: &[&'static str]| {
        let keys = value.as_table().into_iter().flat_map(toml::Table::keys);
        check_known(keys, name, &|| known.iter().copied(), path)
    };
    for (name, value) in table {
        let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        match name.as_str() {
            "check" => check_table(value, name, field_names::<CheckConfig>())?,
            "fix" => check_table(value, name, field_names::<FixConfig>())?,
            "build" => {
                let known = build_config::key_names();
                for value in all {
                    check_table(value, name, &known)?;
                }
            }
            "ignore" => {
                for value in all {
                    check_table(value, name, field_names::<IgnoreConfig>())?;
                }
            }
            "destination" => {
                let known = field_names::<DestinationArgs>();
                for (destination, value) in value.as_table().into_iter().flatten() {
                    check_table(value, &format!("destination.{destination}"), known)?;
                }
            }
            "override" => {
                for value in all {
                    if value.get(PATHS_KEY).is_some() {
                        check_table(value, name, field_names::<PathOverride>())?;
                        continue;
                    }
                    // The keys inside a rule's table depend on the rule; the profile checks them.
                    let keys = value.as_table().into_iter().flat_map(toml::Table::keys);
                    check_known(keys, name, &|| RuleId::names().chain([CODES_KEY, PATHS_KEY]), path)?;
                }
            }
            _ => check_known([name].into_iter(), "", &|| TABLES.into_iter(), path)?,
        }
    }
    Ok(())
}

fn check_known<'a, I: Iterator<Item = &'static str>>(
    mut keys: impl Iterator<Item = &'a String>,
    table: &str,
    known: &dyn Fn() -> I,
    path: &Path,
) -> Result<(), ConfigError> {
    let Some(key) = keys.find(|key| !known().any(|name| name == *key)) else { return Ok(()) };
    Err(ConfigError::UnknownKey {
        path: path.to_owned(),
        key: if table.is_empty() { key.clone() } else { format!("{table}.{key}") },
        nearest: nearest(key, known()).map(str::to_owned),
    })
}
