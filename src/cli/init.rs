//! `greenlit init`: writes a configuration in which every key is explained and none is set.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use clap::CommandFactory;

use super::args::{Cli, CommonArgs, DestinationArgs};
use super::config::Config;
use super::config_file::FILE_NAME;
use super::config_tables::{CheckConfig, FixConfig};
use super::error::CliError;
use super::exit_code::RunStatus;
use super::field_names::field_names;
use super::{defaults, notices};

const HEAD: &str = "\
# The configuration of greenlit. Remove the # before a key to set it. Every key is also an option of the command line
# and an environment variable (check.profile: GREENLIT_CHECK_PROFILE); an option wins over a variable, and that over this
# file. A value is the default unless it is called an example. `greenlit config show` prints what is in force and where it
# comes from.
";

const TAIL: &str = r#"
# Outputs of `greenlit build`. Every key of [fix] can stand here, too.
#[[build]]
#name = "ads"
#sources = ["footage"]
#profile = ["tiktok-ads"]
#out = "dist/ads"

# Findings that do not count; they stay in the reports with the reason. After the day of `until` they count again.
#[[ignore]]
#rule = "loudness"
#paths = ["archive/**"]
#reason = "delivered before the limit existed"
#until = 2026-12-31

# What differs for some files. Patterns are those of .gitignore, relative to this folder.
#[[override]]
#paths = ["stories/**"]
#profile = ["instagram-reels"]
#ignore = ["file-name"]

# Limits that a platform changed since this release.
#[[override]]
#[override.duration]
#max_s = 60
"#;

/// Widest line of a comment.
const WIDTH: usize = 110;

/// Runs the command in the working directory, or writes the file of `--config`.
pub fn run(common: &CommonArgs) -> Result<RunStatus, CliError> {
    let path = common.config.as_deref().unwrap_or(Path::new(FILE_NAME));
    let written = OpenOptions::new().write(true).create_new(true).open(path);
    match written.and_then(|mut file| file.write_all(template().as_bytes())) {
        Ok(()) => {
            notices::say(&format!(
                "{} is written; every key in it is explained, none is set",
                path.display()
            ));
            Ok(RunStatus::Done)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(CliError::Usage(format!("{} exists already and is not changed", path.display())))
        }
        Err(source) => Err(CliError::Operation {
            what: format!("{} cannot be written", path.display()),
            source: Box::new(source),
        }),
    }
}

/// Returns the configuration with all keys, each with the help of its option.
fn template() -> String {
    let mut command = Cli::command();
    command.build();
    let mut text = HEAD.to_owned();
    table("check", "check", field_names::<CheckConfig>(), &command, &mut text);
    table("fix", "fix", field_names::<FixConfig>(), &command, &mut text);
    text.push_str("\n# A destination of `ship --to tiktok`; there can be several.\n");
    table("destination.tiktok", "ship", field_names::<DestinationArgs>(), &command, &mut text);
    text.push_str(TAIL);
    text
}

fn table(name: &str, subcommand: &str, keys: &[&str], command: &clap::Command, text: &mut String) {
    let _ = writeln!(text, "{}[{name}]", if name.contains('.') { "#" } else { "\n" });
    let subcommand = command.find_subcommand(subcommand);
    let mut config = Config::default();
    config.destination.insert("tiktok".to_owned(), DestinationArgs::default());
    for key in keys {
        let option = subcommand.and_then(|it| it.get_arguments().find(|option| option.get_id() == *key));
        let help = option.and_then(|option| option.get_help()).map(ToString::to_string);
        for line in wrapped(&help.unwrap_or_default()) {
            let _ = writeln!(text, "# {line}");
        }
        let _ = match defaults::of(&config, &format!("{name}.{key}")) {
            Some(default) => writeln!(text, "#{key} = {default}"),
            None => writeln!(text, "#{key} = {}  # an example; there is no default", example(key)),
        };
    }
}

/// Returns a value of a key without a default.
fn example(key: &str) -> toml::Value {
    match key {
        "time_limit" => "10m",
        "out" => "dist",
        "extend" => "loop",
        "audio_track" => "first",
        "advertiser_id" => "7000000000000000001",
        "account" => "the open_id of the creator",
        "mode" => "inbox",
        "token_file" => "token.txt",
        "bandwidth" => "5MB",
        "journal" => ".greenlit/journal.db",
        _ => "",
    }
    .into()
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_key_is_explained_and_its_example_is_valid() {
        let text = template();
        for table in ["[check]", "[fix]", "#[destination.tiktok]"] {
            assert!(text.contains(&format!("\n{table}\n")), "{text}");
        }
        assert!(!text.contains("= \"\""), "a key has no example:\n{text}");
        let lines: Vec<&str> = text.lines().collect();
        for (before, line) in lines.iter().zip(&lines[1..]) {
            let is_key = line.starts_with('#') && line.contains(" = ") && !line.starts_with("# ");
            let explained = before.starts_with('#') && !TAIL.contains(line);
            assert!(!is_key || explained || TAIL.contains(line), "{line}");
        }
        let set = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        };
        let all: String = text.lines().map(set).collect();
        // A token comes from a variable or from a file.
        let config = Config::parse(&all, Path::new("greenlit.toml"), &[]).unwrap();
        assert_eq!(config.check.profile, ["tiktok-ads"]);
        assert_eq!((config.ignore.len(), config.overrides.of_paths.len()), (1, 1));
        assert!(config.overrides.limits.contains_key("duration"));
        let config = Config::parse(&text, Path::new("greenlit.toml"), &[]).unwrap();
        assert!(config.check.profile.is_empty() && config.destination.is_empty());
    }
}
