//! `[[build]]`: the tables that `greenlit build` builds.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Deserialize;

use super::config_tables::{FixConfig, one_or_many};
use super::field_names::field_names;

/// One `[[build]]` table.
#[derive(Clone, Debug, Default)]
pub struct BuildConfig {
    /// What is built, and where the outputs go.
    pub keys: BuildKeys,
    /// `[fix]` with the keys that the table overrides.
    pub fix: FixConfig,
}

/// The keys of a `[[build]]` table besides those of `[fix]`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct BuildKeys {
    /// The name, which `greenlit build NAME` takes.
    pub name: String,
    /// Folders, files and patterns, relative to the configuration.
    #[serde(deserialize_with = "one_or_many")]
    pub sources: Vec<String>,
    /// The profiles; empty for those of `[check]`.
    #[serde(default, deserialize_with = "one_or_many")]
    pub profile: Vec<String>,
    /// The folder for the outputs, relative to the configuration.
    pub out: PathBuf,
}

/// Returns the keys that a `[[build]]` table may have.
pub fn key_names() -> Vec<&'static str> {
    let own = field_names::<BuildKeys>();
    own.iter().chain(field_names::<FixConfig>().iter().filter(|key| !own.contains(key))).copied().collect()
}

/// Reads the `[[build]]` tables of a configuration, whose keys override those of `[fix]`. Returns the problem as an error.
pub fn read(config: &toml::Table) -> Result<Vec<BuildConfig>, String> {
    let Some(tables) = config.get("build") else { return Ok(Vec::new()) };
    let tables = tables.as_array().ok_or("`build` is a list of tables: `[[build]]`")?;
    let read = |(index, table): (usize, &toml::Value)| {
        let invalid = |error: toml::de::Error| format!("[[build]] {}: {}", index + 1, error.message());
        let keys: BuildKeys = table.clone().try_into().map_err(invalid)?;
        let mut fix = config.get("fix").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        let own = field_names::<BuildKeys>();
        let overrides =
            table.as_table().into_iter().flatten().filter(|(key, _)| !own.contains(&key.as_str()));
        fix.extend(overrides.map(|(key, value)| (key.clone(), value.clone())));
        Ok(BuildConfig { keys, fix: fix.try_into().map_err(invalid)? })
    };
    let builds: Vec<BuildConfig> = tables.iter().enumerate().map(read).collect::<Result<_, String>>()?;
    problem(&builds).map_or(Ok(builds), Err)
}

/// Returns what is wrong with the tables together.
fn problem(builds: &[BuildConfig]) -> Option<String> {
    let (mut names, mut folders) = (HashSet::new(), HashSet::new());
    for BuildConfig { keys: BuildKeys { name, sources, out, .. }, .. } in builds {
        if name.is_empty() || sources.is_empty() {
            return Some(format!("[[build]] `{name}` needs a `name` and `sources`"));
        }
        if !names.insert(name) {
            return Some(format!("two [[build]] tables have the name `{name}`"));
        }
        if !folders.insert(out) {
            return Some(format!(
                "two [[build]] tables have the folder `out = \"{}\"`; give each its own",
                out.display()
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_table_overrides_keys_of_fix_with_true_and_false() {
        let text = "[fix]\ntrim = true\nfit = \"blur\"\n[[build]]\nname = \"a\"\nsources = \"in\"\nout = \"a\"\n\
             trim = false\n[[build]]\nname = \"b\"\nsources = [\"in\"]\nprofile = \"youtube\"\nout = \"b\"\n\
             upscale = true\n";
        let builds = read(&text.parse().unwrap()).unwrap();
        let options = |index: usize| {
            let fix = &builds[index].fix;
            (fix.trim, fix.upscale, fix.fit.as_deref())
        };
        assert_eq!(options(0), (false, false, Some("blur")));
        assert_eq!(options(1), (true, true, Some("blur")));
        assert_eq!(builds[1].keys.profile, ["youtube"]);
    }
}
