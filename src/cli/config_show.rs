//! `greenlit config show`: prints every key of the configuration with its value and where that comes from.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;

use super::args::{CommonArgs, ConfigArgs, ConfigCommand, DestinationArgs};
use super::config::Config;
use super::config_tables::{CheckConfig, FixConfig};
use super::defaults;
use super::error::CliError;
use super::exit_code::RunStatus;
use super::field_names::field_names;
use super::packaging;
use super::settings::Settings;

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &ConfigArgs) -> Result<RunStatus, CliError> {
    match args.command {
        ConfigCommand::Show => packaging::print_page(&page(&settings.config, common)),
    }
}

fn page(config: &Config, common: &CommonArgs) -> String {
    let mut text = match &config.path {
        Some(path) => format!("# {}\n", path.display()),
        None => "# no greenlit.toml in this folder or a parent folder\n".to_owned(),
    };
    let options = options(common);
    table::<CheckConfig>(config, "check", &options, &mut text);
    table::<FixConfig>(config, "fix", &toml::Table::new(), &mut text);
    for name in config.destination.keys() {
        table::<DestinationArgs>(config, &format!("destination.{name}"), &toml::Table::new(), &mut text);
    }
    for name in ["build", "override", "ignore"] {
        if let Some(value) = config.tables.get(name) {
            let _ = write!(text, "\n# {}\n", config.origin(name));
            text.push_str(&toml::Table::from_iter([(name.to_owned(), value.clone())]).to_string());
        }
    }
    text
}

/// Adds the keys of a table; `options` are those that the command line sets.
fn table<T: DeserializeOwned>(config: &Config, name: &str, options: &toml::Table, text: &mut String) {
    let _ = write!(text, "\n[{name}]\n");
    for key in field_names::<T>() {
        let full = format!("{name}.{key}");
        let (value, place) = match (options.get(*key), config.value(&full), defaults::of(config, &full)) {
            (Some(value), ..) => (value.clone(), format!("option --{}", key.replace('_', "-"))),
            (None, Some(value), _) => (value.clone(), config.origin(&full)),
            (None, None, Some(value)) => (value, "default".to_owned()),
            (None, None, None) => {
                let _ = writeln!(text, "# {key} is not set");
                continue;
            }
        };
        let _ = writeln!(text, "{:<40} # {place}", format!("{key} = {value}"));
    }
}

/// Returns the keys of `[check]` that the command line sets.
fn options(common: &CommonArgs) -> toml::Table {
    let list = |names: &[String]| (!names.is_empty()).then(|| toml::Value::from(names.to_vec()));
    let number = |number: Option<u32>| number.map(|number| toml::Value::from(i64::from(number)));
    let options = [
        ("profile", list(&common.profile)),
        ("select", list(&common.select)),
        ("ignore", list(&common.ignore)),
        ("jobs", number(common.jobs.map(u32::from))),
        ("limits_old_after", number(common.limits_old_after)),
        ("isolation", common.isolation.as_ref().map(defaults::name)),
        ("probe", common.probe.as_ref().map(defaults::name)),
        ("time_limit", common.time_limit.clone().map(toml::Value::from)),
    ];
    options.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
