//! What the platform's codes mean and what to do about them, as data.

use crate::platform::Class;

/// Whether a call changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only reads.
    Read,
    /// It may have an effect.
    Mutation,
}

/// One code's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePage {
    /// First code of the row.
    pub first: i64,
    /// Last code of the row, inclusive.
    pub last: i64,
    /// The class, for a read; see [`classify`] for the rest.
    pub class: Class,
    /// What it means.
    pub meaning: &'static str,
    /// A widespread wrong reading of it.
    pub mistaken_for: Option<&'static str>,
    /// Where the meaning is from.
    pub source: &'static str,
}

const APPENDIX: &str = "Business API appendix, return codes, as of 2026-08-13";
const SDK: &str = "official SDK 1.1.3, name only";

const fn row(first: i64, last: i64, class: Class, meaning: &'static str) -> CodePage {
    CodePage { first, last, class, meaning, mistaken_for: None, source: APPENDIX }
}

const fn sdk(first: i64, last: i64, class: Class, meaning: &'static str) -> CodePage {
    CodePage { first, last, class, meaning, mistaken_for: None, source: SDK }
}

const fn mistaken(page: CodePage, wrong: &'static str) -> CodePage {
    CodePage { mistaken_for: Some(wrong), ..page }
}

/// Every code known. The first row that holds a code counts.
pub const PAGES: &[CodePage] = &[
    row(0, 0, Class::Ok, "OK"),
    row(20001, 20001, Class::Ok, "partially successful: look at the data"),
    row(40000, 40000, Class::Permanent, "invalid parameters"),
    row(40001, 40001, Class::ReAuthenticate, "no permission for the operation"),
    mistaken(
        row(40002, 40002, Class::Permanent, "parameter error, see the message"),
        "insufficient permission",
    ),
    sdk(40003, 40003, Class::Permanent, "forbidden"),
    row(40006, 40006, Class::Configuration, "version incompatible"),
    row(40007, 40007, Class::Permanent, "object does not exist"),
    row(40008, 40010, Class::Configuration, "endpoint or domain not supported here"),
    row(40011, 40011, Class::Permanent, "too many ids in one request"),
    sdk(40012, 40012, Class::Permanent, "no update"),
    row(40013, 40014, Class::Configuration, "not available in the platform's sandbox"),
    row(40016, 40016, Class::Throttle, "requests too frequent, application"),
    row(40050, 40050, Class::Unknown, "duplicate request: it may have been done"),
    row(40051, 40051, Class::Configuration, "invalid version"),
    row(40053, 40053, Class::ReRead, "video id invalid: not ready or never will be"),
    sdk(40061, 40061, Class::Permanent, "invalid batch size"),
    mistaken(
        row(40100, 40100, Class::Throttle, "requests too frequent, application"),
        "invalid access token",
    ),
    row(40101, 40108, Class::ReAuthenticate, "token missing, expired, incorrect or revoked"),
    row(40110, 40125, Class::ReAuthenticate, "authorization or application not accepted"),
    sdk(40130, 40131, Class::ReAuthenticate, "scope not authorized"),
    row(40132, 40133, Class::Throttle, "requests too frequent, pixel or advertiser"),
    row(40200, 40200, Class::Permanent, "task error"),
    row(40201, 40201, Class::Wait, "task not ready"),
    row(40202, 40202, Class::Retry, "write conflict"),
    row(40300, 40301, Class::Permanent, "advertiser missing or mismatched"),
    sdk(40302, 40309, Class::Permanent, "no published meaning"),
    sdk(40400, 40400, Class::Configuration, "route not found"),
    row(40502, 40502, Class::Permanent, "limit of ads reached"),
    row(40700, 40700, Class::Permanent, "internal validation error"),
    row(40900, 40900, Class::Retry, "MD5 mismatch: hash again and send once more"),
    row(40901, 40901, Class::Wait, "video transcoding in process"),
    row(40902, 40903, Class::Retry, "URL cannot be fetched"),
    row(40904, 40909, Class::Permanent, "file illegal, missing, empty, too large or of an unsupported type"),
    row(40910, 40910, Class::Permanent, "file expired: upload it again"),
    row(40911, 40911, Class::ReRead, "duplicate material name"),
    row(40912, 40913, Class::Retry, "image cannot be fetched"),
    row(40914, 40915, Class::ReEncode, "file invalid or not to specification"),
    sdk(40916, 40916, Class::Permanent, "illegal content"),
    row(41000, 41002, Class::Permanent, "address banned, or interface or fields offline"),
    sdk(41013, 41013, Class::Retry, "site-to-video service error"),
    mistaken(
        row(50000, 50002, Class::Retry, "error on the platform's side, see the message"),
        "service temporarily unavailable (maintenance is 60001)",
    ),
    row(51305, 51305, Class::Retry, "satellite service error"),
    sdk(51000, 53999, Class::Retry, "internal service, storage or serialisation error"),
    row(60001, 60001, Class::Wait, "maintenance"),
    sdk(61000, 61000, Class::Retry, "too many requests, internal"),
    CodePage {
        first: 2_200_006,
        last: 2_200_006,
        class: Class::ReRead,
        meaning: "not a published code; said to mean that video processing failed",
        mistaken_for: Some("an official code; the official one for not ready is 40901"),
        source: "one third-party page, unverified",
    },
];

/// The page of a code; `None` when nothing is known of it.
pub fn explain(code: i64) -> Option<CodePage> {
    PAGES.iter().find(|page| (page.first..=page.last).contains(&code)).copied()
}

/// The class of an answer. `endpoint` is the path without the base, `file/video/suggestcover/` say.
///
/// A code without a page is classed by its family: 5xxxx and 6xxxx as server errors, 401xx as the
/// token's, all else as permanent. A server error leaves a mutation unknown.
pub fn classify(endpoint: &str, kind: Kind, code: i64, message: &str) -> Class {
    let transcoding = endpoint.trim_matches('/').ends_with("suggestcover")
        && code != 0
        && message.to_ascii_lowercase().contains("insufficient permissions");
    if transcoding {
        return Class::Wait;
    }
    let server = (50_000..70_000).contains(&code) || code == 41_013;
    let class = match explain(code) {
        Some(page) => page.class,
        None if server => Class::Retry,
        None if (40_100..40_200).contains(&code) => Class::ReAuthenticate,
        None => Class::Permanent,
    };
    if server && class == Class::Retry && kind == Kind::Mutation { Class::Unknown } else { class }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_code_is_classed_by_what_was_asked() {
        assert_eq!(classify("ad/get/", Kind::Read, 50002, ""), Class::Retry);
        assert_eq!(classify("ad/create/", Kind::Mutation, 50002, ""), Class::Unknown);
        assert_eq!(classify("ad/get/", Kind::Read, 40100, ""), Class::Throttle);
        assert_eq!(classify("ad/get/", Kind::Read, 40105, ""), Class::ReAuthenticate);
        let said = "Insufficient permissions for some videos";
        assert_eq!(classify("file/video/suggestcover/", Kind::Read, 40001, said), Class::Wait);
        assert_eq!(classify("file/video/ad/info/", Kind::Read, 40001, said), Class::ReAuthenticate);
    }
}
