//! Everything about the rows of posts that can be refused before the first byte, in one list.

use std::collections::HashMap;

use crate::platform::{NewPost, PostMode};
use crate::ship::manifest::{AdRow, Manifest, PostFields};
use crate::ship::preflight::{Findings, Problem, is_ad, video};

/// Units of UTF-16 in a caption. Source: developers portal, page direct-post.
const TITLE_MOST: usize = 2200;

/// Judges every row: fields, lengths, and that the files are there. Calls nobody.
pub fn preflight_posts(manifest: &Manifest, mode: PostMode) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut videos = HashMap::new();
    for row in &manifest.rows {
        let mut found = Findings { row: row.row, problems: &mut problems };
        video(row, &mut found);
        if let Some(first) = videos.insert(&row.video, row.row) {
            found.error("video", format!("the same as in row {first}; a video is posted once"));
        }
        if is_ad(row) {
            found.error("ad_name", "the row describes an ad; this destination makes posts");
        }
        match mode {
            PostMode::Direct => {
                if let Err(problems) = new_post(row, mode) {
                    for (field, message) in problems {
                        found.error(field, message);
                    }
                }
            }
            PostMode::Inbox => {
                for (field, text) in row.post.all() {
                    if !text.is_empty() {
                        found.warn(field, "not sent: a draft says nothing, the creator fills it in");
                    }
                }
            }
        }
    }
    problems
}

/// The post of a row, or everything that is wrong with it.
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
    if length > TITLE_MOST {
        problems.push(("title", format!("{length} UTF-16 units, at most {TITLE_MOST}")));
    }
    let cover = match cover_at_s.as_str() {
        "" => None,
        text => match text.parse::<f64>().ok().filter(|at| (0.0..=86_400.0).contains(at)) {
            Some(at) => Some((at * 1000.0).round() as u64),
            None => {
                problems.push(("cover_at_s", format!("{text:?} is no time in seconds")));
                None
            }
        },
    };
    let mut flag = |name: &'static str, text: &str| match text.to_ascii_lowercase().as_str() {
        "" | "false" => false,
        "true" => true,
        _ => {
            problems.push((name, format!("{text:?} is neither true nor false")));
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
    fn every_fault_of_a_direct_post_is_in_one_list() {
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
    fn a_draft_needs_nothing_and_says_what_is_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let post = PostFields { title: "Look".into(), ..PostFields::default() };
        let problems = preflight_posts(&rows(dir.path(), &[PostFields::default(), post]), PostMode::Inbox);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].warning && problems[0].field == "title");
    }
}
