//! What a delivery needs: which videos, ads and posts are stuck, and the sentences about them. The text is not
//! escaped.

use super::{AdDelivery, Delivery, DeliveryState, FileEntry, Publication, RowProblem};
use crate::ending::{Ending, Fault};

/// A sentence about a delivery, and whether it is about a change that was not sent.
pub(super) struct DeliverySentence {
    pub(super) text: String,
    pub(super) is_unsent_change: bool,
}

impl Delivery {
    /// Returns whether the video or one of its ads is stuck.
    pub(super) fn is_stuck(&self) -> bool {
        self.is_video_stuck() || self.ads.iter().any(AdDelivery::is_stuck)
    }

    /// Returns whether the video itself is stuck, and not only its ads.
    pub(super) fn is_video_stuck(&self) -> bool {
        self.state.is_stuck(self.reason.as_deref()) && !self.follows_from_ads()
    }

    /// Returns whether the state follows from ads that were reached: then the video is not the reason.
    fn follows_from_ads(&self) -> bool {
        self.publication.follows_video() && self.ads.iter().any(|ad| !ad.awaits_video && ad.is_stuck())
    }

    /// Returns the state for people: that of the video, if only ads are stuck.
    pub(super) fn shown_state(&self) -> &'static str {
        match (self.follows_from_ads(), &self.video_id) {
            (true, Some(_)) => "ready",
            (true, None) => "not uploaded",
            (false, _) => self.state.label(),
        }
    }

    /// Returns the reason for people, unless the entry or its ads tell it.
    pub(super) fn shown_reason(&self, entry: &FileEntry) -> Option<&str> {
        if self.stopped && entry.ending != Ending::Interrupted {
            return Some("the run was cut off");
        }
        let of_fix = entry.fix.as_ref().and_then(|fix| fix.reason.as_ref());
        // A file that complies or was fixed has no line for its reason.
        let of_entry = entry.reason.as_ref().filter(|_| entry.ending.fault() != Fault::None);
        let reason = self.reason.as_ref().filter(|_| !self.follows_from_ads());
        reason.filter(|reason| Some(*reason) != of_fix && Some(*reason) != of_entry).map(String::as_str)
    }

    /// Returns whether the video was given up, which only a retry on request undoes.
    pub(super) fn is_given_up(&self) -> bool {
        self.state == DeliveryState::GivenUp
    }

    /// Returns whether a row changed since its ad or post was published, so that its change is not sent.
    pub(super) fn has_unsent_change(&self) -> bool {
        self.ads.iter().any(AdDelivery::is_unsent_change)
    }
}

impl AdDelivery {
    /// Returns whether it is not published, or a person must settle something before it is.
    pub(super) fn is_stuck(&self) -> bool {
        let waits_for_person = self.problem.is_some() && !self.is_unsent_change();
        waits_for_person || self.state.is_stuck(self.reason.as_deref())
    }

    /// Returns where its row is: `line 3`, or `row 2` outside a manifest.
    pub(super) fn place(&self) -> String {
        self.line.map_or_else(|| format!("row {}", self.row), |line| format!("line {line}"))
    }

    /// Returns whether it is published, and its row changed since.
    pub(super) fn is_unsent_change(&self) -> bool {
        self.problem == Some(RowProblem::RowChanged)
    }

    /// Returns the state for people. An ad that waits for its video was not begun, whatever the video's state.
    pub(super) fn shown_state(&self, publication: Publication) -> &'static str {
        match self.state {
            DeliveryState::Published => self.state.label(),
            _ if publication.follows_video() && self.awaits_video => "not created",
            DeliveryState::Validated => "not created",
            state => state.label(),
        }
    }

    /// Returns the reason for people, unless it is that of the video.
    pub(super) fn shown_reason(&self) -> Option<&str> {
        self.reason.as_deref().filter(|_| !self.awaits_video)
    }
}

