//! Parses `greenlit.toml`.
//!
//! The keys are checked before the values are deserialized, so that the error for a misspelt key names its
//! table and the nearest valid key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::args::DestinationArgs;
use super::config_error::ConfigError;
use super::config_file;
use super::field_names::field_names;
use crate::platform::registry;
use crate::profile::{RuleId, nearest};

/// The key of `[override]` that is not a rule.
const CODES_KEY: &str = "code";

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    /// `[check]`.
    pub check: CheckConfig,
    /// `[fix]`.
    pub fix: FixConfig,
    /// `[destination.NAME]`.
    pub destination: BTreeMap<String, DestinationArgs>,
    /// `[override]`: limits that replace those of every profile.
    #[serde(rename = "override")]
    pub overrides: toml::Table,
    /// `[override.code]`: entries that replace those of the platform's table of error codes.
    #[serde(skip)]
    pub codes: Option<toml::Value>,
    /// Path of the file; `None` if there is no file.
    #[serde(skip)]
    pub path: Option<PathBuf>,
}

/// `[check]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CheckConfig {
    /// Profiles to check.
    pub profile: Vec<String>,
    /// Rules to check.
    pub select: Vec<String>,
    /// Rules to skip.
    pub ignore: Vec<String>,
    /// Whether to decode every frame.
    pub deep: bool,
    /// Number of files to process in parallel.
    pub jobs: Option<u16>,
    /// Days since a limit was compared with its source, after which it is reported as old.
    pub limits_old_after: Option<u32>,
    /// Isolation that the media workers must have.
    pub isolation: Option<String>,
    /// How the facts of files are read.
    pub probe: Option<String>,
    /// The most time for each file.
    pub time_limit: Option<String>,
}

/// `[fix]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct FixConfig {
    pub out: Option<PathBuf>,
    pub fit: Option<String>,
    pub trim: bool,
    pub extend: Option<String>,
    pub upscale: bool,
    pub add_silence: bool,
    pub audio_track: Option<String>,
    pub from_key_frame: bool,
    pub conceal: bool,
    pub background: Option<String>,
    pub encoder: Option<String>,
    pub preset: Option<String>,
    pub quality: Option<f32>,
    pub verify: Option<String>,
}

impl Config {
    /// Reads `explicit`, or the nearest file in `start` and its parents, whose owner must be trusted. Returns the
    /// default if there is none.
    pub fn load(explicit: Option<&Path>, start: &Path, home: Option<&Path>) -> Result<Config, ConfigError> {
        if let Some(path) = explicit {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
            return Config::parse(&text, path);
        }
        match config_file::find(start, home) {
            Some(path) => Config::parse(&config_file::read_found(&path)?, &path),
            None => Ok(Config::default()),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
        let syntax = |error: toml::de::Error| ConfigError::Syntax {
            path: path.to_owned(),
            message: crate::profile::one_line(&error, text),
        };
        let table: toml::Table = text.parse().map_err(syntax)?;
        check_keys(&table, path)?;
        let mut config: Config = toml::from_str(text).map_err(syntax)?;
        if let Some(codes) = config.overrides.remove(CODES_KEY) {
            registry::check_codes(&codes)
                .map_err(|source| ConfigError::Codes { path: path.to_owned(), source })?;
            config.codes = Some(codes);
        }
        config.path = Some(path.to_owned());
        Ok(config)
    }

    /// Returns the folder of the file: the base of its relative paths, and the parent of `.greenlit`.
    pub fn folder(&self) -> PathBuf {
        let folder =
            self.path.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new(".")).to_owned()
    }
}

