//! What came of a run, in the shape of the report.

use crate::pipeline::Outcome;
use crate::report::{AdDelivery, Delivery, FileEntry, FixAction};
use crate::ship::{self, DeliveryState, ShipOutcome};

use super::input::ShipInput;
use crate::cli::asset_preparer::LocalPreparer;
use crate::cli::check::Tally;
use crate::cli::file_entries;
use crate::cli::run_status::RunStatus;

/// What was seen of each source, in order; a source that was not come to is left as interrupted.
pub fn collect(maker: &LocalPreparer, load: &ShipInput) -> Vec<Outcome> {
    let mut outcomes = maker.outcomes.lock().map(|outcomes| outcomes.clone()).unwrap_or_default();
    load.found.sources.iter().filter_map(|source| outcomes.remove(&source.path)).collect()
}

/// A file's entry, with what became of its delivery.
pub fn entry(file: Outcome, outcome: &ShipOutcome) -> FileEntry {
    let delivery = outcome.deliveries.iter().find(|delivery| delivery.source == file.source.path);
    let mut entry = FileEntry { delivery: delivery.map(shown), ..file_entries::entry(file) };
    if let Some(fix) = entry.fix.as_mut().filter(|fix| fix.action == FixAction::Copy && fix.output.is_none())
    {
        // A compliant file is sent from where it lies.
        fix.action = FixAction::None;
    }
    entry
}

fn state_name(state: &DeliveryState) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn shown(delivery: &ship::Delivery) -> Delivery {
    let ads = delivery.ads.iter().map(|ad| AdDelivery {
        row: u64::from(ad.row),
        state: state_name(&ad.state),
        ad_id: ad.ad_id.clone(),
        reason: ad.reason.clone(),
    });
    Delivery {
        state: state_name(&delivery.state),
        video_id: delivery.video_id.clone(),
        attempts: delivery.attempts,
        reason: delivery.reason.clone(),
        ads: ads.collect(),
    }
}

/// How the run ended.
pub fn conclude(
    outcomes: &[Outcome],
    load: &ShipInput,
    shipped: &ShipOutcome,
    interrupted: bool,
) -> RunStatus {
    let mut status = Tally::of(outcomes, file_entries::fix_status).conclude(&load.found, interrupted);
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
    delivery.ads.iter().map(|ad| of(&ad.state)).fold(of(&delivery.state), RunStatus::and)
}
