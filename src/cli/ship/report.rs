//! Converts the results of a run to the report.

use crate::pipeline::Outcome;
use crate::report::{AdDelivery, Delivery, FileEntry, FixAction};
use crate::ship::{self, DeliveryState, ShipOutcome};

use super::input::ShipInput;
use crate::cli::asset_preparer::LocalAssetPreparer;
use crate::cli::check::RunSummary;
use crate::cli::exit_code::RunStatus;
use crate::cli::report_entries;

/// Returns the outcome of each source in order, without those that were not reached.
pub fn collect(preparer: &LocalAssetPreparer, ship_input: &ShipInput) -> Vec<Outcome> {
    let mut outcomes = preparer.outcomes.lock().map(|outcomes| outcomes.clone()).unwrap_or_default();
    ship_input.found.sources.iter().filter_map(|source| outcomes.remove(&source.path)).collect()
}

/// Converts the outcome of a file to its entry, with its delivery.
pub fn entry(file: Outcome, outcome: &ShipOutcome) -> FileEntry {
    let delivery = outcome.deliveries.iter().find(|delivery| delivery.source == file.source.path);
    let mut entry = FileEntry { delivery: delivery.map(report_delivery), ..report_entries::entry(file) };
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

fn report_delivery(delivery: &ship::Delivery) -> Delivery {
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
    delivery.ads.iter().map(|ad| of(&ad.state)).fold(of(&delivery.state), RunStatus::and)
}
