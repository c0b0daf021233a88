//! Checks a manifest before the first upload and lists every problem.

use std::collections::HashMap;
use std::path::Path;

use super::manifest::{AdRow, Manifest};
use crate::profile::AdTextLimits;

/// A problem of a row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The row, from 1.
    pub row: u32,
    /// The column.
    pub field: &'static str,
    /// The problem and what to do.
    pub message: String,
    /// Whether the row may be shipped nevertheless.
    pub warning: bool,
}

/// Limits of the ad create API, see the profile's `ad-fields`.
const MAX_AD_NAME: usize = 512;
const MAX_DISPLAY_NAME: usize = 40;

/// Checks every row: fields, lengths, characters, uniqueness, addresses, and that the files exist. It reads the
/// file system and makes no calls. If the list has no errors, uploads may begin. `limits` are those of the profile's
/// rule `ad-text`.
pub fn preflight(manifest: &Manifest, limits: &AdTextLimits) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names: HashMap<(&str, &str), u32> = HashMap::new();
    for row in &manifest.rows {
        let mut report = RowProblems { row: row.row, problems: &mut problems };
        check_video(row, &mut report);
        for (field, text) in row.post.all() {
            if !text.is_empty() {
                report.error(field, "this column is only for posts, but this destination creates ads: remove it or choose a destination for posts");
            }
        }
        if is_ad(row) {
            check_fields(row, limits, &mut report);
            check_cover(row, &mut report);
            if let Some(first) = names.insert((&row.adgroup_id, &row.ad_name), row.row)
                && !row.ad_name.is_empty()
            {
                let message = format!("same name as in row {first}; names must be unique in an ad group");
                report.error("ad_name", message);
            }
        }
    }
    problems
}

/// Returns whether a row describes an ad, and not only a video to upload.
pub fn is_ad(row: &AdRow) -> bool {
    let AdRow {
        row: _,
        video: _,
        adgroup_id,
        ad_name,
        identity_type,
        identity_id,
        identity_authorized_bc_id,
        ad_text,
        call_to_action,
        landing_page_url,
        display_name,
        cover,
        post: _,
    } = row;
    let texts = [
        adgroup_id,
        ad_name,
        identity_type,
        identity_id,
        identity_authorized_bc_id,
        ad_text,
        call_to_action,
        landing_page_url,
        display_name,
    ];
    cover.is_some() || texts.iter().any(|text| !text.is_empty())
}

/// Adds problems of one row to the list.
pub(super) struct RowProblems<'a> {
    pub(super) row: u32,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl RowProblems<'_> {
    pub(super) fn error(&mut self, field: &'static str, message: impl Into<String>) {
        self.problems.push(Problem { row: self.row, field, message: message.into(), warning: false });
    }

    pub(super) fn warn(&mut self, field: &'static str, message: impl Into<String>) {
        self.problems.push(Problem { row: self.row, field, message: message.into(), warning: true });
    }

    fn length(&mut self, field: &'static str, text: &str, max: usize) {
        let width = width(text);
        if text.is_empty() {
            self.error(field, "required");
        } else if width > max {
            let message = format!("{width} characters, at most {max} are allowed (wide ones count as two)");
            self.error(field, message);
        }
        if let Some(bad) = text.chars().find(|c| is_emoji(*c)) {
            self.error(field, format!("emoji are not allowed: {bad:?}"));
        } else if let Some(bad) = text.chars().find(|c| c.is_control()) {
            self.error(field, format!("control characters are not allowed: {bad:?}"));
        }
    }
}

pub(super) fn check_video(row: &AdRow, report: &mut RowProblems<'_>) {
    if row.video.as_os_str().is_empty() {
        report.error("video", "required");
    } else if let Some(problem) = file_problem(&row.video) {
        report.error("video", problem);
    }
}

/// Returns why a path is not a file that can be read; a named pipe is not opened.
fn file_problem(path: &Path) -> Option<String> {
    let path_text = path.display();
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => None,
        Ok(_) => Some(format!("{path_text}: not a regular file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some(format!("{path_text}: no such file"))
        }
        Err(error) => Some(format!("{path_text}: cannot be accessed: {error}")),
    }
}

