//! Checks the rows of posts before the first byte is sent and lists every problem.

use std::collections::HashMap;

use crate::platform::{NewPost, PostMode};
use crate::ship::manifest::{AdRow, Manifest, PostFields};
use crate::ship::preflight::{Problem, RowProblems, check_video, is_ad};

/// The longest caption, in UTF-16 code units. Source: developers portal, page direct-post.
const MAX_TITLE: usize = 2200;

/// Checks every row: fields, lengths, and that the files exist. It makes no calls.
pub fn preflight_posts(manifest: &Manifest, mode: PostMode) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut videos = HashMap::new();
    for row in &manifest.rows {
        let mut report = RowProblems { row: row.row, problems: &mut problems };
        check_video(row, &mut report);
        if let Some(first) = videos.insert(&row.video, row.row) {
            report.error("video", format!("same video as in row {first}; a video is posted only once"));
        }
        if is_ad(row) {
            report.error("ad_name", "the row describes an ad; this destination makes posts");
        }
        match mode {
            PostMode::Direct => {
                if let Err(problems) = new_post(row, mode) {
                    for (field, message) in problems {
                        report.error(field, message);
                    }
                }
            }
            PostMode::Inbox => {
                for (field, text) in row.post.all() {
                    if !text.is_empty() {
                        report.warn(
                            field,
                            "not sent: a draft has no such fields, the creator adds them in the app",
                        );
                    }
                }
            }
        }
    }
    problems
}

/// Returns the post of a row, or all its problems.
pub(super) fn new_post(row: &AdRow, mode: PostMode) -> Result<NewPost, Vec<(&'static str, String)>> {
    if mode == PostMode::Inbox {
        return Ok(NewPost { mode, ..NewPost::default() });
    }
    let mut problems: Vec<(&'static str, String)> = Vec::new();
    let PostFields { title, privacy_level, cover_at_s, .. } = &row.post;
    if privacy_level.is_empty() {
        problems.push(("privacy_level", "required for a direct post".to_owned()));
    }
    let length = title.encode_utf16().count();
    if length > MAX_TITLE {
        problems.push(("title", format!("{length} UTF-16 code units, at most {MAX_TITLE} are allowed")));
    }
    let cover = match cover_at_s.as_str() {
        "" => None,
        text => match text.parse::<f64>().ok().filter(|at| (0.0..=86_400.0).contains(at)) {
            Some(at) => Some((at * 1000.0).round() as u64),
            None => {
                problems.push(("cover_at_s", format!("{text:?} is not a time from 0 to 86400 seconds")));
                None
            }
        },
    };
    let mut flag = |name: &'static str, text: &str| match text.to_ascii_lowercase().as_str() {
        "" | "false" => false,
        "true" => true,
        _ => {
            problems.push((name, format!("{text:?} must be true or false")));
            false
        }
    };
    let post = NewPost {
        mode,
        title: (!title.is_empty()).then(|| title.clone()),
        privacy_level: privacy_level.clone(),
        disable_comment: flag("disable_comment", &row.post.disable_comment),
        disable_duet: flag("disable_duet", &row.post.disable_duet),
        disable_stitch: flag("disable_stitch", &row.post.disable_stitch),
        cover_at_ms: cover,
        brand_content: flag("brand_content", &row.post.brand_content),
        brand_organic: flag("brand_organic", &row.post.brand_organic),
        aigc: flag("aigc", &row.post.aigc),
    };
    if problems.is_empty() { Ok(post) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rows(dir: &std::path::Path, texts: &[PostFields]) -> Manifest {
        let video = |at: usize| {
            let path = dir.join(format!("{at}.mp4"));
            std::fs::write(&path, b"video").unwrap();
            path
        };
        let row = |(at, post): (usize, &PostFields)| AdRow {
            row: u32::try_from(at).unwrap() + 1,
            video: video(at),
            post: post.clone(),
            ..AdRow::default()
        };
        Manifest { rows: texts.iter().enumerate().map(row).collect() }
    }

    #[test]
    fn lists_every_problem_of_a_direct_post() {
        let dir = tempfile::tempdir().unwrap();
        let good =
            PostFields { privacy_level: "SELF_ONLY".into(), aigc: "TRUE".into(), ..PostFields::default() };
        let bad = PostFields {
            title: "💡".repeat(1101),
            disable_duet: "yes".into(),
            cover_at_s: "-1".into(),
            ..PostFields::default()
        };
        let mut manifest = rows(dir.path(), &[good, bad]);
        let fields = |manifest: &Manifest| -> Vec<(u32, &'static str)> {
            preflight_posts(manifest, PostMode::Direct).iter().map(|p| (p.row, p.field)).collect()
        };
        let expected = ["privacy_level", "title", "cover_at_s", "disable_duet"];
        assert_eq!(fields(&manifest), expected.map(|field| (2, field)));
        manifest.rows[1].post = manifest.rows[0].post.clone();
        manifest.rows[1].video = manifest.rows[0].video.clone();
        manifest.rows[1].adgroup_id = "18".into();
        assert_eq!(fields(&manifest), [(2, "video"), (2, "ad_name")]);
    }

    #[test]
    fn a_draft_needs_only_a_video_and_other_columns_give_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let post = PostFields { title: "Look".into(), ..PostFields::default() };
        let problems = preflight_posts(&rows(dir.path(), &[PostFields::default(), post]), PostMode::Inbox);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].warning && problems[0].field == "title");
    }
}
