//! Tests that no decision of the library depends on the wording of an error, a message or a reason. What is known is an
//! enum; a message may be reworded at any time.
//!
//! The test reads the sources. It finds a method that looks for text, or a comparison, on an expression that is named like
//! a message (`error.to_string().contains(…)`, `reason == …`). It does not see through a variable with another name.
#![allow(clippy::unwrap_used)]

#[path = "common/code_of.rs"]
mod code;
#[path = "common/sources.rs"]
mod source_files;

use std::path::Path;

use code::code_of;
use source_files::sources;

/// Methods that look into a text.
const METHODS: &[&str] = &[
    "contains",
    "ends_with",
    "eq_ignore_ascii_case",
    "find",
    "match_indices",
    "matches",
    "rfind",
    "rsplit",
    "rsplit_once",
    "split",
    "split_once",
    "splitn",
    "starts_with",
    "strip_prefix",
    "strip_suffix",
];

/// Names of expressions that hold a text for people.
const TEXTS: &[&str] = &[
    "detail",
    "err",
    "error",
    "failure",
    "failures",
    "message",
    "messages",
    "reason",
    "reasons",
    "to_string",
    "warning",
    "why",
];

/// Fields and calls after which an expression is no longer that text.
const TYPED: &[&str] = &[
    "cause",
    "class",
    "code",
    "endpoint",
    "id",
    "iter",
    "kind",
    "len",
    "name",
    "raw_os_error",
    "source",
    "span",
    "status",
    "stream",
];

/// An expression that may look like a decision on text.
struct Exception {
    /// Its file below `src`.
    file: &'static str,
    /// The expression, without white space, from its first name on.
    expression: &'static str,
    /// Why it is none, or why there is nothing better.
    why: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        file: "platform/tiktok_post/fail_reasons.rs",
        expression: "page.reason.eq_ignore_ascii_case(",
        why: "a fail reason is an identifier of the API; here a user typed it",
    },
    Exception {
        file: "platform/tiktok_post/fail_reasons.rs",
        expression: "reason==CANCELLED",
        why: "a fail reason is an identifier of the API, which has no code beside it",
    },
    Exception {
        file: "platform/tiktok_ads/wordings.rs",
        expression: "message.contains(",
        why: "the platform tells these replies apart by their message alone",
    },
    Exception {
        file: "platform/tiktok_ads/code_overrides.rs",
        expression: "code.to_string()==",
        why: "the digits of a number, not a message",
    },
    Exception {
        file: "ship/landing.rs",
        expression: "format!()==",
        why: "rustls wraps this error of its verifier and does not export its type",
    },
    Exception {
        file: "rules/rule.rs",
        expression: "message.contains(",
        why: "notes whether the message, which a rule has just composed, has both values",
    },
];

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the expression that ends at `end`: a chain of names, calls, indices, `?`, `.` and `::`.
fn expression_before(code: &str, end: usize) -> &str {
    let mut start = end;
    let mut depth = 0;
    for (at, c) in code[..end].char_indices().rev() {
        match c {
            ')' | ']' => depth += 1,
            '(' | '[' if depth == 0 => break,
            '(' | '[' => depth -= 1,
            _ if depth > 0 || is_name(c) || matches!(c, '.' | ':' | '?' | '!') => {}
            _ => break,
        }
        start = at;
    }
    code[start..end].trim_start_matches('!')
}

/// Returns the names of a chain outside its arguments, in order.
fn names_of(expression: &str) -> Vec<String> {
    let (mut names, mut name, mut depth) = (Vec::new(), String::new(), 0);
    for c in expression.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            c if depth == 0 && is_name(c) => {
                name.push(c);
                continue;
            }
            _ => {}
        }
        names.extend((!name.is_empty()).then(|| std::mem::take(&mut name)));
    }
    names.extend((!name.is_empty()).then_some(name));
    names
}

/// Returns whether a chain ends with a text for people.
fn is_text(expression: &str) -> bool {
    let names = names_of(expression);
    let is_macro = expression.contains("format!(");
    let is_named = |name: &str| TEXTS.contains(&name) || is_macro && name == "format";
    let last = names.iter().rposition(|name| is_named(name));
    last.is_some_and(|last| names[last..].iter().all(|name| !TYPED.contains(&name.as_str())))
}