fn check_fields(row: &AdRow, limits: &AdTextLimits, report: &mut RowProblems<'_>) {
    for (field, text) in [("adgroup_id", &row.adgroup_id), ("identity_id", &row.identity_id)] {
        if text.is_empty() {
            report.error(field, "required");
        }
    }
    if !row.adgroup_id.bytes().all(|byte| byte.is_ascii_digit()) {
        report.error("adgroup_id", "must contain only digits");
    }
    report.length("ad_name", &row.ad_name, MAX_AD_NAME);
    report.length("ad_text", &row.ad_text, limits.max_width.map_or(usize::MAX, |max| max as usize));
    match row.identity_type.as_str() {
        "CUSTOMIZED_USER" | "TT_USER" | "AUTH_CODE" => {}
        "BC_AUTH_TT" => {
            let center_id = &row.identity_authorized_bc_id;
            if center_id.is_empty() {
                let message = "required with BC_AUTH_TT: the id of the business center";
                report.error("identity_authorized_bc_id", message);
            } else if !center_id.bytes().all(|byte| byte.is_ascii_digit()) {
                report.error("identity_authorized_bc_id", "must contain only digits");
            }
        }
        "" => report.error("identity_type", "required"),
        _ => report.error("identity_type", "must be CUSTOMIZED_USER, TT_USER, AUTH_CODE or BC_AUTH_TT"),
    }
    if row.identity_type != "BC_AUTH_TT" && !row.identity_authorized_bc_id.is_empty() {
        report.error("identity_authorized_bc_id", "only allowed with BC_AUTH_TT");
    }
    if row.call_to_action.is_empty() {
        report.error("call_to_action", "required");
    } else if !row
        .call_to_action
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || b"_0123456789".contains(&byte))
    {
        report.error("call_to_action", "must be in capitals, for example LEARN_MORE");
    }
    check_landing(row, report);
}

fn check_landing(row: &AdRow, report: &mut RowProblems<'_>) {
    let url = &row.landing_page_url;
    if url.is_empty() {
        report.warn("landing_page_url", "empty: the ad has no link, which only some promotion types allow");
        if !row.display_name.is_empty() {
            report.length("display_name", &row.display_name, MAX_DISPLAY_NAME);
        }
        return;
    }
    match url::Url::parse(url) {
        Ok(parsed) if parsed.host().is_none() => report.error("landing_page_url", "the address has no host"),
        Ok(parsed) if parsed.scheme() == "https" => {}
        Ok(parsed) if parsed.scheme() == "http" && crate::platform::is_loopback(&parsed) => {}
        Ok(_) => report.error("landing_page_url", "must begin with https://"),
        Err(_) => report.error("landing_page_url", "not a web address; write https://…"),
    }
    // A customized user has a display name of its own, so an empty field is only a warning.
    if row.display_name.is_empty() {
        report.warn("display_name", "empty: an ad with a landing page shows 1 to 40 characters");
    } else {
        report.length("display_name", &row.display_name, MAX_DISPLAY_NAME);
    }
}

fn check_cover(row: &AdRow, report: &mut RowProblems<'_>) {
    let Some(path) = &row.cover else { return };
    // The rules for images check the content.
    if let Some(problem) = file_problem(path) {
        report.error("cover", problem);
    }
}

