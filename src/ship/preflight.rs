//! Everything about a manifest that can be refused before the first upload, in one list.

use std::collections::HashMap;

use super::manifest::{AdRow, Manifest};

/// Something wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The row, from 1.
    pub row: u32,
    /// The column.
    pub field: &'static str,
    /// What is wrong and what to do.
    pub message: String,
    /// Whether the row may ship all the same.
    pub warning: bool,
}

/// Limits of the ad create API, see the profile's `ad-text` and `ad-fields`.
const AD_NAME_MAX: usize = 512;
const AD_TEXT_MAX: usize = 100;
const DISPLAY_NAME_MAX: usize = 40;

/// Judges every row: fields, lengths, characters, uniqueness, addresses, and that the files are there.
/// Reads the file system, calls nobody. An empty list means that uploads may begin.
pub fn preflight(manifest: &Manifest) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names: HashMap<(&str, &str), u32> = HashMap::new();
    for row in &manifest.rows {
        let mut found = Findings { row: row.row, problems: &mut problems };
        video(row, &mut found);
        for (field, text) in row.post.all() {
            if !text.is_empty() {
                found.error(field, "belongs to a post; this destination makes ads");
            }
        }
        if is_ad(row) {
            fields(row, &mut found);
            cover(row, &mut found);
            if let Some(first) = names.insert((&row.adgroup_id, &row.ad_name), row.row)
                && !row.ad_name.is_empty()
            {
                found
                    .error("ad_name", format!("the same as in row {first}; names are unique in an ad group"));
            }
        }
    }
    problems
}

/// Whether a row asks for an ad, and not only for its video's upload.
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

pub(super) struct Findings<'a> {
    pub(super) row: u32,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Findings<'_> {
    pub(super) fn error(&mut self, field: &'static str, message: impl Into<String>) {
        self.problems.push(Problem { row: self.row, field, message: message.into(), warning: false });
    }

    pub(super) fn warn(&mut self, field: &'static str, message: impl Into<String>) {
        self.problems.push(Problem { row: self.row, field, message: message.into(), warning: true });
    }

    fn length(&mut self, field: &'static str, text: &str, most: usize) {
        let width = width(text);
        if text.is_empty() {
            self.error(field, "required");
        } else if width > most {
            self.error(field, format!("{width} characters, at most {most} (wide ones count two)"));
        }
        if let Some(bad) = text.chars().find(|c| is_emoji(*c)) {
            self.error(field, format!("emoji are refused: {bad:?}"));
        } else if let Some(bad) = text.chars().find(|c| c.is_control()) {
            self.error(field, format!("control characters are refused: {bad:?}"));
        }
    }
}

pub(super) fn video(row: &AdRow, found: &mut Findings<'_>) {
    if row.video.as_os_str().is_empty() {
        found.error("video", "required");
    } else if !row.video.is_file() {
        found.error("video", format!("{}: no such file", row.video.display()));
    }
}

fn fields(row: &AdRow, found: &mut Findings<'_>) {
    for (field, text) in [("adgroup_id", &row.adgroup_id), ("identity_id", &row.identity_id)] {
        if text.is_empty() {
            found.error(field, "required");
        }
    }
    if !row.adgroup_id.bytes().all(|byte| byte.is_ascii_digit()) {
        found.error("adgroup_id", "digits only");
    }
    found.length("ad_name", &row.ad_name, AD_NAME_MAX);
    found.length("ad_text", &row.ad_text, AD_TEXT_MAX);
    match row.identity_type.as_str() {
        "CUSTOMIZED_USER" | "TT_USER" | "AUTH_CODE" => {}
        "BC_AUTH_TT" => {
            let centre = &row.identity_authorized_bc_id;
            if centre.is_empty() {
                found
                    .error("identity_authorized_bc_id", "required with BC_AUTH_TT: the business centre's id");
            } else if !centre.bytes().all(|byte| byte.is_ascii_digit()) {
                found.error("identity_authorized_bc_id", "digits only");
            }
        }
        "" => found.error("identity_type", "required"),
        _ => found.error("identity_type", "one of CUSTOMIZED_USER, TT_USER, AUTH_CODE, BC_AUTH_TT"),
    }
    if row.identity_type != "BC_AUTH_TT" && !row.identity_authorized_bc_id.is_empty() {
        found.error("identity_authorized_bc_id", "belongs to BC_AUTH_TT alone");
    }
    if row.call_to_action.is_empty() {
        found.error("call_to_action", "required");
    } else if !row
        .call_to_action
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || b"_0123456789".contains(&byte))
    {
        found.error("call_to_action", "written in capitals, as LEARN_MORE");
    }
    landing(row, found);
}

