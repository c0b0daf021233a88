//! Writes everything that goes to standard error, so that foreign text in it, such as file names and replies of a
//! platform, can neither control a terminal nor give commands to a CI system.

use std::io::Write;

use crate::report::escape;

use super::wrapped;

/// Prints a message of one line.
pub fn print(message: &str) {
    write(&safe_line(message, in_ci()));
}

/// Prints a message of the program's name and one line.
pub fn say(message: &str) {
    print(&format!("greenlit: {message}"));
}

/// Prints text of several lines. Only text without foreign line breaks keeps its lines.
pub fn print_lines(text: &str) {
    let ci = in_ci();
    text.lines().for_each(|line| write(&safe_line(line, ci)));
}

/// Returns text of several lines for standard output, each as safe as a line of standard error. Text of a
/// configuration, a journal or a platform in it may have line breaks of its own, which make further lines.
pub fn safe_text(text: &str) -> String {
    let ci = in_ci();
    text.lines().map(|line| safe_line(line, ci) + "\n").collect()
}

/// Returns a line for standard error: no character controls a terminal, and in CI none begins a command.
pub fn safe_line(line: &str, ci: bool) -> String {
    let escaped = escape(line);
    if ci { without_commands(&escaped) } else { escaped }
}

/// Returns whether the program runs in a CI system, which may read commands from its output.
pub fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

fn write(line: &str) {
    // Nothing can be done if standard error is closed.
    let _ = std::io::stderr().lock().write_all(wrapped::for_stderr(line).as_bytes());
}

/// Escapes what starts a command of GitHub Actions, Forgejo or Azure Pipelines: `::` at the beginning of a word, because
/// a long line may be wrapped there, and `##` or `[` of `##[`, `##vso[` and the like anywhere.
fn without_commands(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    let mut previous = ' ';
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        let begins_word = previous.is_whitespace();
        let marker = (begins_word && rest.starts_with("::")) || rest.starts_with("##");
        match marker {
            true => safe.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
            false => safe.push(character),
        }
        previous = character;
        rest = &rest[character.len_utf8()..];
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_and_commands_are_escaped() {
        assert_eq!(safe_line("\u{1b}[2Ja\nb::c", false), "\\u{1b}[2Ja\\nb::c");
        assert_eq!(safe_line("::error::x", false), "::error::x");
        assert_eq!(safe_line("::error::x", true), "\\u{3a}:error::x");
        assert_eq!(safe_line("name ::stop-commands::x", true), "name \\u{3a}:stop-commands::x");
        assert_eq!(safe_line("a##[error]b ##vso[task]", true), "a\\u{23}#[error]b \\u{23}#vso[task]");
        assert_eq!(safe_line("https://a.example/::1", true), "https://a.example/::1");
    }

    /// Returns text of the pieces that matter.
    fn foreign() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<char>().prop_map(String::from),
            prop::sample::select(vec![
                "::",
                ":",
                "##[",
                "#",
                "##vso[",
                " ",
                "\n",
                "\r",
                "\u{1b}[31m",
                "\u{9b}",
                "\u{202e}"
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_page_with_foreign_text_controls_a_terminal(text in foreign(), more in foreign()) {
            let page = safe_text(&format!("title\n  {text}\n    - {more}"));
            prop_assert!(!page.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{page:?}");
            prop_assert!(page.ends_with('\n'));
        }

        #[test]
        fn no_foreign_text_controls_a_terminal_or_a_ci_system(text in foreign(), width in 20_usize..120) {
            let line = safe_line(&format!("greenlit: {text}"), true);
            prop_assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
            for line in [line.clone(), safe_line(&text, true)] {
                for line in wrapped::to_width(&line, width).lines() {
                    prop_assert!(!line.trim_start().starts_with("::"), "{line:?}");
                    prop_assert!(!line.contains("##["), "{line:?}");
                    prop_assert!(!line.contains("##vso["), "{line:?}");
                }
            }
        }
    }
}
