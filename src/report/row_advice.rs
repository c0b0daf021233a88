//! What to do about rows that a person must correct before their ads are created.

use super::delivery::places;
use super::{AdDelivery, FileEntry, RowProblem};

/// At most this many rows are named by their lines; more are only counted.
const MAX_PLACES: usize = 5;
/// The problems that stop rows, in the order of the advice.
pub(super) const STOPPING: [RowProblem; 3] =
    [RowProblem::LandingPage, RowProblem::VideoReplaced, RowProblem::CoverChanged];

/// Returns the entries with rows that a person must correct, and those that something else keeps from their delivery.
pub(super) fn split(undelivered: Vec<&FileEntry>) -> (Vec<&FileEntry>, Vec<&FileEntry>) {
    let has_any = |entry: &&FileEntry| STOPPING.iter().any(|it| has(entry, *it));
    let stopped = undelivered.iter().copied().filter(has_any).collect();
    let others = undelivered.into_iter().filter(|entry| !is_only_rows(entry)).collect();
    (stopped, others)
}

/// Returns whether rows with problems are all that stops a delivery, so that the journal holds no next step for it.
fn is_only_rows(entry: &FileEntry) -> bool {
    let is_row = |ad: &AdDelivery| ad.problem.is_some_and(|it| STOPPING.contains(&it)) || !ad.is_stuck();
    entry
        .delivery
        .as_ref()
        .is_some_and(|delivery| !delivery.is_video_stuck() && delivery.ads.iter().all(is_row))
}

/// Returns whether the problem stops a row of the file.
pub(super) fn has(entry: &FileEntry, problem: RowProblem) -> bool {
    entry.delivery.iter().flat_map(|delivery| &delivery.ads).any(|ad| ad.problem == Some(problem))
}

/// Returns what to do about the rows of `entries` with this problem: in full, and in one line.
pub(super) fn text(problem: RowProblem, entries: &[&FileEntry]) -> (String, String) {
    let deliveries = entries.iter().filter_map(|entry| entry.delivery.as_ref());
    let what = deliveries.clone().map(|delivery| delivery.publication.name()).next().unwrap_or("ad");
    let ads: Vec<&AdDelivery> =
        deliveries.flat_map(|delivery| &delivery.ads).filter(|ad| ad.problem == Some(problem)).collect();
    let is_one = ads.len() == 1;
    let place = if ads.len() > MAX_PLACES { format!("{} rows", ads.len()) } else { places(&ads) };
    let (why, step) = match problem {
        RowProblem::LandingPage => (
            "a landing page does not answer as it must",
            format!("correct the landing page{} in {place}", if is_one { "" } else { "s" }),
        ),
        RowProblem::VideoReplaced => (
            "a row was published with another video before",
            format!("give {} {what} in {place} another name", if is_one { "the" } else { "each" }),
        ),
        RowProblem::CoverChanged => {
            ("a cover changed after it was checked", format!("leave the cover in {place} unchanged"))
        }
        RowProblem::RowChanged => {
            ("a row changed since it was published", format!("undo the change in {place}"))
        }
    };
    let mut capital = step.clone();
    capital[..1].make_ascii_uppercase();
    let full = format!("These files comply, but {why}. {capital} and run the same command again.");
    (full, format!("{step} and run the same command again"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::advice::what_to_do;
    use super::super::{Delivery, DeliveryState, samples};
    use super::*;
    use crate::rules::Verdict;

    fn stopped(name: &str, lines: &[u64], problem: Option<RowProblem>) -> FileEntry {
        let ad = |line: &u64| AdDelivery {
            row: line - 1,
            line: Some(*line),
            state: DeliveryState::Failed,
            problem,
            ..AdDelivery::default()
        };
        let ads = lines.iter().map(ad).collect();
        let delivery = Delivery { state: DeliveryState::Failed, ads, ..Delivery::default() };
        FileEntry { delivery: Some(delivery), ..samples::entry(name, Verdict::Compliant) }
    }

    fn briefs(files: Vec<FileEntry>) -> Vec<String> {
        what_to_do(&samples::report(files)).into_iter().map(|advice| advice.brief.unwrap().text).collect()
    }

    #[test]
    fn rows_that_a_person_must_correct_are_named_and_no_status_is_promised() {
        let page = || Some(RowProblem::LandingPage);
        let mut files = vec![stopped("a.mp4", &[2], page())];
        let again = "and run the same command again";
        assert_eq!(briefs(files.clone()), [format!("correct the landing page in line 2 {again}")]);
        files.push(stopped("b.mp4", &[3, 4], page()));
        assert_eq!(briefs(files.clone()), [format!("correct the landing pages in lines 2, 3 and 4 {again}")]);
        files.push(stopped("c.mp4", &[5, 6, 7], page()));
        files.push(stopped("d.mp4", &[8], Some(RowProblem::VideoReplaced)));
        let all = briefs(files);
        let expected = [
            format!("correct the landing pages in 6 rows {again}"),
            format!("give the ad in line 8 another name {again}"),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_file_that_also_fails_otherwise_has_a_next_step_in_the_status() {
        let mut file = stopped("a.mp4", &[2, 3], Some(RowProblem::LandingPage));
        file.delivery.as_mut().unwrap().ads[1].problem = None;
        let all = briefs(vec![file]);
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(all[0].contains("landing page in line 2") && all[1].contains("`greenlit status`"), "{all:?}");
    }
}