/// Returns the number of characters as the platform counts them: wide ones (Chinese, Japanese, Korean) count two.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// Returns whether a character has the East Asian Width W or F (only the ranges used in text).
fn is_wide(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0x33ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff
        | 0xa000..=0xa4cf | 0xa960..=0xa97f | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f
        | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1b000..=0x1b2ff | 0x20000..=0x3fffd)
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
    use super::*;
    use proptest::prelude::*;

    fn good(folder: &Path) -> AdRow {
        std::fs::write(folder.join("a.mp4"), b"video").unwrap();
        AdRow {
            row: 1,
            video: folder.join("a.mp4"),
            adgroup_id: "1800000000000000001".into(),
            ad_name: "Spring".into(),
            identity_type: "CUSTOMIZED_USER".into(),
            identity_id: "1700000000000000001".into(),
            ad_text: "Buy now".into(),
            call_to_action: "LEARN_MORE".into(),
            landing_page_url: "https://example.com/".into(),
            display_name: "Shop".into(),
            ..AdRow::default()
        }
    }

    const LIMITS: AdTextLimits = AdTextLimits { max_width: Some(100.0) };

    #[test]
    fn the_length_of_the_text_is_a_limit_of_the_profile() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = Manifest { rows: vec![AdRow { ad_text: "x".repeat(60), ..good(dir.path()) }] };
        let problems = |max_width| preflight(&manifest, &AdTextLimits { max_width });
        assert_eq!(problems(Some(60.0)), []);
        assert_eq!(problems(None), []);
        assert!(problems(Some(59.0))[0].message.contains("60 characters, at most 59 are allowed"));
    }

    fn fields_refused(rows: Vec<AdRow>) -> Vec<(u32, &'static str)> {
        preflight(&Manifest { rows }, &LIMITS).iter().map(|problem| (problem.row, problem.field)).collect()
    }

    #[test]
    fn a_complete_row_and_a_row_with_only_a_video_pass() {
        let dir = tempfile::tempdir().unwrap();
        let row = good(dir.path());
        let bare = AdRow { row: 2, video: row.video.clone(), ..AdRow::default() };
        assert_eq!(fields_refused(vec![row, bare]), []);
    }

    #[test]
    fn lists_every_problem_of_every_row() {
        let dir = tempfile::tempdir().unwrap();
        let row = good(dir.path());
        let bad = AdRow {
            row: 2,
            video: dir.path().join("none.mp4"),
            ad_text: "x".repeat(101),
            call_to_action: String::new(),
            landing_page_url: "http://example.com".into(),
            display_name: "d".repeat(41),
            cover: Some(dir.path().join("none.png")),
            ..row.clone()
        };
        let expected =
            ["video", "ad_text", "call_to_action", "landing_page_url", "display_name", "cover", "ad_name"];
        assert_eq!(fields_refused(vec![row, bad]), expected.map(|field| (2, field)));
    }

    #[test]
    fn the_business_center_id_is_required_with_bc_auth_tt_and_rejected_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let row = AdRow { identity_type: "BC_AUTH_TT".into(), ..good(dir.path()) };
        let check = |kind: &str, center: &str| {
            let (identity_type, identity_authorized_bc_id) = (kind.into(), center.into());
            fields_refused(vec![AdRow { identity_type, identity_authorized_bc_id, ..row.clone() }])
        };
        assert_eq!(check("BC_AUTH_TT", "7000000000000000009"), []);
        for (kind, center) in [("BC_AUTH_TT", ""), ("BC_AUTH_TT", "mine"), ("TT_USER", "7")] {
            assert_eq!(check(kind, center), [(1, "identity_authorized_bc_id")], "{kind} {center}");
        }
    }

    #[test]
    fn an_empty_landing_page_is_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let row = AdRow { landing_page_url: String::new(), ..good(dir.path()) };
        let problems = preflight(&Manifest { rows: vec![row] }, &LIMITS);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].warning && problems[0].field == "landing_page_url");
    }

    #[test]
    fn the_same_name_in_another_ad_group_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let row = good(dir.path());
        let other = AdRow { row: 2, adgroup_id: "2".into(), ..row.clone() };
        assert_eq!(fields_refused(vec![row, other]), []);
    }

    #[test]
    fn wide_characters_count_two_and_emoji_are_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let row = good(dir.path());
        let text = |ad_text: &str| fields_refused(vec![AdRow { ad_text: ad_text.into(), ..row.clone() }]);
        assert_eq!(text(&"買".repeat(50)), []);
        assert_eq!(text(&"買".repeat(51)), [(1, "ad_text")]);
        for emoji in ["🎉", "❤️", "☀", "1️⃣", "🇩🇪"] {
            assert_eq!(text(emoji), [(1, "ad_text")], "{emoji}");
        }
        assert_eq!(text("Größe № 5 – ñ © ½ → “ok”"), []);
    }

    proptest! {
        #[test]
        fn width_is_between_one_and_two_per_character(text in "\\PC{0,60}") {
            let count = text.chars().count();
            prop_assert!((count..=2 * count).contains(&width(&text)));
        }
    }
}
