//! Words of a command that repeats what the command line of this run named.

use super::{Report, escape};

/// Longer paths are not repeated in the commands of the advice.
const MAX_PATHS_LENGTH: usize = 40;

/// Returns the paths of this run for a command, or a placeholder for long and strange ones.
pub(super) fn path_words(report: &Report) -> String {
    let words: Vec<String> = report.named_paths.iter().map(|path| shell_word(path)).collect();
    let text = words.join(" ");
    let is_option = words.iter().any(|word| word.starts_with('-'));
    let is_strange = text.is_empty() || is_option || text.contains('`') || escape(&text) != text;
    if is_strange || text.len() > MAX_PATHS_LENGTH { "PATH".to_owned() } else { text }
}

/// Returns the options that repeat the profiles of this run, so that a command of the advice can be copied.
pub(super) fn profile_options(report: &Report) -> String {
    report.named_profiles.iter().map(|name| format!(" --profile {}", shell_word(name))).collect()
}

/// Returns the keys of the configuration that do the same as `options`, which give consents.
pub(super) fn consent_keys(options: &str) -> String {
    let key = |option: &str| {
        let (name, value) = option.trim().split_once(' ').unwrap_or((option.trim(), ""));
        let name = name.replace('-', "_");
        if value.is_empty() { format!("`{name} = true`") } else { format!("`{name} = \"{value}\"`") }
    };
    let options = options.strip_prefix("--").unwrap_or(options);
    options.split(" --").map(key).collect::<Vec<_>>().join(", ")
}

/// Quotes a word for a shell, if it has to be.
fn shell_word(word: &str) -> String {
    let is_plain =
        |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '+' | '=' | ':' | ',' | '@');
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn consents_are_told_as_keys() {
        assert_eq!(consent_keys("--upscale"), "`upscale = true`");
        assert_eq!(
            consent_keys("--extend freeze --audio-track first"),
            "`extend = \"freeze\"`, `audio_track = \"first\"`"
        );
    }

    #[test]
    fn paths_that_a_command_cannot_show_are_not_repeated() {
        let report = samples::report(Vec::new());
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        for strange in ["-", "a`b", "a\u{1b}b", &"long/".repeat(20)] {
            assert_eq!(path_words(&report.clone().with_named(Vec::new(), vec![strange.to_owned()])), "PATH");
        }
    }
}
