//! `ship --dry-run`: plans all fixes and estimates the calls and times of the uploads, without sending.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::cli::check::RunSummary;
use crate::cli::destination::PublicationKind;
use crate::cli::error::CliError;
use crate::cli::exit_code::RunStatus;
use crate::cli::journal_file;
use crate::cli::progress::ProgressDisplay;
use crate::cli::sandbox::operation;
use crate::cli::{notices, output, packaging};
use crate::ending::Ending;
use crate::pipeline::{CheckOptions, Fixing, LocalFiles, Outcome, Pipeline};
use crate::plan::{Action, ENCODE_PIXELS_PER_S, ResourceEstimate, VideoPlan};
use crate::platform::tiktok_ads::CHUNK_ABOVE;
use crate::platform::tiktok_ads::forecast::{CallCounts, ad_calls, upload_calls, waiting_calls};
use crate::platform::tiktok_post;
use crate::report::{Format, escape, json_text};
use crate::ship::journal::AdKey;
use crate::ship::{AdRow, DeliveryState, History, Journal, RowNotice, Wait, destination_key, is_ad};

use super::network::{self, unless_cancelled};
use super::ship_plan::{
    ExpectedTimes, PlanAssumptions, PlanBasis, PlanQuota, PlanTotals, PlannedAsset, SCHEMA, ShipPlan,
    identity_or_default,
};
use super::{ShipRun, retry, row_notices};

/// Assumed upload rate without history, in bytes per second (10 Mbit/s).
const ASSUMED_RATE: f64 = 1_250_000.0;
/// Assumed processing time without history, in seconds. The documented range is 30 s to 5 min.
const ASSUMED_PROCESSING_S: f64 = 90.0;

/// Runs the dry run and writes the plan.
pub fn run(ship_run: &ShipRun<'_>) -> Result<RunStatus, CliError> {
    let settings = ship_run.settings;
    let progress = ProgressDisplay::new(settings.progress);
    let pipeline = Pipeline {
        profiles: std::slice::from_ref(&ship_run.profile),
        options: &CheckOptions::default(),
        store: &LocalFiles,
        runner: ship_run.runner.as_ref(),
        observer: &progress,
        cancel: &ship_run.cancel,
    };
    let fixing = Fixing { settings: &ship_run.fix_settings(None)?, record: None };
    let outcomes = pipeline.fix(&ship_run.ship_input.found.sources, fixing, &|_| {});
    progress.end();
    let interrupted = ship_run.cancel.load(Ordering::Relaxed);
    let status = RunSummary::of(&outcomes).final_status(&ship_run.ship_input.found, interrupted);
    if interrupted {
        // An incomplete plan is not written.
        return Ok(status);
    }
    let mut forecast = Forecast::new(ship_run)?;
    let finding = row_notices::find(ship_run, forecast.journal.as_ref());
    let found = network::run(async { unless_cancelled(&ship_run.cancel, finding).await.transpose() })?;
    let Some((notices, _)) = found else {
        return Ok(RunSummary::of(&outcomes).final_status(&ship_run.ship_input.found, true));
    };
    retry::tell_without_effect(ship_run, forecast.journal.as_ref())?;
    row_notices::print(&notices, &ship_run.ship_input.rows, &ship_run.destination);
    let problems =
        notices.into_iter().filter(|notice| row_notices::is_problem(notice, &ship_run.destination));
    forecast.row_problems = problems.collect();
    let needs_person = !forecast.row_problems.is_empty();
    let plan = forecast.plan(&outcomes)?;
    write_plan(ship_run, &plan)?;
    Ok(status.and(if needs_person { RunStatus::Failed } else { RunStatus::Done }))
}

/// Writes the plan. With `--output`, the summary goes to standard error.
fn write_plan(ship_run: &ShipRun<'_>, plan: &ShipPlan) -> Result<(), CliError> {
    let json = || {
        let text = serde_json::to_string_pretty(plan);
        text.map(|text| json_text(&text).into_owned() + "\n")
            .map_err(|source| operation("cannot serialize the plan", source))
    };
    match &ship_run.settings.output {
        Some(path) => {
            write_atomically(path, &json()?)
                .map_err(|source| CliError::WriteReport { target: path.display().to_string(), source })?;
            notices::print_lines(&summary(plan));
            Ok(())
        }
        None if ship_run.settings.format == Format::Human => packaging::print_page(&summary(plan)).map(drop),
        None => packaging::print(json()?.as_bytes()).map(drop),
    }
}

