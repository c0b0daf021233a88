//! Converts the results of a run to the report.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use crate::pipeline::Outcome;
use crate::platform::{Platform, PublicationKind, PublicationTime, Row};
use crate::report::{self, AdDelivery, Delivery, DoneCount, FileEntry, FixAction, Publication, RowProblem};
use crate::ship::{self, DeliveryState, ShipOutcome};

use super::input::ShipInput;
use crate::cli::check::RunSummary;
use crate::cli::destination::report_word;
use crate::cli::exit_code::RunStatus;
use crate::cli::report_entries;
use crate::facade::LocalAssetPreparer;

/// Returns the outcome of each source in order, without those that were not reached.
pub fn collect(preparer: &LocalAssetPreparer, ship_input: &ShipInput) -> Vec<Outcome> {
    let mut outcomes = preparer.outcomes.lock().map(|outcomes| outcomes.clone()).unwrap_or_default();
    ship_input.found.sources.iter().filter_map(|source| outcomes.remove(&source.path)).collect()
}

/// Converts the outcome of a file to its entry, with its delivery.
pub fn entry(file: Outcome, shipped: &Shipped<'_>) -> FileEntry {
    let delivery = shipped.outcome.deliveries.iter().find(|delivery| delivery.source == file.source.path);
    let publication = shipped.publication();
    let delivery = match delivery {
        Some(delivery) => Some(report_delivery(delivery, publication, &shipped.ship_input.rows)),
        None if file.is_incidental() => None,
        None => shipped.cut_off.as_ref().map(|reason| shipped.not_reached(&file.source.path, reason)),
    };
    let mut entry = FileEntry { delivery, ..report_entries::entry(file) };
    if let Some(fix) = entry.fix.as_mut().filter(|fix| fix.action == FixAction::Copy && fix.output.is_none())
    {
        // A compliant file is uploaded without a copy, so no fix took place.
        fix.action = FixAction::None;
    }
    entry
}

/// The results of a run and what was asked for.
pub struct Shipped<'a> {
    /// The results.
    pub outcome: &'a ShipOutcome,
    /// The files and rows.
    pub ship_input: &'a ShipInput,
    /// The platform.
    pub platform: &'static dyn Platform,
    /// What the destination creates.
    pub kind: PublicationKind,
    /// How many files are no media and were only found in a folder: nothing was asked of them.
    pub skipped: usize,
    /// The step at which the run ends.
    pub until: ship::Until,
    /// Why the run ended before everything was done.
    pub cut_off: Option<String>,
}

impl Shipped<'_> {
    /// Returns what is created from the videos.
    pub fn publication(&self) -> Publication {
        report_word(self.kind)
    }

    /// Returns the delivery of a file that the run did not reach.
    fn not_reached(&self, source: &Path, reason: &str) -> Delivery {
        let reason = Some(format!("not begun: {reason}"));
        let rows = self.ship_input.rows.iter().filter(|row| row.video == source && self.is_published(row));
        let ads = rows.map(|row| AdDelivery {
            row: u64::from(row.row),
            line: row.line.map(u64::from),
            state: report::DeliveryState::Validated,
            reason: reason.clone(),
            awaits_video: true,
            ..AdDelivery::default()
        });
        Delivery {
            state: report::DeliveryState::Validated,
            ads: ads.collect(),
            reason: reason.clone(),
            publication: self.publication(),
            stopped: true,
            ..Delivery::default()
        }
    }

    fn is_published(&self, row: &Row) -> bool {
        self.until == ship::Until::Published && self.platform.publication(row).is_some()
    }

    fn asked(&self) -> usize {
        self.ship_input.found.sources.len().saturating_sub(self.skipped)
    }

    /// Counts the uploads, done and not done. Files with the same bytes are one upload.
    pub fn uploads(&self) -> DoneCount {
        let mut uploaded: BTreeMap<&str, bool> = BTreeMap::new();
        let mut repeated = 0;
        for delivery in &self.outcome.deliveries {
            let Some(id) = delivery.video_id.as_deref().filter(|_| delivery.state != DeliveryState::GivenUp)
            else {
                continue;
            };
            match uploaded.entry(id) {
                Entry::Occupied(mut known) => {
                    repeated += 1;
                    *known.get_mut() |= delivery.uploaded_now;
                }
                Entry::Vacant(new) => {
                    new.insert(delivery.uploaded_now);
                }
            }
        }
        let by_this_run = uploaded.values().filter(|now| **now).count();
        let asked = self.asked().max(self.outcome.deliveries.len()).saturating_sub(repeated);
        let may_exist =
            |delivery: &&ship::Delivery| delivery.video_id.is_none() && is_unconfirmed(&delivery.state);
        let unconfirmed = self.outcome.deliveries.iter().filter(may_exist).count();
        count(by_this_run, uploaded.len() - by_this_run, asked).with_unconfirmed(unconfirmed as u64)
    }

    /// Counts the ads or posts, done and not done.
    pub fn publications(&self) -> DoneCount {
        let deliveries = &self.outcome.deliveries;
        let is_done = |state: &DeliveryState| *state == DeliveryState::Published;
        // Without a manifest, each video is published where the platform needs no row for it.
        let by_row = self.platform.publication_time() == PublicationTime::AfterReadiness
            && !self.ship_input.rows.is_empty()
            || self.kind == PublicationKind::Ad;
        match by_row {
            true => {
                let asked = self.ship_input.rows.iter().filter(|row| self.is_published(row)).count();
                let rows = || deliveries.iter().flat_map(|delivery| &delivery.rows);
                let ads = || rows().filter(|ad| is_done(&ad.state));
                let by_this_run = ads().filter(|ad| ad.created_now).count();
                let may_exist = |ad: &&ship::RowDelivery| !ad.awaits_video && is_unconfirmed(&ad.state);
                let unconfirmed = rows().filter(may_exist).count();
                count(by_this_run, ads().count() - by_this_run, asked).with_unconfirmed(unconfirmed as u64)
            }
            false => {
                let posts = || deliveries.iter().filter(|delivery| is_done(&delivery.state));
                let by_this_run = posts().filter(|delivery| delivery.published_now).count();
                let asked = match self.until {
                    ship::Until::Uploaded => posts().count(),
                    _ => self.asked(),
                };
                count(by_this_run, posts().count() - by_this_run, asked)
            }
        }
    }
}

