//! Estimates a run of `ship` before its first call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::cli::destination::report_word;
use crate::cli::error::CliError;
use crate::cli::journal_file;
use crate::cli::sandbox::operation;
use crate::ending::Ending;
use crate::pipeline::Outcome;
use crate::plan::{Action, ENCODE_PIXELS_PER_S, ResourceEstimate, VideoPlan};
use crate::platform::{CallCounts, PublicationKind, Row};
use crate::ship::{DeliveryState, History, Journal, PublicationKey, RowNotice, destination_key};

use super::fix_cost::{FixCost, parallel_wall_s};
use super::ship_plan::{
    ExpectedTimes, PlanAssumptions, PlanBasis, PlanQuota, PlanTotals, PlannedAsset, SCHEMA, ShipPlan,
    identity_or_default, is_shippable,
};
use super::ship_run::ShipRun;

/// Assumed upload rate without history, in bytes per second (10 Mbit/s).
const ASSUMED_RATE: f64 = 1_250_000.0;
/// Assumed processing time without history, in seconds. The documented range is 30 s to 5 min.
const ASSUMED_PROCESSING_S: f64 = 90.0;

/// Estimates a run before its first call.
pub(super) struct Forecast<'a> {
    ship_run: &'a ShipRun<'a>,
    basis: PlanBasis,
    pub(super) journal: Option<Journal>,
    /// Rows that wait for a person.
    pub(super) row_problems: Vec<RowNotice>,
    assumed: PlanAssumptions,
}

