//! What a delivery reached, which rules were left out, and whether the run was cut off. The text is not escaped.

use super::{DoneCount, Publication, Report, units};
use crate::rules::RuleId;

/// Returns how many videos and publications are done and not done; `None` for commands that deliver nothing.
pub(super) fn delivered(report: &Report) -> Option<String> {
    let summary = &report.summary;
    let post = if report.publication == Publication::Draft { Publication::Draft } else { Publication::Post };
    let words = |publication: Publication| (publication.name(), publication.plural());
    let sent = if report.publication == Publication::Entry { "copied" } else { "uploaded" };
    let kinds = [
        (summary.uploads, ("video", "videos"), sent),
        (summary.ads, words(Publication::Ad), "created"),
        (summary.posts, words(post), "created"),
        (summary.entries, words(Publication::Entry), "written"),
    ];
    let part = |(count, (one, many), done): (Option<DoneCount>, (&str, &str), &str)| {
        let DoneCount { done: number, by_this_run, before, undone, unconfirmed } = count?;
        let when = match (by_this_run, before) {
            (_, 0) => String::new(),
            (0, _) => " before this run".to_owned(),
            (_, before) => format!(" ({before} before this run)"),
        };
        let left = [(undone - unconfirmed, "not"), (unconfirmed, "unconfirmed")];
        let left = left.iter().filter(|(number, _)| *number > 0);
        let left: String = left.map(|(number, word)| format!(", {number} {word}")).collect();
        Some(format!("{} {done}{when}{left}", units::count(number, one, many)))
    };
    let mut parts: Vec<String> = kinds.into_iter().filter_map(part).collect();
    if summary.unsent_changes > 0 && !parts.is_empty() {
        parts.push(format!(
            "{} not sent",
            units::count(summary.unsent_changes, "changed row", "changed rows")
        ));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Returns which rules were not checked, so that a file may break them; `None` if all were.
pub(super) fn selection(report: &Report) -> Option<String> {
    let (select, ignore) = (report.selection.select(), report.selection.ignore());
    let only = format!("Only these rules were checked: {}.", RuleId::list(select));
    let not = format!("These rules were not checked: {}.", RuleId::list(ignore));
    let sentences = [(select, only), (ignore, not)].into_iter().filter(|(rules, _)| !rules.is_empty());
    let sentences: Vec<String> = sentences.map(|(_, sentence)| sentence).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
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
    use crate::rules::Selection;

    #[test]
    fn counts_what_is_done_and_what_is_not() {
        let report = samples::report(Vec::new());
        assert_eq!(delivered(&report), None);
        let (uploads, ads) = (DoneCount::new(1, 0, 3), DoneCount::new(5, 0, 5));
        let ads = report.clone().with_delivery(uploads, (Publication::Ad, ads), None);
        assert_eq!(delivered(&ads).unwrap(), "1 video uploaded, 2 not; 5 ads created");
        let posts = report.clone().with_delivery(uploads, (Publication::Post, uploads), None);
        assert_eq!(delivered(&posts).unwrap(), "1 video uploaded, 2 not; 1 post created, 2 not");
        // What was sent and not confirmed may exist.
        let (sent, waiting) = (uploads.with_unconfirmed(2), DoneCount::new(0, 0, 3).with_unconfirmed(1));
        let unconfirmed = report.clone().with_delivery(sent, (Publication::Ad, waiting), None);
        let expected = "1 video uploaded, 2 unconfirmed; 0 ads created, 2 not, 1 unconfirmed";
        assert_eq!(delivered(&unconfirmed).unwrap(), expected);
        let entries = report.clone().with_delivery(uploads, (Publication::Entry, uploads), None);
        assert_eq!(delivered(&entries).unwrap(), "1 video copied, 2 not; 1 entry written, 2 not");
        // What was there before is not counted as done by this run.
        let (before, partly) = (DoneCount::new(0, 2, 2), DoneCount::new(1, 2, 4));
        let mut drafts = report.with_delivery(before, (Publication::Draft, partly), None);
        drafts.summary.unsent_changes = 1;
        let expected = "2 videos uploaded before this run; 3 drafts created (2 before this run), 1 not; 1 changed \
                        row not sent";
        assert_eq!(delivered(&drafts).unwrap(), expected);
    }

    #[test]
    fn rules_that_were_left_out_are_told() {
        let selected = |select: &[&str], ignore: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
            let selection = Selection::new(&owned(select), &owned(ignore)).unwrap();
            let report = samples::everything().with_selection(selection);
            samples::rendered(&report, Format::Human)
        };
        assert!(!selected(&[], &[]).contains("rules were"));
        assert!(selected(&[], &["fast-start"]).contains("\nThese rules were not checked: fast-start.\n"));
        let both = selected(&["video-codec", "duration"], &["duration"]);
        assert!(both.contains(
            "Only these rules were checked: video-codec, duration. These rules were not checked: duration."
        ));
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