/// Returns a sentence for the video if it is stuck, and one for each reason of its ads.
pub(super) fn sentences(entry: &FileEntry) -> Vec<DeliverySentence> {
    let Some(delivery) = &entry.delivery else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |text, is_unsent_change| found.push(DeliverySentence { text, is_unsent_change });
    if delivery.is_video_stuck() {
        add(video_sentence(delivery, delivery.shown_reason(entry)), false);
    }
    let own = |ad: &&AdDelivery| !ad.awaits_video && (ad.is_stuck() || ad.is_unsent_change());
    let own: Vec<&AdDelivery> = delivery.ads.iter().filter(own).collect();
    let mut told: Vec<&AdDelivery> = Vec::new();
    for ad in &own {
        let is_same = |other: &&AdDelivery| {
            (&ad.state, &ad.reason, ad.problem) == (&other.state, &other.reason, other.problem)
        };
        if told.iter().any(is_same) {
            continue;
        }
        told.push(ad);
        let same: Vec<&AdDelivery> = own.iter().copied().filter(is_same).collect();
        add(ad_sentence(delivery.publication, ad, &same), ad.is_unsent_change());
    }
    found
}

fn video_sentence(delivery: &Delivery, reason: Option<&str>) -> String {
    let subject = match delivery.publication {
        publication if publication.follows_video() => "The video".to_owned(),
        other => format!("The {}", other.name()),
    };
    let state = match (delivery.state, delivery.publication) {
        (DeliveryState::Failed, _) => "failed",
        (DeliveryState::GivenUp, _) => "was given up",
        (DeliveryState::Unconfirmed, _) => "is not confirmed",
        (DeliveryState::Validated | DeliveryState::Refused, Publication::Ad) => "was not uploaded",
        (DeliveryState::Validated | DeliveryState::Refused, Publication::Entry) => "was not copied",
        (DeliveryState::Validated | DeliveryState::Refused, _) => "was not created",
        (DeliveryState::Uploading, _) => "may not be uploaded completely",
        (DeliveryState::Uploaded | DeliveryState::Processing, _) => "is uploaded, but not ready",
        (DeliveryState::Ready | DeliveryState::Publishing | DeliveryState::Published, _) => "is ready",
    };
    let mut text = sentence(&subject, state, reason);
    let is_waiting = |ad: &&AdDelivery| ad.awaits_video && ad.state != DeliveryState::Published;
    let waiting: Vec<&AdDelivery> = delivery.ads.iter().filter(is_waiting).collect();
    if delivery.publication.follows_video() && !waiting.is_empty() {
        let verb = if waiting.len() == 1 { "was not created" } else { "were not created" };
        text.push_str(&format!(" {}", sentence(&subject_of(delivery.publication, &waiting), verb, None)));
    }
    text
}

/// Returns the sentence about ads with the same state and reason, of which `ad` is one.
fn ad_sentence(publication: Publication, ad: &AdDelivery, same: &[&AdDelivery]) -> String {
    let several = same.len() > 1;
    let subject = subject_of(publication, same);
    if ad.is_unsent_change() {
        let reason = ad.reason.as_deref().unwrap_or("the row changed since it was published");
        let place = places(same);
        let (first, rest) = place.split_at(1);
        return format!("{}{rest}: {}.", first.to_uppercase(), reason.trim_end_matches('.'));
    }
    let state = match (ad.state == DeliveryState::Unconfirmed, several) {
        (true, true) => "are not confirmed",
        (true, false) => "is not confirmed",
        (false, true) => "were not created",
        (false, false) => "was not created",
    };
    sentence(&subject, state, ad.reason.as_deref())
}

/// Returns `The ad in line 2` or `The ads in lines 2, 3 and 4`.
fn subject_of(publication: Publication, ads: &[&AdDelivery]) -> String {
    let name = if ads.len() > 1 { publication.plural() } else { publication.name() };
    format!("The {name} in {}", places(ads))
}

/// Returns `line 2`, `lines 2 and 3` or `lines 2, 3 and 4`; `row 1` and so on outside a manifest.
pub(super) fn places(ads: &[&AdDelivery]) -> String {
    let numbers: Vec<String> = ads.iter().map(|ad| ad.line.unwrap_or(ad.row).to_string()).collect();
    match (ads, numbers.as_slice()) {
        ([first, _, ..], [before @ .., last]) => {
            let word = if first.line.is_some() { "lines" } else { "rows" };
            format!("{word} {} and {last}", before.join(", "))
        }
        _ => ads.first().map_or_else(String::new, |ad| ad.place()),
    }
}

