//! The columns of a manifest of ads, and their checks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use unicode_width::UnicodeWidthChar;

use crate::platform::columns::check_columns;
use crate::platform::{Platform, Problem, PublicationName, Row, RowProblems, digest, is_loopback};
use crate::profile::{AdFieldsLimits, AdTextLimits, RuleLimits, nearest};

/// The id of the ad group.
pub(super) const ADGROUP_ID: &str = "adgroup_id";
/// The name of the ad, unique in its ad group.
pub(super) const AD_NAME: &str = "ad_name";
/// `CUSTOMIZED_USER`, `TT_USER`, `BC_AUTH_TT` or `AUTH_CODE`.
pub(super) const IDENTITY_TYPE: &str = "identity_type";
/// The id of the identity.
pub(super) const IDENTITY_ID: &str = "identity_id";
/// The business center that the identity was authorised to, for `BC_AUTH_TT`.
pub(super) const IDENTITY_AUTHORIZED_BC_ID: &str = "identity_authorized_bc_id";
/// The text of the ad.
pub(super) const AD_TEXT: &str = "ad_text";
/// The call to action.
pub(super) const CALL_TO_ACTION: &str = "call_to_action";
/// The landing page.
pub(super) const LANDING_PAGE_URL: &str = "landing_page_url";
/// The name shown with the ad.
pub(super) const DISPLAY_NAME: &str = "display_name";

/// All columns of an ad.
pub(super) const COLUMNS: &[&str] = &[
    ADGROUP_ID,
    AD_NAME,
    IDENTITY_TYPE,
    IDENTITY_ID,
    IDENTITY_AUTHORIZED_BC_ID,
    AD_TEXT,
    CALL_TO_ACTION,
    LANDING_PAGE_URL,
    DISPLAY_NAME,
];

/// Limits of the profile's rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    text: AdTextLimits,
    fields: AdFieldsLimits,
}

impl Limits {
    /// Returns the limits of a profile.
    pub(super) fn of(rules: &RuleLimits) -> Limits {
        Limits {
            text: rules.ad_text.as_ref().map(|rule| rule.values.clone()).unwrap_or_default(),
            fields: rules.ad_fields.as_ref().map(|rule| rule.values.clone()).unwrap_or_default(),
        }
    }
}

/// Limits of the ad create API, see the profile's `ad-fields`.
const MAX_AD_NAME: usize = 512;
const MAX_DISPLAY_NAME: usize = 40;

/// Returns the ad that a row describes; `None` if it names only a video to upload.
pub(super) fn publication(row: &Row) -> Option<PublicationName> {
    let is_ad = row.cover.is_some() || row.has_any(COLUMNS);
    is_ad.then(|| PublicationName {
        scope: row.text(ADGROUP_ID).to_owned(),
        name: row.text(AD_NAME).to_owned(),
    })
}

/// Returns a complete ad, as an example.
pub(super) fn example() -> Row {
    Row::new(1, "videos/spring.mp4")
        .with(ADGROUP_ID, "1800000000000000001")
        .with(AD_NAME, "Spring - portrait")
        .with(IDENTITY_TYPE, "CUSTOMIZED_USER")
        .with(IDENTITY_ID, "1700000000000000001")
        .with(AD_TEXT, "Two weeks by the sea")
        .with(CALL_TO_ACTION, "LEARN_MORE")
        .with(LANDING_PAGE_URL, "https://www.example.com/spring")
        .with(DISPLAY_NAME, "Example Travel")
}

/// Returns a digest of what an ad shows.
pub(super) fn digest_of(row: &Row, cover: &str) -> String {
    let shown = [IDENTITY_TYPE, IDENTITY_ID, AD_TEXT, CALL_TO_ACTION, LANDING_PAGE_URL, DISPLAY_NAME];
    // An empty field is left out, so that rows keep the digest from before this field existed.
    let center = Some(row.text(IDENTITY_AUTHORIZED_BC_ID)).filter(|center| !center.is_empty());
    digest(shown.iter().map(|column| row.text(column)).chain([cover]).chain(center))
}

/// Checks every row: files, fields, lengths, characters, uniqueness and addresses.
pub(super) fn check_rows(
    platform: &dyn Platform,
    all: &[&dyn Platform],
    rows: &[Row],
    limits: &Limits,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names: HashMap<PublicationName, String> = HashMap::new();
    for row in rows {
        let mut report = RowProblems { row, problems: &mut problems };
        report.check_files();
        check_columns(platform, all, &mut report);
        let Some(name) = publication(row) else { continue };
        check_fields(limits, &mut report);
        if name.name.is_empty() {
            continue;
        }
        match names.entry(name) {
            Entry::Occupied(first) => report.error(
                AD_NAME,
                format!("same name as in {}; names must be unique in an ad group", first.get()),
            ),
            Entry::Vacant(free) => {
                free.insert(row.place());
            }
        }
    }
    problems
}

