//! The columns of a manifest of posts, and their checks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{NewPost, PostMode};
use crate::platform::columns::check_columns;
use crate::platform::{Platform, Problem, Row, RowProblems, VIDEO, digest};

/// The caption.
pub(super) const TITLE: &str = "title";
/// One of the options that the platform offers the creator.
pub(super) const PRIVACY_LEVEL: &str = "privacy_level";
/// `true` or `false`.
const DISABLE_COMMENT: &str = "disable_comment";
/// `true` or `false`.
pub(super) const DISABLE_DUET: &str = "disable_duet";
/// `true` or `false`.
const DISABLE_STITCH: &str = "disable_stitch";
/// The frame shown as the cover, in seconds.
pub(super) const COVER_AT_S: &str = "cover_at_s";
/// `true` or `false`: paid partnership for a third party.
const BRAND_CONTENT: &str = "brand_content";
/// `true` or `false`: promotes the creator's own business.
const BRAND_ORGANIC: &str = "brand_organic";
/// `true` or `false`: made by artificial intelligence.
pub(super) const AIGC: &str = "aigc";

/// All columns of a post, in the order of its digest.
pub(super) const COLUMNS: &[&str] = &[
    TITLE,
    PRIVACY_LEVEL,
    DISABLE_COMMENT,
    DISABLE_DUET,
    DISABLE_STITCH,
    COVER_AT_S,
    BRAND_CONTENT,
    BRAND_ORGANIC,
    AIGC,
];

/// The longest caption, in UTF-16 code units. Source: developers portal, page direct-post.
const MAX_TITLE: usize = 2200;
/// The latest time of a cover, in seconds.
const MAX_COVER_AT_S: f64 = 86_400.0;

/// Returns a complete post, as an example.
pub(super) fn example() -> Row {
    Row::new(1, "videos/spring.mp4")
        .with(TITLE, "Two weeks by the sea #spring")
        .with(PRIVACY_LEVEL, "SELF_ONLY")
        .with(COVER_AT_S, "1.5")
        .with(DISABLE_DUET, "true")
}

/// Returns a digest of what a post shows.
pub(super) fn digest_of(row: &Row) -> String {
    digest(COLUMNS.iter().map(|column| row.text(column)))
}

/// Checks every row: files, fields and lengths.
pub(super) fn check_rows(
    platform: &dyn Platform,
    all: &[&dyn Platform],
    rows: &[Row],
    mode: PostMode,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut videos = HashMap::new();
    for row in rows {
        let mut report = RowProblems { row, problems: &mut problems };
        report.check_files();
        match videos.entry(&row.video) {
            Entry::Occupied(first) => {
                let message = format!("same video as in {}; a video is posted only once", first.get());
                report.error(VIDEO, message);
            }
            Entry::Vacant(free) => {
                free.insert(row.place());
            }
        }
        check_columns(platform, all, &mut report);
        match (mode, new_post(row, mode)) {
            (PostMode::Direct, Err(found)) => {
                found.into_iter().for_each(|(field, message)| report.error(field, message));
            }
            (PostMode::Direct, Ok(_)) => {}
            (PostMode::Inbox, _) => {
                for field in row.filled().filter(|field| COLUMNS.contains(field)) {
                    let message = "not sent: a draft has no such fields, the creator adds them in the app";
                    report.warn(field, message);
                }
            }
        }
    }
    problems
}

/// Returns the post of a row, or all its problems.
pub(super) fn new_post(row: &Row, mode: PostMode) -> Result<NewPost, Vec<(&'static str, String)>> {
    if mode == PostMode::Inbox {
        return Ok(NewPost { mode, ..NewPost::default() });
    }
    let mut problems: Vec<(&'static str, String)> = Vec::new();
    let (title, privacy_level) = (row.text(TITLE), row.text(PRIVACY_LEVEL));
    if privacy_level.is_empty() {
        problems.push((PRIVACY_LEVEL, "required for a direct post".to_owned()));
    }
    let length = title.encode_utf16().count();
    if length > MAX_TITLE {
        problems.push((TITLE, format!("{length} UTF-16 code units, at most {MAX_TITLE} are allowed")));
    }
    let cover_at_ms = match row.text(COVER_AT_S) {
        "" => None,
        text => match text.parse::<f64>().ok().filter(|at| (0.0..=MAX_COVER_AT_S).contains(at)) {
            Some(at) => Some((at * 1000.0).round() as u64),
            None => {
                let message = format!("{text:?} is not a time from 0 to {MAX_COVER_AT_S} seconds");
                problems.push((COVER_AT_S, message));
                None
            }
        },
    };
    let mut flag = |name: &'static str| match row.text(name).to_ascii_lowercase().as_str() {
        "" | "false" => false,
        "true" => true,
        _ => {
            problems.push((name, format!("{:?} must be true or false", row.text(name))));
            false
        }
    };
    let post = NewPost {
        mode,
        title: (!title.is_empty()).then(|| title.to_owned()),
        privacy_level: privacy_level.to_owned(),
        disable_comment: flag(DISABLE_COMMENT),
        disable_duet: flag(DISABLE_DUET),
        disable_stitch: flag(DISABLE_STITCH),
        cover_at_ms,
        brand_content: flag(BRAND_CONTENT),
        brand_organic: flag(BRAND_ORGANIC),
        aigc: flag(AIGC),
    };
    if problems.is_empty() { Ok(post) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::platform::registry::PLATFORMS;
    use crate::platform::tiktok_post::POSTS;

    fn row(dir: &std::path::Path, number: u32) -> Row {
        let path = dir.join(format!("{number}.mp4"));
        std::fs::write(&path, b"video").unwrap();
        Row::new(number, path)
    }

    #[test]
    fn lists_every_problem_of_a_direct_post() {
        let dir = tempfile::tempdir().unwrap();
        let fields = |rows: &[Row]| -> Vec<(u32, &'static str)> {
            check_rows(&POSTS, PLATFORMS, rows, PostMode::Direct).iter().map(|p| (p.row, p.field)).collect()
        };
        let good = row(dir.path(), 1).with(PRIVACY_LEVEL, "SELF_ONLY").with(AIGC, "TRUE");
        let bad = row(dir.path(), 2).with(TITLE, "💡".repeat(1101));
        let bad = bad.with(DISABLE_DUET, "yes").with(COVER_AT_S, "-1");
        let expected = [PRIVACY_LEVEL, TITLE, COVER_AT_S, DISABLE_DUET];
        assert_eq!(fields(&[good.clone(), bad]), expected.map(|field| (2, field)));
        let mut again = good.clone().with("adgroup_id", "18");
        again.row = 2;
        again.cover = Some(good.video.clone());
        assert_eq!(fields(&[good, again]), [VIDEO, "cover", "adgroup_id"].map(|field| (2, field)));
    }

    #[test]
    fn a_draft_needs_only_a_video_and_other_columns_give_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let rows = [row(dir.path(), 1), row(dir.path(), 2).with(TITLE, "Look")];
        let problems = check_rows(&POSTS, PLATFORMS, &rows, PostMode::Inbox);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].is_warning() && problems[0].field == TITLE);
    }

    #[test]
    fn the_digest_of_a_row_is_that_of_earlier_journals() {
        let row = Row::new(1, "a.mp4").with(TITLE, "Look").with(AIGC, "true");
        assert_eq!(digest_of(&row), "16cdc9aa494ddc2ee1120494e2075c366b9eb2b2d87e47ed876a88dbb0cf329f");
    }
}
