//! The meaning of the platform's return codes, and the class of a reply.

use super::code_overrides::CodeTable;
pub use super::code_table::{CodePage, explain, pages};
use super::wordings;
use crate::platform::Class;

/// Whether a call changes something on the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// The call only reads, or repeating it does no harm.
    Read,
    /// The call may have an effect that must not happen twice.
    Mutation,
}

/// Returns class and description of a code's family, for a code without a page; `None` without a family.
pub fn family(code: i64) -> Option<(Class, &'static str)> {
    match code {
        40_100..=40_199 => Some((
            Class::ReAuthenticate,
            "the platform uses codes 40100 to 40199 for problems with the authorisation",
        )),
        40_000..=41_999 => Some((
            Class::Permanent,
            "the platform uses codes 40000 to 41999 for problems with the request it received",
        )),
        50_000..=59_999 => Some((Class::Retry, "the platform uses codes 50000 to 59999 for its own errors")),
        60_000..=69_999 => Some((Class::Retry, "the platform uses codes 60000 to 69999 for its own errors")),
        _ => None,
    }
}

/// Returns the class of a reply. The classes of the user's overrides take precedence.
///
/// A code without a page gets the class of its family: 5xxxx and 6xxxx are server errors, 401xx concern the
/// token, all others are permanent. A server error in reply to a mutation is [`Class::Unknown`]; an override cannot turn a server error in reply to a mutation into [`Class::Retry`].
pub fn classify(table: &CodeTable, kind: CallKind, code: i64, message: &str) -> Class {
    let unknown_if_mutation = |class| {
        let is_server_error = (50_000..70_000).contains(&code) || code == 41_013;
        let unknown = is_server_error && class == Class::Retry && kind == CallKind::Mutation;
        if unknown { Class::Unknown } else { class }
    };
    if let Some(class) = table.overridden_class(code) {
        return unknown_if_mutation(class);
    }
    if let Some(class) = wordings::class_of(code, message) {
        return class;
    }
    unknown_if_mutation(match explain(code) {
        Some(page) => page.class,
        None => family(code).map_or(Class::Permanent, |(class, _)| class),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn classify(kind: CallKind, code: i64, message: &str) -> Class {
        super::classify(&CodeTable::default(), kind, code, message)
    }

    /// The codes of the appendix and of the SDK, copied from the sources and not from the table.
    const DOCUMENTED: &[i64] = &[
        0, 20001, 40000, 40001, 40002, 40006, 40051, 40010, 40007, 40008, 40009, 40013, 40014, 40011, 40016,
        40100, 40133, 40132, 40050, 40053, 40101, 40110, 40115, 40102, 40104, 40105, 40106, 40103, 40107,
        40108, 40113, 40118, 40119, 40124, 40125, 40200, 40201, 40202, 40300, 40301, 40502, 40700, 40900,
        40901, 40902, 40903, 40912, 40913, 40904, 40905, 40906, 40907, 40908, 40909, 40910, 40911, 40914,
        40915, 41000, 41001, 41002, 50000, 50002, 51305, 60001, // codes of the SDK
        40003, 40012, 40061, 40114, 40130, 40131, 40302, 40309, 40400, 40916, 41013, 51010, 51017, 51045,
        51067, 52202, 52204, 53102, 53103, 61000, 70001, // undocumented
        2_200_006,
    ];

    #[test]
    fn every_documented_code_has_exactly_one_page() {
        for code in DOCUMENTED {
            assert_eq!(pages().iter().filter(|page| page.code == *code).count(), 1, "{code}");
        }
        assert_eq!(pages().len(), DOCUMENTED.len());
        assert!(pages().is_sorted_by(|a, b| a.code < b.code));
    }

    #[test]
    fn the_class_of_a_code_depends_on_the_call() {
        assert_eq!(classify(CallKind::Read, 50002, ""), Class::Retry);
        assert_eq!(classify(CallKind::Mutation, 50002, ""), Class::Unknown);
        assert_eq!(classify(CallKind::Read, 40100, ""), Class::Throttle);
        assert_eq!(classify(CallKind::Read, 40105, ""), Class::ReAuthenticate);
        let gone = "The authorization has been canceled by the advertiser";
        assert_eq!(classify(CallKind::Read, 40002, gone), Class::ReAuthenticate);
        assert_eq!(classify(CallKind::Read, 40002, "page: too small"), Class::Permanent);
    }

    #[test]
    fn codes_without_a_page_follow_their_family_and_overrides_take_precedence() {
        assert_eq!(classify(CallKind::Read, 51099, ""), Class::Retry);
        assert_eq!(classify(CallKind::Mutation, 51099, ""), Class::Unknown);
        assert_eq!(classify(CallKind::Read, 40199, ""), Class::ReAuthenticate);
        assert_eq!(classify(CallKind::Read, 2_200_099, ""), Class::Permanent);
        let table = "[2200006]\nclass = \"wait\"\n[50000]\nclass = \"retry\"\n".parse().unwrap();
        let table = CodeTable::read(&toml::Value::Table(table), "code").unwrap();
        assert_eq!(super::classify(&table, CallKind::Read, 2_200_006, ""), Class::Wait);
        assert_eq!(super::classify(&table, CallKind::Mutation, 50_000, ""), Class::Unknown);
        assert_eq!(classify(CallKind::Read, 2_200_006, ""), Class::ReRead);
    }
}