fn check_fields(limits: &Limits, report: &mut RowProblems<'_>) {
    let row = report.row;
    for field in [ADGROUP_ID, IDENTITY_ID] {
        if row.text(field).is_empty() {
            report.missing(field, "required");
        }
    }
    check_digits(ADGROUP_ID, report);
    report.check_id(IDENTITY_ID);
    check_text(AD_NAME, MAX_AD_NAME, report);
    check_text(AD_TEXT, limits.text.max_width.map_or(usize::MAX, |max| max as usize), report);
    check_identity(report);
    check_call_to_action(&limits.fields, report);
    check_landing_page(report);
}

fn check_call_to_action(limits: &AdFieldsLimits, report: &mut RowProblems<'_>) {
    let given = report.row.text(CALL_TO_ACTION);
    let known = || limits.calls_to_action.iter().chain(&limits.more_calls_to_action).map(String::as_str);
    if given.is_empty() {
        report.missing(CALL_TO_ACTION, "required");
    } else if !given.bytes().all(|byte| byte.is_ascii_uppercase() || b"_0123456789".contains(&byte)) {
        report.error(CALL_TO_ACTION, "must be in capitals, for example LEARN_MORE");
    } else if !limits.calls_to_action.is_empty() && !known().any(|name| name == given) {
        let near = nearest(given, known()).map_or(String::new(), |near| format!("; did you mean {near}?"));
        let message = format!(
            "unknown call to action {given}{near} (if the platform offers it, list it as more_calls_to_action in \
             [override.ad-fields])"
        );
        report.error(CALL_TO_ACTION, message);
    }
}

fn check_identity(report: &mut RowProblems<'_>) {
    let row = report.row;
    let (kind, center) = (row.text(IDENTITY_TYPE), row.text(IDENTITY_AUTHORIZED_BC_ID));
    match kind {
        "CUSTOMIZED_USER" | "TT_USER" | "AUTH_CODE" => {}
        "BC_AUTH_TT" if center.is_empty() => {
            let message = "required with BC_AUTH_TT: the id of the business center";
            report.missing(IDENTITY_AUTHORIZED_BC_ID, message);
        }
        "BC_AUTH_TT" => check_digits(IDENTITY_AUTHORIZED_BC_ID, report),
        "" => report.missing(IDENTITY_TYPE, "required"),
        _ => report.error(IDENTITY_TYPE, "must be CUSTOMIZED_USER, TT_USER, AUTH_CODE or BC_AUTH_TT"),
    }
    if kind != "BC_AUTH_TT" && !center.is_empty() {
        report.error(IDENTITY_AUTHORIZED_BC_ID, "only allowed with BC_AUTH_TT");
    }
}

fn check_landing_page(report: &mut RowProblems<'_>) {
    let row = report.row;
    let url = row.text(LANDING_PAGE_URL);
    if url.is_empty() {
        report.warn(LANDING_PAGE_URL, "empty: the ad has no link, which only some promotion types allow");
    } else {
        match url::Url::parse(url) {
            Ok(parsed) if parsed.host().is_none() => {
                report.error(LANDING_PAGE_URL, "the address has no host");
            }
            Ok(parsed) if parsed.scheme() == "https" => {}
            Ok(parsed) if parsed.scheme() == "http" && is_loopback(&parsed) => {}
            Ok(_) => report.error(LANDING_PAGE_URL, "must begin with https://"),
            Err(_) => report.error(LANDING_PAGE_URL, "not a web address; write https://…"),
        }
    }
    if !row.text(DISPLAY_NAME).is_empty() {
        check_text(DISPLAY_NAME, MAX_DISPLAY_NAME, report);
    } else if !url.is_empty() {
        // A customized user has a display name of its own, so an empty field is only a warning.
        report.warn(DISPLAY_NAME, "empty: an ad with a landing page shows 1 to 40 characters");
    }
}