/// Writes the file under a temporary name and renames it when complete.
fn write_atomically(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".greenlit-plan-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    output::give_name(file, path)
}

/// The cost of fixing a file.
struct FixCost {
    /// Processor time in seconds.
    core_s: f64,
    /// Number of cores in use.
    cores: f64,
}

impl FixCost {
    const ZERO: FixCost = FixCost { core_s: 0.0, cores: 1.0 };

    fn wall_s(&self) -> f64 {
        self.core_s / self.cores
    }
}

/// Estimates the time for fixing several files in parallel, in seconds: the maximum of the longest file, the
/// processor time per core, and the time per job.
fn parallel_wall_s(costs: &[FixCost], cores: u32, jobs: usize) -> f64 {
    let longest = costs.iter().map(FixCost::wall_s).fold(0.0, f64::max);
    let per_core = costs.iter().map(|cost| cost.core_s).sum::<f64>() / f64::from(cores.max(1));
    let per_job = costs.iter().map(FixCost::wall_s).sum::<f64>() / jobs.max(1) as f64;
    longest.max(per_core).max(per_job)
}

/// Estimates a run before its first call.
struct Forecast<'a> {
    ship_run: &'a ShipRun<'a>,
    basis: PlanBasis,
    journal: Option<Journal>,
    /// Rows that wait for a person.
    row_problems: Vec<RowNotice>,
    assumed: PlanAssumptions,
}

impl<'a> Forecast<'a> {
    fn new(ship_run: &'a ShipRun<'a>) -> Result<Forecast<'a>, CliError> {
        let basis = PlanBasis::of(ship_run)?;
        let path = &ship_run.destination.journal;
        let failed = |source| operation("cannot read the journal", source);
        // A dry run writes nothing, so it does not create a journal.
        let typed = ship_run.destination.journal_is_option;
        let open = || journal_file::open(ship_run.settings, path, typed, Wait::Refuse);
        let journal = path.exists().then(open).transpose()?;
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

