//! Reads the configuration: `greenlit.toml` and the environment variables that set its keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::args::DestinationArgs;
use super::build_config::{self, BuildConfig};
use super::config_env::{self, SetKey};
use super::config_error::ConfigError;
use super::config_file;
use super::config_keys::{CODES_KEY, check_keys};
use super::config_tables::{CheckConfig, FixConfig, IgnoreConfig, Overrides};
use crate::platform::registry;

/// The configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    /// `[check]`.
    pub check: CheckConfig,
    /// `[fix]`.
    pub fix: FixConfig,
    /// `[[build]]`.
    #[serde(skip_deserializing)]
    pub build: Vec<BuildConfig>,
    /// `[destination.NAME]`.
    pub destination: BTreeMap<String, DestinationArgs>,
    /// `[override]` and `[[override]]`.
    #[serde(rename = "override")]
    pub overrides: Overrides,
    /// `[[ignore]]`.
    pub ignore: Vec<IgnoreConfig>,
    /// `[override.code]`: entries that replace those of the platform's table of error codes.
    #[serde(skip)]
    pub codes: Option<toml::Value>,
    /// Path of the file; `None` if there is no file.
    #[serde(skip)]
    pub path: Option<PathBuf>,
    /// All tables as they are written, with the values of the variables.
    #[serde(skip)]
    pub tables: toml::Table,
    /// The variables of keys such as `check.profile`.
    #[serde(skip)]
    variables: BTreeMap<String, String>,
    /// The lines of keys and tables in the file.
    #[serde(skip)]
    lines: BTreeMap<String, usize>,
}

impl Config {
    /// Reads `explicit`, or the nearest file in `start` and its parents, whose owner must be trusted; without a file,
    /// only the environment `variables` count.
    pub fn load(
        explicit: Option<&Path>,
        start: &Path,
        home: Option<&Path>,
        variables: &[(String, String)],
    ) -> Result<Config, ConfigError> {
        if let Some(path) = explicit {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
            return Config::parse(&text, path, variables);
        }
        match config_file::find(start, home) {
            Some(path) => Config::parse(&config_file::read_found(&path)?, &path, variables),
            None => Ok(Config { path: None, ..Config::parse("", Path::new(""), variables)? }),
        }
    }

    /// Parses the text of the file at `path`.
    pub fn parse(text: &str, path: &Path, variables: &[(String, String)]) -> Result<Config, ConfigError> {
        let syntax = |error: toml::de::Error| ConfigError::Syntax {
            path: path.to_owned(),
            message: crate::profile::one_line(&error, text),
        };
        let mut tables: toml::Table = text.parse().map_err(syntax)?;
        check_keys(&tables, path)?;
        let of_file: Config = toml::from_str(text).map_err(syntax)?;
        let keys = config_env::set_keys(variables, &tables)?;
        config_env::apply(&keys, &mut tables);
        // Only the text knows the places of its errors; each variable has been checked by itself.
        let mut config = if keys.is_empty() { of_file } else { tables.clone().try_into().map_err(syntax)? };
        if let Some(codes) = config.overrides.limits.remove(CODES_KEY) {
            registry::check_codes(&codes)
                .map_err(|source| ConfigError::Codes { path: path.to_owned(), source })?;
            config.codes = Some(codes);
        }
        let variable = |key: SetKey| (key.path.join("."), key.variable);
        config.variables = keys.into_iter().map(variable).collect();
        config.lines = lines(text);
        config.build = build_config::read(&tables)
            .map_err(|message| ConfigError::Syntax { path: path.to_owned(), message })?;
        config.tables = tables;
        config.path = Some(path.to_owned());
        Ok(config)
    }

