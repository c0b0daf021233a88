//! Converts the results of a run to the report.

use std::path::Path;

use crate::pipeline::Outcome;
use crate::report::{AdDelivery, Delivery, DoneCount, FileEntry, FixAction, Publication};
use crate::ship::{self, AdRow, DeliveryState, ShipOutcome, is_ad};

use super::input::ShipInput;
use crate::cli::asset_preparer::LocalAssetPreparer;
use crate::cli::check::RunSummary;
use crate::cli::destination::PublicationKind;
use crate::cli::exit_code::RunStatus;
use crate::cli::report_entries;

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
        Some(delivery) => Some(report_delivery(delivery, publication)),
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

fn state_name(state: &DeliveryState) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The results of a run and what was asked for.
pub struct Shipped<'a> {
    /// The results.
    pub outcome: &'a ShipOutcome,
    /// The files and rows.
    pub ship_input: &'a ShipInput,
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
        match self.kind {
            PublicationKind::Ads => Publication::Ad,
            PublicationKind::Posts(_) => Publication::Post,
        }
    }

    /// Returns the delivery of a file that the run did not reach.
    fn not_reached(&self, source: &Path, reason: &str) -> Delivery {
        let reason = Some(format!("not begun: {reason}"));
        let rows = self.ship_input.rows.iter().filter(|row| row.video == source && self.is_published(row));
        let ads = rows.map(|row| AdDelivery {
            row: u64::from(row.row),
            state: state_name(&DeliveryState::Validated),
            reason: reason.clone(),
            ..AdDelivery::default()
        });
        Delivery {
            state: state_name(&DeliveryState::Validated),
            ads: ads.collect(),
            reason: reason.clone(),
            publication: self.publication(),
            ..Delivery::default()
        }
    }

    fn is_published(&self, row: &AdRow) -> bool {
        self.until == ship::Until::Published && (self.kind != PublicationKind::Ads || is_ad(row))
    }

    fn asked(&self) -> usize {
        self.ship_input.found.sources.len().saturating_sub(self.skipped)
    }

    /// Counts the uploads, done and not done.
    pub fn uploads(&self) -> DoneCount {
        let is_uploaded = |delivery: &&ship::Delivery| {
            delivery.video_id.is_some() && delivery.state != DeliveryState::GivenUp
        };
        let done = self.outcome.deliveries.iter().filter(is_uploaded).count() as u64;
        let asked = self.asked().max(self.outcome.deliveries.len()) as u64;
        DoneCount { done, undone: asked.saturating_sub(done) }
    }

    /// Counts the ads or posts, done and not done.
    pub fn publications(&self) -> DoneCount {
        let is_done = |state: &DeliveryState| *state == DeliveryState::Published;
        let by_rows = |asked: usize| {
            let ads = self.outcome.deliveries.iter().flat_map(|delivery| &delivery.ads);
            let done = ads.filter(|ad| is_done(&ad.state)).count() as u64;
            DoneCount { done, undone: (asked as u64).saturating_sub(done) }
        };
        match self.kind {
            PublicationKind::Ads => {
                by_rows(self.ship_input.rows.iter().filter(|row| self.is_published(row)).count())
            }
            // Without a manifest, each video becomes a draft.
            PublicationKind::Posts(_) => {
                let done = self.outcome.deliveries.iter().filter(|delivery| is_done(&delivery.state));
                let done = done.count() as u64;
                let asked = match self.until {
                    ship::Until::Uploaded => done,
                    _ => self.asked() as u64,
                };
                DoneCount { done, undone: asked.saturating_sub(done) }
            }
        }
    }
}

fn report_delivery(delivery: &ship::Delivery, publication: Publication) -> Delivery {
    let ads = delivery.ads.iter().map(|ad| AdDelivery {
        row: u64::from(ad.row),
        state: state_name(&ad.state),
        ad_id: ad.ad_id.clone(),
        reason: ad.reason.clone(),
        problem: ad.problem.map(ship::RowProblem::name),
    });
    Delivery {
        state: state_name(&delivery.state),
        video_id: delivery.video_id.clone(),
        attempts: delivery.attempts,
        reason: delivery.reason.clone(),
        ads: ads.collect(),
        publication,
    }
}

/// Returns the status of the run.
pub fn final_status(
    outcomes: &[Outcome],
    ship_input: &ShipInput,
    shipped: &ShipOutcome,
    interrupted: bool,
) -> RunStatus {
    let mut status =
        RunSummary::of(outcomes, report_entries::fix_status).final_status(&ship_input.found, interrupted);
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
        DeliveryState::GivenUp | DeliveryState::Failed => RunStatus::Refused,
        DeliveryState::Unconfirmed => RunStatus::Failed,
        _ => RunStatus::Done,
    };
    let of_ad = |ad: &ship::AdDelivery| {
        // A changed row, a replaced video and an unreachable page wait for a person.
        of(&ad.state).and(if ad.problem.is_some() { RunStatus::Failed } else { RunStatus::Done })
    };
    delivery.ads.iter().map(of_ad).fold(of(&delivery.state), RunStatus::and)
}
