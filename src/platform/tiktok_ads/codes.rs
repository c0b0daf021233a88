//! What the platform's codes mean and what to do about them.

use super::code_overrides::CodeTable;
use super::code_table::PAGES;
use crate::platform::Class;

/// Whether a call changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only reads, or repeating it does no harm.
    Read,
    /// It may have an effect that must not happen twice.
    Mutation,
}

/// One code's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePage<'a> {
    /// The code.
    pub code: i64,
    /// The class, for a read; see [`classify`] for the rest.
    pub class: Class,
    /// What it means.
    pub meaning: &'a str,
    /// What to do about it.
    pub action: &'a str,
    /// A widespread wrong reading of it.
    pub mistaken_for: Option<&'a str>,
    /// Where the meaning is from.
    pub source: &'a str,
}

/// The page of a code; `None` when nothing is known of it.
pub fn explain(code: i64) -> Option<CodePage<'static>> {
    PAGES.iter().find(|page| page.code == code).copied()
}

/// Every code with a page, in ascending order.
pub fn pages() -> &'static [CodePage<'static>] {
    PAGES
}

/// What the family of a code without a page says of it; `None` for a number that is in no family.
pub fn family(code: i64) -> Option<(Class, &'static str)> {
    match code {
        40_100..=40_199 => {
            Some((Class::ReAuthenticate, "the codes from 40100 to 40199 concern the authorisation"))
        }
        40_000..=41_999 => Some((Class::Permanent, "the codes from 40000 to 41999 concern the request")),
        50_000..=59_999 => {
            Some((Class::Retry, "the codes from 50000 to 59999 are errors inside the platform"))
        }
        60_000..=69_999 => {
            Some((Class::Retry, "the codes from 60000 to 69999 are errors inside the platform"))
        }
        _ => None,
    }
}

/// The class of an answer. `endpoint` is the path without the base, `file/video/suggestcover/` say.
///
/// A code without a page is classed by its family: 5xxxx and 6xxxx as server errors, 401xx as the
/// token's, all else as permanent. A server error leaves a mutation unknown.
pub fn classify(endpoint: &str, kind: Kind, code: i64, message: &str) -> Class {
    classify_with(&CodeTable::default(), endpoint, kind, code, message)
}

/// As [`classify`], with the user's own entries, whose classes come before everything else.
///
/// They may not make a server error harmless: what it left of a change stays unknown.
pub fn classify_with(table: &CodeTable, endpoint: &str, kind: Kind, code: i64, message: &str) -> Class {
    let in_doubt = |class| {
        let server = (50_000..70_000).contains(&code) || code == 41_013;
        if server && class == Class::Retry && kind == Kind::Mutation { Class::Unknown } else { class }
    };
    if let Some(class) = table.own_class(code) {
        return in_doubt(class);
    }
    let message = message.to_ascii_lowercase();
    // Documented on the page of suggest-cover: what it answers before transcoding has ended.
    let covers = endpoint.trim_matches('/').ends_with("suggestcover");
    if covers && code != 0 && message.contains("insufficient permissions") {
        return Class::Wait;
    }
    // 40002 is a catch-all; seen in the field for an advertiser who withdrew the authorisation.
    if code == 40_002 && message.contains("authorization") && message.contains("cancel") {
        return Class::ReAuthenticate;
    }
    in_doubt(match explain(code) {
        Some(page) => page.class,
        None => family(code).map_or(Class::Permanent, |(class, _)| class),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The codes of the appendix and of the SDK, copied from the sources and not from the table.
    const DOCUMENTED: &[i64] = &[
        0, 20001, 40000, 40001, 40002, 40006, 40051, 40010, 40007, 40008, 40009, 40013, 40014, 40011, 40016,
        40100, 40133, 40132, 40050, 40053, 40101, 40110, 40115, 40102, 40104, 40105, 40106, 40103, 40107,
        40108, 40113, 40118, 40119, 40124, 40125, 40200, 40201, 40202, 40300, 40301, 40502, 40700, 40900,
        40901, 40902, 40903, 40912, 40913, 40904, 40905, 40906, 40907, 40908, 40909, 40910, 40911, 40914,
        40915, 41000, 41001, 41002, 50000, 50002, 51305, 60001, // from here the SDK's
        40003, 40012, 40061, 40114, 40130, 40131, 40302, 40309, 40400, 40916, 41013, 51010, 51017, 51045,
        51067, 52202, 52204, 53102, 53103, 61000, 70001, // and the one from nowhere
        2_200_006,
    ];

    #[test]
    fn every_documented_code_has_exactly_one_page() {
        for code in DOCUMENTED {
            assert_eq!(PAGES.iter().filter(|page| page.code == *code).count(), 1, "{code}");
        }
        assert_eq!(PAGES.len(), DOCUMENTED.len());
        assert!(PAGES.is_sorted_by(|a, b| a.code < b.code));
    }

    #[test]
    fn the_same_code_is_classed_by_what_was_asked() {
        assert_eq!(classify("ad/get/", Kind::Read, 50002, ""), Class::Retry);
        assert_eq!(classify("ad/create/", Kind::Mutation, 50002, ""), Class::Unknown);
        assert_eq!(classify("ad/get/", Kind::Read, 40100, ""), Class::Throttle);
        assert_eq!(classify("ad/get/", Kind::Read, 40105, ""), Class::ReAuthenticate);
        let said = "Insufficient permissions for some videos";
        assert_eq!(classify("file/video/suggestcover/", Kind::Read, 40001, said), Class::Wait);
        assert_eq!(classify("file/video/ad/info/", Kind::Read, 40001, said), Class::Permanent);
        let gone = "The authorization has been canceled by the advertiser";
        assert_eq!(classify("ad/get/", Kind::Read, 40002, gone), Class::ReAuthenticate);
        assert_eq!(classify("ad/get/", Kind::Read, 40002, "page: too small"), Class::Permanent);
    }

    #[test]
    fn codes_without_a_page_follow_their_family_and_own_entries_come_first() {
        assert_eq!(classify("ad/get/", Kind::Read, 51099, ""), Class::Retry);
        assert_eq!(classify("ad/create/", Kind::Mutation, 51099, ""), Class::Unknown);
        assert_eq!(classify("ad/get/", Kind::Read, 40199, ""), Class::ReAuthenticate);
        assert_eq!(classify("ad/get/", Kind::Read, 2_200_099, ""), Class::Permanent);
        let own = "[2200006]\nclass = \"wait\"\n[50000]\nclass = \"retry\"\n".parse().unwrap();
        let own = CodeTable::read(&toml::Value::Table(own), "code").unwrap();
        assert_eq!(classify_with(&own, "ad/get/", Kind::Read, 2_200_006, ""), Class::Wait);
        assert_eq!(classify_with(&own, "ad/create/", Kind::Mutation, 50_000, ""), Class::Unknown);
        assert_eq!(classify("ad/get/", Kind::Read, 2_200_006, ""), Class::ReRead);
    }
}