/// Returns every expression of a source that decides on a text.
fn decisions(source: &str) -> Vec<String> {
    // Words stay apart: `if reason` must not become one name.
    let code = code_of(source).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut tight = code.clone();
    for sign in [".", "==", "!=", "(", ")", "[", "]", "?", "&", "|", ",", "{", "}", ";", "="] {
        tight = tight.replace(&format!(" {sign}"), sign).replace(&format!("{sign} "), sign);
    }
    let mut found = Vec::new();
    for method in METHODS {
        for (at, call) in tight.match_indices(&format!(".{method}(")) {
            let receiver = expression_before(&tight, at);
            let argument = &tight[at + call.len()..];
            // A closure over elements is no search in a text.
            let searches_elements =
                matches!(*method, "find" | "contains") && argument.starts_with(['|', '&']);
            let is_list =
                names_of(receiver).last().is_some_and(|name| name.ends_with('s') && name != "alias");
            if is_text(receiver) && !(searches_elements && (is_list || argument.starts_with('|'))) {
                found.push(format!("{receiver}.{method}("));
            }
        }
    }
    // Of a literal, nothing is left here. Two texts that are equal are told once: no wording is read.
    let is_fixed = |side: &str| !side.contains(|c: char| c.is_lowercase()) && !side.contains("::");
    for sign in ["==", "!="] {
        for (at, _) in tight.match_indices(sign) {
            let left = expression_before(&tight, at);
            let right = &tight[at + sign.len()..];
            let end = right.find(|c: char| !is_name(c) && !matches!(c, '.' | ':')).unwrap_or(right.len());
            let right = &right[..end];
            if is_text(left) && is_fixed(right) || is_text(right) && is_fixed(left) {
                found.push(format!("{left}{sign}{right}"));
            }
        }
    }
    for (at, _) in tight.match_indices("match ") {
        let (subject, arms) = tight[at + "match ".len()..].split_once('{').unwrap_or_default();
        let begins_with_literal = ["=>", "|", "Some()"].iter().any(|start| arms.starts_with(start));
        if !tight[..at].ends_with(is_name) && is_text(subject) && begins_with_literal {
            found.push(format!("match {subject}"));
        }
    }
    found
}

#[test]
fn no_decision_depends_on_the_wording_of_a_message() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 300, "only {} files below {}", files.len(), root.display());
    let mut used = vec![false; EXCEPTIONS.len()];
    let mut found = Vec::new();
    for path in files {
        let file = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let is_test =
            file.ends_with("tests.rs") || file.contains("/scenarios/") || file.contains("/samples/");
        if is_test {
            continue;
        }
        for decision in decisions(&std::fs::read_to_string(&path).unwrap()) {
            let exception =
                EXCEPTIONS.iter().position(|known| known.file == file && known.expression == decision);
            match exception {
                Some(index) => used[index] = true,
                None => found.push(format!("src/{file}: {decision}")),
            }
        }
    }
    assert!(
        found.is_empty(),
        "decide on an enum or a field, not on the wording of a message:\n{}",
        found.join("\n")
    );
    for (known, used) in EXCEPTIONS.iter().zip(used) {
        let Exception { file, expression, why } = known;
        assert!(used, "not found any more, remove it from the list: src/{file}: {expression} ({why})");
    }
}

#[test]
fn every_form_of_a_decision_on_text_is_detected() {
    for (offender, expected) in [
        ("fn f() { if error.to_string().contains(\"x\") {} }", "error.to_string().contains("),
        ("fn f() { failure\n    .message\n    .starts_with(START); }", "failure.message.starts_with("),
        ("fn f() { reason.strip_prefix(PREFIX).unwrap_or(reason); }", "reason.strip_prefix("),
        (
            "fn f() { format!(\"{error}\"); self.failures[0].message.find(\"y\") }",
            "self.failures[0].message.find(",
        ),
        (
            "fn f() { io.reason.as_deref().unwrap_or_default().split(';') }",
            "io.reason.as_deref().unwrap_or_default().split(",
        ),
        (
            "fn f() { messages.iter().any(|one| one.message.contains(other.as_str())) }",
            "one.message.contains(",
        ),
        ("fn f() { if reason == \"cancelled\" {} }", "reason=="),
        ("fn f() { if CANCELLED != entry.reason {} }", "CANCELLED!=entry.reason"),
        ("fn f() { format!(\"{error:?}\") == \"Expired\" }", "format!()=="),
        ("fn f() { match error.message.as_str() { \"a\" => 1, _ => 2 } }", "match error.message.as_str()"),
    ] {
        assert_eq!(decisions(offender), [expected], "{offender}");
    }
    for harmless in [
        "fn f() { error.kind() == ErrorKind::NotFound }",
        "fn f() { failure.kind == FailureKind::Input || error != JobError::Cancelled }",
        "fn f() { match reason { Some(reason) => reason, None => other } }",
        "fn f() { entry.reason != fix.reason }",
        "fn f() { refused.contains(&error.raw_os_error()) }",
        "fn f() { reasons.iter().find(|reason| reason.is_final()) }",
        "fn f() { message.len() == 3 }",
        "// error.to_string().contains(1)\nconst A: &str = \"reason.contains(x)\";",
        "#[cfg(test)]\nmod tests {\n fn f() { message.contains(1) }\n}",
    ] {
        assert_eq!(decisions(harmless), Vec::<String>::new(), "{harmless}");
    }
}