fn sentence(subject: &str, state: &str, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("{subject} {state}: {}.", reason.trim_end_matches('.')),
        None => format!("{subject} {state}."),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Delivery, samples};
    use super::*;
    use crate::ending::FailureKind;
    use crate::rules::Verdict;

    fn ad(row: u64, state: DeliveryState, reason: &str) -> AdDelivery {
        AdDelivery { row, state, reason: Some(reason.to_owned()), ..AdDelivery::default() }
    }

    fn texts(delivery: Delivery) -> Vec<String> {
        let entry = FileEntry { delivery: Some(delivery), ..samples::entry("a.mp4", Verdict::Compliant) };
        sentences(&entry).into_iter().map(|sentence| sentence.text).collect()
    }

    #[test]
    fn ads_that_wait_for_their_video_are_told_with_it() {
        let waiting = |row| AdDelivery {
            awaits_video: true,
            ..ad(row, DeliveryState::Unconfirmed, "its video is not confirmed")
        };
        let delivery = Delivery {
            state: DeliveryState::Unconfirmed,
            reason: Some("still processing after 2s".to_owned()),
            ads: vec![waiting(1), waiting(2), waiting(4)],
            ..Delivery::default()
        };
        assert_eq!(delivery.ads[0].shown_state(Publication::Ad), "not created");
        assert_eq!(delivery.ads[0].shown_reason(), None);
        let expected = "The video is not confirmed: still processing after 2s. The ads in rows 1, 2 and 4 were not \
                        created.";
        assert_eq!(texts(delivery.clone()), [expected]);
        let post = Delivery { publication: Publication::Post, ads: vec![waiting(1)], ..delivery };
        assert_eq!(texts(post), ["The post is not confirmed: still processing after 2s."]);
    }

    #[test]
    fn the_reason_of_a_file_that_complies_but_changed_is_told_with_its_delivery() {
        let reason = "the file changed since it was checked: run again".to_owned();
        let delivery =
            Delivery { state: DeliveryState::Failed, reason: Some(reason.clone()), ..Delivery::default() };
        let compliant = samples::entry("a.mp4", Verdict::Compliant);
        let entry = FileEntry { reason: Some(reason.clone()), ..compliant };
        assert_eq!(delivery.shown_reason(&entry), Some(reason.as_str()));
        let failed = FileEntry { ending: Ending::Failed(FailureKind::Operation), ..entry };
        assert_eq!(delivery.shown_reason(&failed), None, "a failed file tells its reason itself");
    }

    #[test]
    fn a_video_whose_ads_are_stuck_did_not_fail() {
        let delivery = Delivery {
            state: DeliveryState::Failed,
            video_id: Some("v1".to_owned()),
            reason: Some("2 of 3 ads are not published".to_owned()),
            ads: vec![
                ad(1, DeliveryState::Failed, "it answers 404"),
                ad(2, DeliveryState::Failed, "it answers 404"),
                ad(3, DeliveryState::Published, ""),
            ],
            ..Delivery::default()
        };
        assert_eq!((delivery.shown_state(), delivery.is_video_stuck()), ("ready", false));
        assert_eq!(texts(delivery), ["The ads in rows 1 and 2 were not created: it answers 404."]);
    }

    #[test]
    fn ads_of_a_manifest_are_named_by_their_lines() {
        let failed =
            |row| AdDelivery { line: Some(row + 2), ..ad(row, DeliveryState::Failed, "it answers 404") };
        let delivery = |ads| Delivery { state: DeliveryState::Ready, ads, ..Delivery::default() };
        assert_eq!(texts(delivery(vec![failed(1)])), ["The ad in line 3 was not created: it answers 404."]);
        let three = delivery(vec![failed(1), failed(2), failed(5)]);
        assert_eq!(texts(three), ["The ads in lines 3, 4 and 7 were not created: it answers 404."]);
    }

    #[test]
    fn a_change_of_a_published_ad_is_not_sent_but_nothing_is_stuck() {
        let problem = Some(RowProblem::RowChanged);
        let delivery = Delivery {
            state: DeliveryState::Published,
            ads: vec![AdDelivery { problem, ..ad(1, DeliveryState::Published, "it changed") }],
            ..Delivery::default()
        };
        assert!(!delivery.is_stuck() && delivery.has_unsent_change());
        assert_eq!(texts(delivery), ["Row 1: it changed."]);
    }
}
