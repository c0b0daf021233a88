//! The values of keys of the configuration that nothing sets.

use clap::ValueEnum;

use super::config::Config;
use super::destination;
use super::settings::{DEFAULT_PROFILE, LIMITS_OLD_AFTER_DAYS, cores};
use crate::job::VerifyLevel;
use crate::pipeline::ProbeMode;
use crate::plan::FixOptions;
use crate::worker::Isolation;

/// Returns the default of a key such as `fix.fit`; `None` where it is not set, or depends on the file.
pub fn of(config: &Config, full: &str) -> Option<toml::Value> {
    let (table, key) = full.rsplit_once('.')?;
    let fix = FixOptions::default();
    Some(match (table, key) {
        ("check", "profile") => vec![DEFAULT_PROFILE].into(),
        ("check", "select" | "ignore") => toml::Value::Array(Vec::new()),
        ("check", "jobs") => i64::from(cores()).into(),
        ("check", "limits_old_after") => i64::from(LIMITS_OLD_AFTER_DAYS).into(),
        ("check", "isolation") => name(&Isolation::default()),
        ("check", "probe") => name(&ProbeMode::default()),
        ("fix", "fit") => name(&fix.fit),
        ("fix", "background") => fix.background.into(),
        ("fix", "encoder") => name(&fix.encoder),
        ("fix", "preset") => name(&fix.preset),
        ("fix", "quality") => f64::from(fix.crf).into(),
        ("fix", "verify") => name(&VerifyLevel::default()),
        ("check", "deep") | ("fix", "trim" | "upscale" | "add_silence" | "from_key_frame" | "conceal") => {
            false.into()
        }
        ("check" | "fix", _) => return None,
        (_, key) => {
            let destination = table.strip_prefix("destination.").and_then(|it| config.destination.get(it));
            return destination::default_of(destination?, key);
        }
    })
}

/// Returns the name of a choice, as options and the configuration write it.
pub fn name<T: ValueEnum>(value: &T) -> toml::Value {
    value.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned()).into()
}