fn landing(row: &AdRow, found: &mut Findings<'_>) {
    let url = &row.landing_page_url;
    if url.is_empty() {
        found.warn("landing_page_url", "empty: the ad leads nowhere unless its promotion type needs no page");
        if !row.display_name.is_empty() {
            found.length("display_name", &row.display_name, DISPLAY_NAME_MAX);
        }
        return;
    }
    match url::Url::parse(url) {
        Ok(parsed) if parsed.host().is_none() => found.error("landing_page_url", "has no host"),
        Ok(parsed) if parsed.scheme() == "https" => {}
        Ok(parsed) if parsed.scheme() == "http" && is_loopback(&parsed) => {}
        Ok(_) => found.error("landing_page_url", "must begin with https://"),
        Err(_) => found.error("landing_page_url", "not a web address; write https://…"),
    }
    // The name stands beside the link; a customised user brings its own, so absence is no error.
    if row.display_name.is_empty() {
        found.warn("display_name", "empty: an ad with a landing page shows 1 to 40 characters");
    } else {
        found.length("display_name", &row.display_name, DISPLAY_NAME_MAX);
    }
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn cover(row: &AdRow, found: &mut Findings<'_>) {
    let Some(path) = &row.cover else { return };
    // What is in the picture is for the rules.
    if !path.is_file() {
        found.error("cover", format!("{}: no such file", path.display()));
    }
}

/// Characters as the platform counts them: wide ones, as in Chinese, Japanese and Korean, count two.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// East Asian Width W and F in the ranges that text uses.
fn is_wide(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0x33ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff
        | 0xa000..=0xa4cf | 0xa960..=0xa97f | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f
        | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1b000..=0x1b2ff | 0x20000..=0x3fffd)
}

/// Characters shown as emoji; ©, ® and ™ are plain text unless a selector follows.
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
    use std::path::Path;

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

    fn fields_refused(rows: Vec<AdRow>) -> Vec<(u32, &'static str)> {
        preflight(&Manifest { rows }).iter().map(|problem| (problem.row, problem.field)).collect()
    }

    #[test]
    fn a_good_row_and_a_bare_video_pass() {
        let dir = tempfile::tempdir().unwrap();
        let row = good(dir.path());
        let bare = AdRow { row: 2, video: row.video.clone(), ..AdRow::default() };
        assert_eq!(fields_refused(vec![row, bare]), []);
    }

    #[test]
    fn every_fault_of_every_row_is_in_one_list() {
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
    fn an_identity_of_a_business_centre_names_the_centre_and_no_other_does() {
        let dir = tempfile::tempdir().unwrap();
        let row = AdRow { identity_type: "BC_AUTH_TT".into(), ..good(dir.path()) };
        let with = |kind: &str, centre: &str| {
            let (identity_type, identity_authorized_bc_id) = (kind.into(), centre.into());
            fields_refused(vec![AdRow { identity_type, identity_authorized_bc_id, ..row.clone() }])
        };
        assert_eq!(with("BC_AUTH_TT", "7000000000000000009"), []);
        for (kind, centre) in [("BC_AUTH_TT", ""), ("BC_AUTH_TT", "mine"), ("TT_USER", "7")] {
            assert_eq!(with(kind, centre), [(1, "identity_authorized_bc_id")], "{kind} {centre}");
        }
    }

    #[test]
    fn an_empty_landing_page_is_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let row = AdRow { landing_page_url: String::new(), ..good(dir.path()) };
        let problems = preflight(&Manifest { rows: vec![row] });
        assert_eq!(problems.len(), 1);
        assert!(problems[0].warning && problems[0].field == "landing_page_url");
    }

    #[test]
    fn the_same_name_in_another_ad_group_is_no_clash() {
        let dir = tempfile::tempdir().unwrap();
        let row = good(dir.path());
        let other = AdRow { row: 2, adgroup_id: "2".into(), ..row.clone() };
        assert_eq!(fields_refused(vec![row, other]), []);
    }

    #[test]
    fn wide_characters_count_two_and_emoji_are_refused() {
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
        fn width_lies_between_once_and_twice_the_characters(text in "\\PC{0,60}") {
            let count = text.chars().count();
            prop_assert!((count..=2 * count).contains(&width(&text)));
        }
    }
}