    fn plan(self, outcomes: &[Outcome]) -> Result<ShipPlan, CliError> {
        let assets = outcomes.iter().map(|outcome| self.asset(outcome)).collect::<Result<Vec<_>, _>>()?;
        let (assets, costs): (Vec<_>, Vec<_>) = assets.into_iter().unzip();
        let total = self.total(&assets, &costs)?;
        Ok(ShipPlan {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ship_arguments: self.ship_run.ship_arguments.clone(),
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
        let (ads, calls) = match self.ship_run.destination.publication {
            PublicationKind::Ads => {
                let ads = if is_shipped { self.open_ads(&outcome.source.path, &blake3)? } else { Vec::new() };
                let upload = if needs_upload { upload_calls(upload_bytes, CHUNK_ABOVE) } else { Vec::new() };
                let calls = upload.into_iter().chain(ad_calls(ads.len() as u64, 0, 0)).collect();
                (ads, calls)
            }
            PublicationKind::Posts(mode) => {
                let open = matches!(next, "upload" | "ask" | "wait");
                let rows = self
                    .ship_run
                    .ship_input
                    .rows
                    .iter()
                    .filter(|row| open && row.video == outcome.source.path);
                let calls = if needs_upload { tiktok_post::calls(mode, upload_bytes) } else { Vec::new() };
                (rows.map(|row| row.row).collect(), calls)
            }
        };
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

    fn is_stopped(&self, row: &AdRow) -> bool {
        self.row_problems.iter().any(|notice| notice.row == row.row)
    }

    fn rows_of(&self, video: &Path) -> impl Iterator<Item = &AdRow> {
        self.ship_run.ship_input.rows.iter().filter(move |row| row.video == video && is_ad(row))
    }

    /// Returns the rows of a video whose ads are not created yet.
    fn open_ads(&self, video: &Path, blake3: &str) -> Result<Vec<u32>, CliError> {
        let mut open = Vec::new();
        for row in self.rows_of(video).filter(|row| !self.is_stopped(row)) {
            let key = AdKey {
                origin: self.basis.origin.clone(),
                advertiser: self.basis.account.clone(),
                adgroup: row.adgroup_id.clone(),
                ad_name: row.ad_name.clone(),
                content: blake3.to_owned(),
            };
            let known = self.journal.as_ref().map(|journal| journal.ad(&key)).transpose();
            let known = known.map_err(|source| operation("cannot read the journal", source))?.flatten();
            if known.is_none_or(|ad| ad.state != DeliveryState::Published) {
                open.push(row.row);
            }
        }
        Ok(open)
    }

    /// Returns the account's rate limits and the share of them that `all_calls` needs.
    fn quota(&self, all_calls: u64) -> Result<PlanQuota, CliError> {
        if self.ship_run.destination.publication != PublicationKind::Ads {
            let (minute, posts) = (tiktok_post::CALLS_PER_MINUTE, tiktok_post::POSTS_PER_MINUTE);
            return Ok(PlanQuota {
                calls_a_minute: minute,
                creations_a_minute: posts,
                ..PlanQuota::default()
            });
        }
        let quota = self.ship_run.destination.tier()?.quota();
        Ok(PlanQuota {
            tier: Some(self.ship_run.destination.tier.clone()),
            calls_a_minute: quota.minute,
            calls_a_day: Some(quota.day),
            creations_a_minute: quota.ads_minute,
            share_of_day: Some(all_calls as f64 / quota.day as f64),
        })
    }

    fn total(&self, assets: &[PlannedAsset], costs: &[FixCost]) -> Result<PlanTotals, CliError> {
        let uploads = assets.iter().filter(|asset| asset.upload_bytes > 0).count() as u64;
        let waits = assets.iter().filter(|asset| asset.expected.processing_s > 0.0).count() as u64;
        let open: BTreeSet<u32> = assets.iter().flat_map(|asset| asset.ads.iter().copied()).collect();
        let rows = || self.ship_run.ship_input.rows.iter().filter(|row| open.contains(&row.row));
        let groups: BTreeSet<&str> = rows().map(|row| row.adgroup_id.as_str()).collect();
        let covers: BTreeSet<(Option<&PathBuf>, &Path)> =
            rows().map(|row| (row.cover.as_ref(), row.cover.as_deref().unwrap_or(&row.video))).collect();
        let mut calls: BTreeMap<String, u64> = BTreeMap::new();
        let shared_calls: CallCounts = match self.ship_run.destination.publication {
            PublicationKind::Ads => waiting_calls(waits)
                .into_iter()
                .chain(ad_calls(0, groups.len() as u64, covers.len() as u64))
                // Access is checked twice: before files are prepared, and when uploads start.
                .chain([("file/video/ad/search/", 2)])
                .collect(),
            PublicationKind::Posts(_) => vec![("v2/post/publish/creator_info/query/", 1)],
        };
        let own_calls =
            assets.iter().flat_map(|asset| &asset.calls).map(|(name, count)| (name.clone(), *count));
        for (name, count) in
            own_calls.chain(shared_calls.into_iter().map(|(name, count)| (name.to_owned(), count)))
        {
            *calls.entry(name).or_default() += count;
        }
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
            if self.ship_run.destination.publication == PublicationKind::Ads { ads } else { uploads };
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

fn is_shippable(asset: &PlannedAsset) -> bool {
    !matches!(asset.action.as_str(), "refused" | "skipped" | "unreadable")
}

fn calls_by_endpoint(calls: CallCounts) -> BTreeMap<String, u64> {
    let mut named = BTreeMap::new();
    for (name, count) in calls {
        *named.entry(name.to_owned()).or_default() += count;
    }
    named
}

/// Formats the plan as text.
fn summary(plan: &ShipPlan) -> String {
    let mut text = String::new();
    let what = if plan.total.quota.tier.is_some() { "ad" } else { "post" };
    for asset in &plan.assets {
        let name = escape(&asset.path.display().to_string());
        let about = if asset.estimated { "about " } else { "" };
        let mut line = match (is_shippable(asset), asset.next.as_str()) {
            (false, _) => format!("{name}: {}", asset.action),
            (true, "upload") if asset.action == "none" => {
                format!("{name}: upload {}", format_size(asset.upload_bytes))
            }
            (true, "upload") => {
                format!("{name}: {}, then upload {about}{}", asset.action, format_size(asset.upload_bytes))
            }
            (true, "ask") => format!("{name}: ask the platform whether the upload is complete"),
            (true, "wait") => format!("{name}: uploaded; wait until it is ready"),
            (true, "ads") => format!("{name}: ready"),
            (true, "given-up") => format!("{name}: given up; `--retry {name}` uploads it again"),
            (true, _) => format!("{name}: nothing to do"),
        };
        if !asset.ads.is_empty() {
            let _ =
                write!(line, ", {} {what}{}", asset.ads.len(), if asset.ads.len() == 1 { "" } else { "s" });
        }
        if asset.expected.overall_s > 0.0 {
            let _ = write!(line, ", about {}", format_time(asset.expected.overall_s));
        }
        let _ = writeln!(text, "{line}");
        if let Some(reason) = asset.reason.as_ref().filter(|_| !is_shippable(asset)) {
            let _ = writeln!(text, "    {}", escape(reason));
        }
    }
    let total = &plan.total;
    let share = match (total.quota.share_of_day, &total.quota.tier) {
        (Some(share), Some(tier)) => format!(" ({:.2} % of a day's limit, tier {tier})", share * 100.0),
        _ => String::new(),
    };
    let _ = writeln!(
        text,
        "\nnothing was sent. In total: {} upload{} of {}, {} {}{}, about {} calls{share}, about {}",
        total.uploads,
        if total.uploads == 1 { "" } else { "s" },
        format_size(total.upload_bytes),
        total.ads,
        what,
        if total.ads == 1 { "" } else { "s" },
        total.all_calls,
        format_time(total.expected.overall_s)
    );
    let assumptions = &total.assumptions;
    let _ = writeln!(
        text,
        "the times assume an upload rate of {}/s ({}) and {} of processing ({})",
        format_size(assumptions.upload_bytes_per_s as u64),
        assumptions.upload_from,
        format_time(assumptions.processing_s),
        assumptions.processing_from
    );
    text
}

fn format_size(bytes: u64) -> String {
    if bytes < 1_000_000 {
        format!("{:.0} kB", bytes as f64 / 1e3)
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    }
}

fn format_time(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parallel_time_is_limited_by_cores_jobs_and_the_longest_file() {
        let parallel_encode = || FixCost { core_s: 80.0, cores: 4.0 };
        let one_thread = || FixCost { core_s: 10.0, cores: 1.0 };
        // Eight encodes that each use all cores take eight times as long, with any number of jobs.
        let eight: Vec<_> = std::iter::repeat_with(parallel_encode).take(8).collect();
        assert_eq!(parallel_wall_s(&eight, 4, 8), 160.0);
        // Four encodes with one thread each run in parallel with four jobs, but not with one.
        let four: Vec<_> = std::iter::repeat_with(one_thread).take(4).collect();
        assert_eq!([parallel_wall_s(&four, 4, 4), parallel_wall_s(&four, 4, 1)], [10.0, 40.0]);
        // One encode with one thread is not faster with more cores.
        assert_eq!(parallel_wall_s(&[one_thread()], 4, 4), 10.0);
        assert_eq!(parallel_wall_s(&[], 4, 4), 0.0);
    }

    #[test]
    fn formats_sizes_and_times_in_suitable_units() {
        assert_eq!(
            [format_size(900), format_size(999_999), format_size(1_250_000)],
            ["1 kB", "1000 kB", "1.2 MB"]
        );
        assert_eq!([format_time(89.0), format_time(90.0), format_time(7200.0)], ["89 s", "2 min", "2.0 h"]);
    }
}