fn check_keys(table: &toml::Table, path: &Path) -> Result<(), ConfigError> {
    for (name, value) in table {
        match name.as_str() {
            "check" => check_table(value, "check", field_names::<CheckConfig>(), path)?,
            "fix" => check_table(value, "fix", field_names::<FixConfig>(), path)?,
            "destination" => {
                let known = field_names::<DestinationArgs>();
                for (destination, value) in value.as_table().into_iter().flatten() {
                    check_table(value, &format!("destination.{destination}"), known, path)?;
                }
            }
            // The keys inside a rule's table depend on the rule; the profile checks them.
            "override" => check_overrides(value, path)?,
            other => {
                return Err(unknown_key(path, other, other, field_names::<Config>()));
            }
        }
    }
    Ok(())
}

fn check_overrides(value: &toml::Value, path: &Path) -> Result<(), ConfigError> {
    let known = || RuleId::names().chain([CODES_KEY]);
    for key in value.as_table().into_iter().flat_map(toml::Table::keys) {
        if !known().any(|name| name == key) {
            let nearest = nearest(key, known()).map(str::to_owned);
            return Err(ConfigError::UnknownKey {
                path: path.to_owned(),
                key: format!("override.{key}"),
                nearest,
            });
        }
    }
    Ok(())
}

fn check_table(value: &toml::Value, name: &str, known: &[&str], path: &Path) -> Result<(), ConfigError> {
    for key in value.as_table().into_iter().flat_map(toml::Table::keys) {
        if !known.contains(&key.as_str()) {
            return Err(unknown_key(path, key, &format!("{name}.{key}"), known));
        }
    }
    Ok(())
}

fn unknown_key(path: &Path, key: &str, full: &str, known: &[&str]) -> ConfigError {
    let nearest = nearest(key, known.iter().copied()).map(str::to_owned);
    ConfigError::UnknownKey { path: path.to_owned(), key: full.to_owned(), nearest }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("greenlit.toml"))
    }

    #[test]
    fn reads_every_table() {
        let config = parse(
            "[check]\nprofile = [\"tiktok-ads\"]\n[fix]\nout = \"dist\"\nfit = \"blur\"\n\
             [destination.tiktok]\nplatform = \"tiktok-ads\"\nattempts = 2\n[override.duration]\nmax_s = 1\n\
             [override.code.40105]\nclass = \"retry\"\n",
        )
        .unwrap();
        assert_eq!(config.check.profile, ["tiktok-ads"]);
        assert_eq!(config.fix.fit.as_deref(), Some("blur"));
        assert_eq!(config.destination["tiktok"].attempts, Some(2));
        assert!(config.overrides.contains_key("duration") && !config.overrides.contains_key("code"));
    }

    #[test]
    fn an_unknown_key_is_reported_with_its_table_and_the_nearest_key() {
        let message = parse("[destination.tiktok]\nadvertizer_id = \"7\"\n").unwrap_err().to_string();
        assert!(message.contains("`destination.tiktok.advertizer_id`"), "{message}");
        assert!(message.contains("did you mean `advertiser_id`"), "{message}");
        assert!(parse("[chekc]\n").unwrap_err().to_string().contains("did you mean `check`"));
    }

    #[test]
    fn invalid_entries_of_the_code_table_are_rejected() {
        let config = parse("[override.code.40105]\nclass = \"wait\"\n").unwrap();
        let class = registry::class_of("40105", config.codes.as_ref());
        assert_eq!(class, Some(crate::platform::Class::Wait));
        let bad = parse("[override.code.40105]\nclass = \"wiat\"\n").unwrap_err();
        let message = crate::cli::error::chain(&bad);
        assert!(message.contains("`override.code.40105.class`; did you mean `wait`?"), "{message}");
        let message = parse("[override.cod.40105]\nclass = \"wait\"\n").unwrap_err().to_string();
        assert!(message.contains("`override.cod`; did you mean `code`?"), "{message}");
    }

    #[test]
    fn a_token_in_the_file_is_an_unknown_key() {
        let message = parse("[destination.tiktok]\ntoken = \"secret-value\"\n").unwrap_err().to_string();
        assert!(message.contains("destination.tiktok.token"), "{message}");
        assert!(!message.contains("secret-value"), "{message}");
    }
}