fn count(by_this_run: usize, before: usize, asked: usize) -> DoneCount {
    DoneCount::new(by_this_run as u64, before as u64, asked as u64)
}

/// Returns whether something was sent whose result is not known, so that it may exist.
fn is_unconfirmed(state: &DeliveryState) -> bool {
    matches!(state, DeliveryState::Uploading | DeliveryState::Publishing | DeliveryState::Unconfirmed)
}

fn report_delivery(delivery: &ship::Delivery, publication: Publication, rows: &[Row]) -> Delivery {
    let ads = delivery.rows.iter().map(|ad| AdDelivery {
        row: u64::from(ad.row),
        line: rows.iter().find(|row| row.row == ad.row).and_then(|row| row.line).map(u64::from),
        state: shown_state(&ad.state),
        ad_id: ad.id.clone(),
        reason: ad.reason.clone(),
        problem: ad.problem.map(row_problem),
        awaits_video: ad.awaits_video,
    });
    Delivery {
        state: shown_state(&delivery.state),
        video_id: delivery.video_id.clone(),
        attempts: delivery.attempts,
        reason: delivery.reason.clone(),
        ads: ads.collect(),
        publication,
        stopped: delivery.stopped,
    }
}

fn shown_state(state: &DeliveryState) -> report::DeliveryState {
    match state {
        DeliveryState::Validated => report::DeliveryState::Validated,
        DeliveryState::Uploading => report::DeliveryState::Uploading,
        DeliveryState::Uploaded => report::DeliveryState::Uploaded,
        DeliveryState::Processing => report::DeliveryState::Processing,
        DeliveryState::Ready => report::DeliveryState::Ready,
        DeliveryState::Publishing => report::DeliveryState::Publishing,
        DeliveryState::Published => report::DeliveryState::Published,
        DeliveryState::Failed => report::DeliveryState::Failed,
        DeliveryState::GivenUp => report::DeliveryState::GivenUp,
        DeliveryState::Refused => report::DeliveryState::Refused,
        DeliveryState::Unconfirmed => report::DeliveryState::Unconfirmed,
    }
}

fn row_problem(problem: ship::RowProblem) -> RowProblem {
    match problem {
        ship::RowProblem::RowChanged => RowProblem::RowChanged,
        ship::RowProblem::VideoReplaced => RowProblem::VideoReplaced,
        ship::RowProblem::LandingPage => RowProblem::LandingPage,
        ship::RowProblem::CoverChanged => RowProblem::CoverChanged,
    }
}

/// Returns the status of the run.
pub fn final_status(
    outcomes: &[Outcome],
    ship_input: &ShipInput,
    shipped: &ShipOutcome,
    interrupted: bool,
) -> RunStatus {
    let mut status = RunSummary::of(outcomes).final_status(&ship_input.found, interrupted);
    for delivery in &shipped.deliveries {
        status = status.and(delivery_status(delivery));
    }
    if shipped.auth.is_some() || shipped.configuration.is_some() {
        status.and(RunStatus::Failed)
    } else {
        status
    }
}

fn delivery_status(delivery: &ship::Delivery) -> RunStatus {
    let of = |state: &DeliveryState| match state {
        DeliveryState::GivenUp | DeliveryState::Failed | DeliveryState::Refused => RunStatus::Refused,
        DeliveryState::Unconfirmed => RunStatus::Failed,
        _ => RunStatus::Done,
    };
    let of_ad = |ad: &ship::RowDelivery| {
        // A changed row, a replaced video and an unreachable page wait for a person.
        of(&ad.state).and(if ad.problem.is_some() { RunStatus::Failed } else { RunStatus::Done })
    };
    delivery.rows.iter().map(of_ad).fold(of(&delivery.state), RunStatus::and)
}