    /// Returns the folder of the file: the base of its relative paths, and the parent of `.greenlit`.
    pub fn folder(&self) -> PathBuf {
        let folder =
            self.path.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new(".")).to_owned()
    }

    /// Returns the value that the file or a variable gives a key such as `check.profile`.
    pub fn value(&self, key: &str) -> Option<&toml::Value> {
        let mut parts = key.split('.');
        let first = self.tables.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    /// Returns where the value of a key comes from: `greenlit.toml:3` or `environment variable GREENLIT_CHECK_JOBS`.
    pub fn origin(&self, key: &str) -> String {
        if let Some(variable) = self.variables.get(key) {
            return format!("environment variable {variable}");
        }
        let path = self.path.as_ref().map_or(String::new(), |path| path.display().to_string());
        match self.lines.get(key) {
            Some(line) => format!("{path}:{line}"),
            None => path,
        }
    }

    /// Returns the error for a value that a key or table cannot have.
    pub fn wrong(&self, key: &str, problem: impl std::fmt::Display) -> ConfigError {
        ConfigError::Value { origin: self.origin(key), key: key.to_owned(), problem: problem.to_string() }
    }
}

/// Returns the line of each table and of each key in it.
fn lines(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    if let Ok(table) = DeTable::parse(text) {
        add_lines("", table.get_ref(), text, &mut lines);
    }
    lines
}

fn add_lines(parent: &str, table: &DeTable<'_>, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let name = format!("{parent}{}", key.get_ref());
        lines.insert(name.clone(), 1 + text[..key.span().start].matches('\n').count());
        if let DeValue::Table(table) = value.get_ref() {
            add_lines(&format!("{name}."), table, text, lines);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("greenlit.toml"), &[])
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
        assert!(config.overrides.limits.contains_key("duration") && config.codes.is_some());
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

    #[test]
    fn a_profile_may_be_a_string_or_a_list() {
        for text in ["[check]\nprofile = \"youtube\"\n", "[check]\nprofile = [\"youtube\"]\n"] {
            assert_eq!(parse(text).unwrap().check.profile, ["youtube"]);
        }
        let message = parse("[check]\nprofile = 1\n").unwrap_err().to_string();
        assert!(message.contains("line 2") && message.contains("a string or a list of strings"), "{message}");
    }

    #[test]
    fn overrides_are_of_limits_or_of_paths() {
        let config = parse(
            "[[override]]\npaths = [\"raw/**\"]\nprofile = \"youtube\"\nignore = [\"duration\"]\n\
             [[override]]\n[override.duration]\nmax_s = 1\n[override.code.40105]\nclass = \"retry\"\n",
        )
        .unwrap();
        assert!(config.overrides.limits.contains_key("duration") && config.codes.is_some());
        let of_paths = &config.overrides.of_paths[0];
        assert_eq!(
            (&of_paths.paths[..], &of_paths.profile[..]),
            (&["raw/**".into()][..], &["youtube".into()][..])
        );
        let message = parse("[[override]]\npaths = []\nprofiles = []\n").unwrap_err().to_string();
        assert!(message.contains("`override.profiles`; did you mean `profile`?"), "{message}");
        let message = parse("[[ignore]]\nrule = \"duration\"\nreson = \"\"\n").unwrap_err().to_string();
        assert!(message.contains("`ignore.reson`; did you mean `reason`?"), "{message}");
        assert!(parse("[[ignore]]\nrule = \"duration\"\n").unwrap_err().to_string().contains("`reason`"));
    }

    #[test]
    fn the_origin_of_a_value_is_its_line_or_its_variable() {
        let variables = [("GREENLIT_FIX_FIT".to_owned(), "blur".to_owned())];
        let text = "[check]\njobs = 2\n\n[fix]\nfit = \"pad\"\n";
        let config = Config::parse(text, Path::new("greenlit.toml"), &variables).unwrap();
        assert_eq!(config.origin("check.jobs"), "greenlit.toml:2");
        assert_eq!(config.origin("fix.fit"), "environment variable GREENLIT_FIX_FIT");
        assert_eq!((config.fix.fit.as_deref(), config.check.jobs), (Some("blur"), Some(2)));
        assert_eq!(config.value("check.jobs").unwrap().as_integer(), Some(2));
    }
}
