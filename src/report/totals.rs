//! What a delivery reached, and whether the run was cut off. The text is not escaped.

use super::{DoneCount, Report, units};

/// Returns how many videos, ads and posts are done and not done; `None` for commands that deliver nothing.
pub(super) fn delivered(report: &Report) -> Option<String> {
    let summary = &report.summary;
    let kinds = [
        (summary.uploads, "video", "videos", "uploaded"),
        (summary.ads, "ad", "ads", "created"),
        (summary.posts, "post", "posts", "created"),
    ];
    let part = |(count, one, many, done): (Option<DoneCount>, &str, &str, &str)| {
        let DoneCount { done: number, undone } = count?;
        let left = if undone > 0 { format!(", {undone} not") } else { String::new() };
        Some(format!("{} {done}{left}", units::count(number, one, many)))
    };
    let parts: Vec<String> = kinds.into_iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Returns why the run was cut off; `None` if it was not.
pub(super) fn cut_off(report: &Report) -> Option<String> {
    match &report.stopped {
        Some(reason) => Some(format!("The run was cut off: {reason}")),
        None if report.interrupted => {
            Some("The run was interrupted; files not listed were not checked.".to_owned())
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Format, Publication, samples};
    use super::*;

    #[test]
    fn counts_what_is_done_and_what_is_not() {
        let report = samples::report(Vec::new());
        assert_eq!(delivered(&report), None);
        let (uploads, ads) = (DoneCount { done: 1, undone: 2 }, DoneCount { done: 5, undone: 0 });
        let ads = report.clone().with_delivery(uploads, (Publication::Ad, ads), None);
        assert_eq!(delivered(&ads).unwrap(), "1 video uploaded, 2 not; 5 ads created");
        let posts = report.with_delivery(uploads, (Publication::Post, uploads), None);
        assert_eq!(delivered(&posts).unwrap(), "1 video uploaded, 2 not; 1 post created, 2 not");
    }

    #[test]
    fn a_run_that_was_cut_off_is_told_in_every_format() {
        let mut report = samples::report(Vec::new());
        report.stopped = Some("the token is revoked".to_owned());
        for format in
            [Format::Human, Format::Html, Format::Junit, Format::Sarif, Format::Github, Format::Json]
        {
            let text = samples::rendered(&report, format);
            assert!(text.contains("the token is revoked"), "{format:?}: {text}");
        }
    }
}