/// Checks the length and the characters of a required text.
fn check_text(field: &'static str, max: usize, report: &mut RowProblems<'_>) {
    let text = report.row.text(field);
    let width = width(text);
    if text.is_empty() {
        report.missing(field, "required");
    } else if width > max {
        let message = format!("{width} characters, at most {max} are allowed (wide ones count as two)");
        report.error(field, message);
    }
    if let Some(bad) = text.chars().find(|c| is_emoji(*c)) {
        report.error(field, format!("emoji are not allowed: {bad:?}"));
    } else if let Some(bad) = text.chars().find(|c| c.is_control()) {
        report.error(field, format!("control characters are not allowed: {bad:?}"));
    }
}

/// Checks an id that consists of digits.
fn check_digits(field: &'static str, report: &mut RowProblems<'_>) {
    if report.check_id(field) && !report.row.text(field).bytes().all(|byte| byte.is_ascii_digit()) {
        report.error(field, "must contain only digits");
    }
}

/// Returns the number of characters as the platform counts them: wide ones (Chinese, Japanese, Korean) count two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c.width() == Some(2) { 2 } else { 1 }).sum()
}

/// Returns whether a character is shown as an emoji; ©, ® and ™ are text unless a variation selector follows.
fn is_emoji(c: char) -> bool {
    matches!(u32::from(c),
        0x1f000..=0x1faff | 0x2600..=0x27bf | 0x2b05..=0x2b07 | 0x2b1b..=0x2b1c | 0x2b50 | 0x2b55
        | 0x231a..=0x231b | 0x23e9..=0x23f3 | 0x23f8..=0x23fa | 0xfe0f | 0x20e3 | 0xe0020..=0xe007f)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::platform::registry::PLATFORMS;
    use crate::platform::tiktok_ads::ADS;
    use crate::profile::Profile;

    fn limits() -> Limits {
        Limits::of(Profile::builtin("tiktok-ads").unwrap().rules())
    }

    fn good(folder: &Path) -> Row {
        std::fs::write(folder.join("a.mp4"), b"video").unwrap();
        let mut row = example();
        row.video = folder.join("a.mp4");
        row
    }

    fn fields_refused(rows: &[Row]) -> Vec<(u32, &'static str)> {
        let problems = check_rows(&ADS, PLATFORMS, rows, &limits());
        problems.iter().map(|problem| (problem.row, problem.field)).collect()
    }

    #[test]
    fn the_length_of_the_text_is_a_limit_of_the_profile() {
        let dir = tempfile::tempdir().unwrap();
        let rows = [good(dir.path()).with(AD_TEXT, "x".repeat(60))];
        let problems = |max_width| {
            let limits = Limits { text: AdTextLimits { max_width }, ..Limits::default() };
            check_rows(&ADS, PLATFORMS, &rows, &limits)
        };
        assert_eq!(problems(Some(60.0)), []);
        assert_eq!(problems(None), []);
        assert!(problems(Some(59.0))[0].message.contains("60 characters, at most 59 are allowed"));
    }

    #[test]
    fn a_complete_row_and_a_row_with_only_a_video_pass() {
        let dir = tempfile::tempdir().unwrap();
        let row = good(dir.path());
        let bare = Row::new(2, &row.video);
        assert_eq!(publication(&bare), None);
        assert_eq!(fields_refused(&[row, bare]), []);
    }

    #[test]
    fn lists_every_problem_of_every_row() {
        let dir = tempfile::tempdir().unwrap();
        let row = good(dir.path());
        let mut bad = row.clone().with(AD_TEXT, "x".repeat(101)).with(CALL_TO_ACTION, "");
        bad = bad.with(LANDING_PAGE_URL, "http://example.com").with(DISPLAY_NAME, "d".repeat(41));
        bad = bad.with("title", "a caption");
        bad.row = 2;
        bad.video = dir.path().join("none.mp4");
        bad.cover = Some(dir.path().join("none.png"));
        let expected = [
            "video",
            "cover",
            "title",
            "ad_text",
            "call_to_action",
            "landing_page_url",
            "display_name",
            "ad_name",
        ];
        assert_eq!(fields_refused(&[row, bad]), expected.map(|field| (2, field)));
    }

    #[test]
    fn the_business_center_id_is_required_with_bc_auth_tt_and_rejected_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let row = good(dir.path());
        let with = |kind: &str| row.clone().with(IDENTITY_TYPE, kind);
        let check =
            |kind, center: &str| fields_refused(&[with(kind).with(IDENTITY_AUTHORIZED_BC_ID, center)]);
        assert_eq!(check("BC_AUTH_TT", "7000000000000000009"), []);
        for (kind, center) in [("BC_AUTH_TT", ""), ("BC_AUTH_TT", "mine"), ("TT_USER", "7")] {
            assert_eq!(check(kind, center), [(1, "identity_authorized_bc_id")], "{kind} {center}");
        }
    }

    #[test]
    fn an_empty_landing_page_is_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let problems = check_rows(&ADS, PLATFORMS, &[good(dir.path()).with(LANDING_PAGE_URL, "")], &limits());
        assert_eq!(problems.len(), 1);
        assert!(problems[0].is_warning() && problems[0].field == "landing_page_url");
    }

    #[test]
    fn an_unknown_call_to_action_is_refused_with_the_nearest_one_unless_the_profile_allows_it() {
        let dir = tempfile::tempdir().unwrap();
        let rows = [good(dir.path()).with(CALL_TO_ACTION, "SHOPNOW")];
        let problems = check_rows(&ADS, PLATFORMS, &rows, &limits());
        assert!(problems[0].message.contains("SHOPNOW; did you mean SHOP_NOW?"), "{problems:?}");
        let profile = Profile::builtin("tiktok-ads").unwrap();
        let more = profile.with_overrides("[ad-fields]\nmore_calls_to_action = [\"SHOPNOW\"]\n").unwrap();
        assert_eq!(check_rows(&ADS, PLATFORMS, &rows, &Limits::of(more.rules())), []);
        assert_eq!(check_rows(&ADS, PLATFORMS, &rows, &Limits::default()), [], "a profile without a list");
    }

    #[test]
    fn ids_that_a_spreadsheet_rounded_are_refused_with_one_message() {
        let dir = tempfile::tempdir().unwrap();
        let mut row = good(dir.path()).with(ADGROUP_ID, "1.8E+18").with(IDENTITY_ID, "1700000000000000000");
        assert_eq!(fields_refused(&[row.clone()]), [(1, ADGROUP_ID)]);
        row.is_of_spreadsheet = true;
        assert_eq!(fields_refused(&[row.clone()]), [(1, ADGROUP_ID), (1, IDENTITY_ID)]);
        assert_eq!(fields_refused(&[row.with(ADGROUP_ID, "18x").with(IDENTITY_ID, "17")]), [(1, ADGROUP_ID)]);
    }

    #[test]
    fn the_same_name_in_another_ad_group_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let row = good(dir.path());
        let mut other = row.clone().with(ADGROUP_ID, "2");
        other.row = 2;
        assert_eq!(fields_refused(&[row, other]), []);
    }

    #[test]
    fn wide_characters_count_two_and_emoji_are_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let row = good(dir.path());
        let text = |text: &str| fields_refused(&[row.clone().with(AD_TEXT, text)]);
        assert_eq!(text(&"買".repeat(50)), []);
        assert_eq!(text(&"買".repeat(51)), [(1, "ad_text")]);
        for emoji in ["🎉", "❤️", "☀", "1️⃣", "🇩🇪"] {
            assert_eq!(text(emoji), [(1, "ad_text")], "{emoji}");
        }
        assert_eq!(text("Größe № 5 – ñ © ½ → “ok”"), []);
    }

    #[test]
    fn the_digest_of_a_row_is_that_of_earlier_journals() {
        let row = Row::new(1, "a.mp4").with(ADGROUP_ID, "18").with(AD_NAME, "Spring");
        let row = row.with(IDENTITY_TYPE, "TT_USER").with(IDENTITY_ID, "17").with(AD_TEXT, "Buy now");
        let row = row.with(CALL_TO_ACTION, "LEARN_MORE").with(DISPLAY_NAME, "Shop");
        let center = row.clone().with(IDENTITY_AUTHORIZED_BC_ID, "7");
        assert_eq!(digest_of(&row, ""), "267bdaf9f519929b443426eeb5dcfe6fd2d9915f449dd417050316555690e3c3");
        assert_eq!(
            digest_of(&center, "c0ffee"),
            "bc551e965c77945316d4edabd7823b863b294eb08ac72783f0c2c44320eebf62"
        );
        assert_eq!(
            digest_of(&center.with(AD_NAME, "Autumn"), "c0ffee"),
            "bc551e965c77945316d4edabd7823b863b294eb08ac72783f0c2c44320eebf62"
        );
    }

    proptest! {
        #[test]
        fn width_is_between_one_and_two_per_character(text in "\\PC{0,60}") {
            let count = text.chars().count();
            prop_assert!((count..=2 * count).contains(&width(&text)));
        }
    }
}
