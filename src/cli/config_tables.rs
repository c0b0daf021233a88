//! The tables of `greenlit.toml`.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

/// `[check]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CheckConfig {
    /// Profiles to check.
    #[serde(deserialize_with = "one_or_many")]
    pub profile: Vec<String>,
    /// Rules to check.
    #[serde(deserialize_with = "one_or_many")]
    pub select: Vec<String>,
    /// Rules to skip.
    #[serde(deserialize_with = "one_or_many")]
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

/// `[[ignore]]`: findings that do not count.
#[derive(Clone, Debug, Deserialize)]
pub struct IgnoreConfig {
    /// The rule.
    pub rule: String,
    /// Patterns of the files; empty for every file.
    #[serde(default, deserialize_with = "one_or_many")]
    pub paths: Vec<String>,
    /// Why it does not count.
    pub reason: String,
    /// The last day on which it does not count.
    pub until: Option<toml::value::Datetime>,
}

/// `[[override]]` with `paths`: what differs for some files.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PathOverride {
    /// Patterns of the files.
    #[serde(deserialize_with = "one_or_many")]
    pub paths: Vec<String>,
    /// Their profiles; empty for those of the run.
    #[serde(deserialize_with = "one_or_many")]
    pub profile: Vec<String>,
    /// Rules whose findings do not count.
    #[serde(deserialize_with = "one_or_many")]
    pub ignore: Vec<String>,
}

/// `[override]`, or `[[override]]` with and without `paths`.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Limits that replace those of every profile, and the codes.
    pub limits: toml::Table,
    /// What differs for some files, in order.
    pub of_paths: Vec<PathOverride>,
}

impl<'de> Deserialize<'de> for Overrides {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Overrides, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a table [override], or tables [[override]]")]
        enum Tables {
            One(toml::Table),
            Many(Vec<toml::Table>),
        }
        let tables = match Tables::deserialize(deserializer)? {
            Tables::One(table) => vec![table],
            Tables::Many(tables) => tables,
        };
        let mut overrides = Overrides::default();
        for table in tables {
            if table.contains_key(PATHS_KEY) {
                let of_paths = toml::Value::Table(table).try_into().map_err(serde::de::Error::custom)?;
                overrides.of_paths.push(of_paths);
            } else {
                overrides.limits.extend(table);
            }
        }
        Ok(overrides)
    }
}

/// The key that tells an override of paths from one of limits.
pub const PATHS_KEY: &str = "paths";

/// Reads a string or a list of strings.
pub fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a string or a list of strings")]
    enum Names {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Names::deserialize(deserializer)? {
        Names::One(name) => vec![name],
        Names::Many(names) => names,
    })
}