impl<'a> Forecast<'a> {
    /// Reads what the journal knows about the destination.
    pub(super) fn new(ship_run: &'a ShipRun<'a>) -> Result<Forecast<'a>, CliError> {
        let basis = PlanBasis::of(ship_run)?;
        let path = &ship_run.destination.journal;
        let failed = |source| operation("cannot read the journal", source);
        let typed = ship_run.destination.journal_is_option;
        let journal = journal_file::snapshot(ship_run.settings, path, typed)?;
        let history = match &journal {
            None => History::default(),
            Some(journal) => journal.history(&basis.origin, &basis.account).map_err(failed)?,
        };
        let (rate, rate_source) = match (ship_run.destination.bandwidth, history.upload_bytes_per_s) {
            (Some(cap), Some(rate)) if rate < cap as f64 => (rate, "history"),
            (Some(cap), _) => (cap as f64, "cap"),
            (None, Some(rate)) => (rate, "history"),
            (None, None) => (ASSUMED_RATE, "assumed"),
        };
        let median = history.ready_median.map(|median| median.as_secs_f64());
        let assumed = PlanAssumptions {
            upload_bytes_per_s: rate.max(1.0),
            upload_from: rate_source.to_owned(),
            processing_s: median.unwrap_or(ASSUMED_PROCESSING_S),
            processing_from: if median.is_some() { "history" } else { "documented" }.to_owned(),
            encode_pixels_per_s: ENCODE_PIXELS_PER_S,
        };
        Ok(Forecast { ship_run, basis, journal, row_problems: Vec::new(), assumed })
    }

    /// Returns the plan of the run.
    pub(super) fn plan(self, outcomes: &[Outcome]) -> Result<ShipPlan, CliError> {
        let assets = outcomes.iter().map(|outcome| self.asset(outcome)).collect::<Result<Vec<_>, _>>()?;
        let (assets, costs): (Vec<_>, Vec<_>) = assets.into_iter().unzip();
        let total = self.total(&assets, &costs)?;
        Ok(ShipPlan {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ship_arguments: self.ship_run.ship_arguments.clone(),
            publication: report_word(self.ship_run.destination.publication_kind()),
            basis: self.basis,
            assets,
            row_problems: self.row_problems,
            total,
        })
    }

    /// Returns the plan's entry of a file and the cost of fixing it.
    fn asset(&self, outcome: &Outcome) -> Result<(PlannedAsset, FixCost), CliError> {
        let (size_bytes, blake3) = identity_or_default(&self.ship_run.contents, &outcome.source.path);
        let plan = outcome.fix.as_ref().map(|fix| &fix.plan);
        let (action, reason) = match (plan, &outcome.failure) {
            (Some(plan), _) => {
                let action = if plan.action == Action::Copy { Action::None } else { plan.action };
                (action.name(), plan.reason.clone())
            }
            (None, failure) => {
                let action = if outcome.ending == Ending::Skipped { "skipped" } else { "unreadable" };
                (action, failure.as_ref().map(|failure| failure.message.clone()))
            }
        };
        let is_shipped = plan.is_some_and(|plan| plan.action != Action::Refused);
        let next = if is_shipped { self.next_step(&outcome.source.path, &blake3)? } else { "nothing" };
        let (output_bytes, cost) = self.fix_estimate(outcome, size_bytes);
        let needs_upload = next == "upload";
        let cost = if needs_upload { cost } else { FixCost::ZERO };
        let upload_bytes = if needs_upload { output_bytes.unwrap_or(size_bytes) } else { 0 };
        let ads = if is_shipped && next != "given-up" {
            self.open_rows(&outcome.source.path, &blake3)?
        } else {
            Vec::new()
        };
        let destination = &self.ship_run.destination;
        let sent = needs_upload.then_some(upload_bytes);
        let calls = destination.platform.calls_of_file(destination.mode, sent, ads.len() as u64);
        let mut expected = ExpectedTimes {
            fix_s: cost.wall_s(),
            upload_s: upload_bytes as f64 / self.assumed.upload_bytes_per_s,
            processing_s: if matches!(next, "upload" | "wait") { self.assumed.processing_s } else { 0.0 },
            overall_s: 0.0,
        };
        expected.overall_s = expected.fix_s + expected.upload_s + expected.processing_s;
        let asset = PlannedAsset {
            path: outcome.source.path.clone(),
            size_bytes,
            blake3,
            action: action.to_owned(),
            reason,
            next: if next == "ads" && ads.is_empty() { "nothing" } else { next }.to_owned(),
            upload_bytes,
            estimated: needs_upload && output_bytes.is_some(),
            calls: calls_by_endpoint(calls),
            ads,
            stopped_rows: self.stopped_rows(&outcome.source.path),
            expected,
        };
        Ok((asset, cost))
    }

    /// Returns the next step of a file by its state in the journal.
    fn next_step(&self, path: &Path, blake3: &str) -> Result<&'static str, CliError> {
        let upload = if self.has_no_use(path) { "nothing" } else { "upload" };
        let Some(journal) = &self.journal else { return Ok(upload) };
        let destination = destination_key(&self.basis.origin, &self.basis.account);
        let known = journal.lookup(blake3, &self.basis.profile_hash, &destination);
        let known = known.map_err(|source| operation("cannot read the journal", source))?;
        Ok(match known.map(|known| (known.state, known.video_id.is_some())) {
            Some((DeliveryState::Uploading, _)) => "ask",
            Some((DeliveryState::GivenUp, _)) if self.ship_run.retry.includes(path) => "upload",
            Some((DeliveryState::GivenUp, _)) => "given-up",
            Some((DeliveryState::Ready | DeliveryState::Publishing | DeliveryState::Published, true)) => {
                "ads"
            }
            Some((_, true)) => "wait",
            Some((_, false)) | None => upload,
        })
    }

    /// Estimates the size of the output and the cost of fixing. The size is `None` if the source is uploaded
    /// unchanged.
    fn fix_estimate(&self, outcome: &Outcome, size: u64) -> (Option<u64>, FixCost) {
        let spec = outcome.fix.as_ref().and_then(|fix| fix.plan.spec.as_ref());
        let (Some(spec), Some(facts)) = (spec, &outcome.facts) else { return (None, FixCost::ZERO) };
        let ResourceEstimate { media_s, core_s, threads, .. } = ResourceEstimate::of(spec, facts, true);
        // More threads than cores do not make an encode faster.
        let cost = FixCost { core_s, cores: f64::from(threads.clamp(1, self.ship_run.settings.cores)) };
        let Some(VideoPlan::Encode(encode)) = &spec.video else { return (Some(size), cost) };
        let bytes = |rate: u64| (rate as f64 * media_s / 8.0) as u64;
        let output_bytes = size
            .max(encode.rate.min_bit_rate.map_or(0, bytes))
            .min(encode.rate.max_bit_rate.map_or(u64::MAX, bytes))
            .min(spec.max_size_bytes.unwrap_or(u64::MAX));
        (Some(output_bytes), cost)
    }

    /// Returns whether a problem stops every row of a video, so that it is not uploaded.
    fn has_no_use(&self, video: &Path) -> bool {
        let mut rows = self.ship_run.ship_input.rows.iter().filter(|row| row.video == video).peekable();
        rows.peek().is_some() && rows.all(|row| self.is_stopped(row))
    }

    /// Returns the rows of a video that wait for a person.
    fn stopped_rows(&self, video: &Path) -> Vec<u32> {
        let rows = self.ship_run.ship_input.rows.iter();
        rows.filter(|row| row.video == video && self.is_stopped(row)).map(|row| row.row).collect()
    }

    fn is_stopped(&self, row: &Row) -> bool {
        self.row_problems.iter().any(|notice| notice.row == row.row)
    }

    /// Returns the rows of a video whose publications are not created yet.
    fn open_rows(&self, video: &Path, blake3: &str) -> Result<Vec<u32>, CliError> {
        let rows = self.ship_run.ship_input.rows.iter().filter(|row| row.video == video);
        let mut open = Vec::new();
        for row in rows.filter(|row| !self.is_stopped(row)) {
            let Some(publication) = self.ship_run.destination.platform.publication(row) else { continue };
            let key = PublicationKey {
                origin: self.basis.origin.clone(),
                account: self.basis.account.clone(),
                scope: publication.scope,
                name: publication.name,
                content: blake3.to_owned(),
            };
            let known = self.journal.as_ref().map(|journal| journal.publication(&key)).transpose();
            let known = known.map_err(|source| operation("cannot read the journal", source))?.flatten();
            if known.is_none_or(|known| known.state != DeliveryState::Published) {
                open.push(row.row);
            }
        }
        Ok(open)
    }

    /// Returns the account's rate limits and the share of them that `all_calls` needs.
    fn quota(&self, all_calls: u64) -> Result<PlanQuota, CliError> {
        let destination = &self.ship_run.destination;
        let quota = destination.platform.quota(&destination.tier);
        let quota = quota.map_err(|source| CliError::Usage(source.to_string()))?;
        Ok(PlanQuota {
            tier: quota.has_tiers.then(|| destination.tier.clone()),
            calls_a_minute: quota.calls_per_minute,
            calls_a_day: quota.calls_per_day,
            creations_a_minute: quota.publications_per_minute,
            share_of_day: quota.calls_per_day.map(|day| all_calls as f64 / day as f64),
        })
    }

    /// Counts the calls of the run: those of each file, and those that files share. `open` are the rows whose ads are
    /// not created yet.
    fn all_calls(&self, assets: &[PlannedAsset], open: &BTreeSet<u32>) -> BTreeMap<String, u64> {
        let waits = assets.iter().filter(|asset| asset.expected.processing_s > 0.0).count() as u64;
        let rows = self.ship_run.ship_input.rows.iter().filter(|row| open.contains(&row.row));
        let mut calls: BTreeMap<String, u64> = BTreeMap::new();
        let shared_calls = self.ship_run.destination.platform.shared_calls(waits, &rows.collect::<Vec<_>>());
        let own_calls =
            assets.iter().flat_map(|asset| &asset.calls).map(|(name, count)| (name.clone(), *count));
        for (name, count) in
            own_calls.chain(shared_calls.into_iter().map(|(name, count)| (name.to_owned(), count)))
        {
            *calls.entry(name).or_default() += count;
        }
        calls
    }

    fn total(&self, assets: &[PlannedAsset], costs: &[FixCost]) -> Result<PlanTotals, CliError> {
        let uploads = assets.iter().filter(|asset| asset.upload_bytes > 0).count() as u64;
        let open: BTreeSet<u32> = assets.iter().flat_map(|asset| asset.ads.iter().copied()).collect();
        let calls = self.all_calls(assets, &open);
        let all_calls = calls.values().sum();
        let quota = self.quota(all_calls)?;
        let ads = open.len() as u64;
        let sum = |of: fn(&ExpectedTimes) -> f64| assets.iter().map(|asset| of(&asset.expected)).sum::<f64>();
        let mut expected = ExpectedTimes {
            fix_s: parallel_wall_s(costs, self.ship_run.settings.cores, self.ship_run.settings.jobs),
            upload_s: sum(|times| times.upload_s),
            processing_s: assets.iter().map(|asset| asset.expected.processing_s).fold(0.0, f64::max),
            overall_s: 0.0,
        };
        let creations =
            if self.ship_run.destination.publication_kind() == PublicationKind::Ad { ads } else { uploads };
        let creating = (creations / quota.creations_a_minute.max(1)) as f64 * 60.0;
        // Fixing, uploading, creating and calling run in parallel, so the slowest determines the time.
        let calling = (all_calls / quota.calls_a_minute.max(1)) as f64 * 60.0;
        expected.overall_s =
            (expected.fix_s.max(expected.upload_s).max(creating).max(calling)) + expected.processing_s;
        Ok(PlanTotals {
            files: assets.len() as u64,
            refused: assets.iter().filter(|asset| !is_shippable(asset)).count() as u64,
            uploads,
            upload_bytes: assets.iter().map(|asset| asset.upload_bytes).sum(),
            ads,
            calls,
            all_calls,
            quota,
            expected,
            assumptions: self.assumed.clone(),
        })
    }
}

fn calls_by_endpoint(calls: CallCounts) -> BTreeMap<String, u64> {
    let mut named = BTreeMap::new();
    for (name, count) in calls {
        *named.entry(name.to_owned()).or_default() += count;
    }
    named
}
