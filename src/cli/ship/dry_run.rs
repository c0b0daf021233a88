//! `ship --dry-run`: everything up to the first byte, and what the rest would take.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::cli::check::Tally;
use crate::cli::destination::DestinationKind;
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::cli::run_status::RunStatus;
use crate::cli::sandbox::operation;
use crate::cli::{file_entries, packaging};
use crate::pipeline::{CheckOptions, Outcome, fix};
use crate::plan::{Action, ENCODE_PIXELS_PER_S, ResourceEstimate, VideoPlan};
use crate::platform::tiktok_ads::CHUNK_ABOVE;
use crate::platform::tiktok_ads::forecast::{Calls, ad_calls, upload_calls, waiting_calls};
use crate::platform::tiktok_post;
use crate::report::{Format, escape};
use crate::rules::Verdict;
use crate::ship::journal::AdKey;
use crate::ship::{AdRow, DeliveryState, History, Journal, Wait, destination_key, is_ad};

use super::Work;
use super::plan::{Asset, Assumptions, Basis, Expected, Plan, Quota, SCHEMA, Total, seen};

/// Bytes a second where nothing is known of the line: 10 Mbit/s.
const ASSUMED_RATE: f64 = 1_250_000.0;
/// Seconds of processing where nothing is known: in the documented window of 30 s to 5 min.
const ASSUMED_PROCESSING_S: f64 = 90.0;

/// Runs a dry run: a plan instead of deeds.
pub fn run(work: &Work<'_>) -> Result<RunStatus, CliError> {
    let settings = work.settings;
    let progress = Progress::new(settings.progress);
    let outcomes = fix(
        &work.load.found.sources,
        std::slice::from_ref(&work.profile),
        &CheckOptions::default(),
        &work.fix_settings(None)?,
        None,
        work.runner.as_ref(),
        &progress,
        &work.cancel,
        &|_| {},
    );
    progress.end();
    let interrupted = work.cancel.load(Ordering::Relaxed);
    let status = Tally::of(&outcomes, file_entries::fix_status).conclude(&work.load.found, interrupted);
    if interrupted {
        // Half a plan is none.
        return Ok(status);
    }
    let plan = Forecast::new(work)?.plan(&outcomes)?;
    emit(work, &plan)?;
    Ok(status)
}

/// The plan to where it was asked for; with a file, the summary goes where talk goes.
fn emit(work: &Work<'_>, plan: &Plan) -> Result<(), CliError> {
    let json = || {
        let text = serde_json::to_string_pretty(plan);
        text.map(|text| text + "\n").map_err(|source| operation("the plan cannot be written", source))
    };
    match &work.settings.output {
        Some(path) => {
            write_whole(path, &json()?)
                .map_err(|source| CliError::WriteReport { place: path.display().to_string(), source })?;
            eprint!("{}", summary(plan));
            Ok(())
        }
        None if work.settings.format == Format::Human => packaging::print(summary(plan).as_bytes()).map(drop),
        None => packaging::print(json()?.as_bytes()).map(drop),
    }
}

/// A plan appears under its name only when complete.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".greenlit-plan-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// What making a file takes.
struct Making {
    /// Seconds of processor time.
    core_s: f64,
    /// How many cores it keeps busy.
    cores: f64,
}

impl Making {
    const NOTHING: Making = Making { core_s: 0.0, cores: 1.0 };

    fn wall_s(&self) -> f64 {
        self.core_s / self.cores
    }
}

/// Seconds that many files take together: no less than the longest, than the cores can work, or than so many
/// at a time let pass.
fn side_by_side(makings: &[Making], cores: u32, jobs: usize) -> f64 {
    let longest = makings.iter().map(Making::wall_s).fold(0.0, f64::max);
    let working = makings.iter().map(|one| one.core_s).sum::<f64>() / f64::from(cores.max(1));
    let passing = makings.iter().map(Making::wall_s).sum::<f64>() / jobs.max(1) as f64;
    longest.max(working).max(passing)
}

/// What is known before the first call.
struct Forecast<'a> {
    work: &'a Work<'a>,
    basis: Basis,
    journal: Option<Journal>,
    assumed: Assumptions,
}

impl<'a> Forecast<'a> {
    fn new(work: &'a Work<'a>) -> Result<Forecast<'a>, CliError> {
        let basis = Basis::of(work)?;
        let path = &work.destination.journal;
        let failed = |source| operation("the journal cannot be read", source);
        // A dry run leaves nothing behind, so it begins no journal.
        let journal = path.exists().then(|| Journal::open(path, Wait::Refuse)).transpose().map_err(failed)?;
        let history = match &journal {
            None => History::default(),
            Some(journal) => journal.history(&basis.origin, &basis.account).map_err(failed)?,
        };
        let (rate, from) = match (work.destination.bandwidth, history.upload_bytes_per_s) {
            (Some(cap), Some(rate)) if rate < cap as f64 => (rate, "history"),
            (Some(cap), _) => (cap as f64, "cap"),
            (None, Some(rate)) => (rate, "history"),
            (None, None) => (ASSUMED_RATE, "assumed"),
        };
        let half = history.ready_half.map(|half| half.as_secs_f64());
        let assumed = Assumptions {
            upload_bytes_per_s: rate.max(1.0),
            upload_from: from.to_owned(),
            processing_s: half.unwrap_or(ASSUMED_PROCESSING_S),
            processing_from: if half.is_some() { "history" } else { "documented" }.to_owned(),
            encode_pixels_per_s: ENCODE_PIXELS_PER_S,
        };
        Ok(Forecast { work, basis, journal, assumed })
    }

    fn plan(self, outcomes: &[Outcome]) -> Result<Plan, CliError> {
        let assets = outcomes.iter().map(|outcome| self.asset(outcome)).collect::<Result<Vec<_>, _>>()?;
        let (assets, makings): (Vec<_>, Vec<_>) = assets.into_iter().unzip();
        let total = self.total(&assets, &makings)?;
        Ok(Plan {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            order: self.work.order.clone(),
            basis: self.basis,
            assets,
            total,
        })
    }

    /// What comes of a file, and what making it takes.
    fn asset(&self, outcome: &Outcome) -> Result<(Asset, Making), CliError> {
        let (size_bytes, blake3) = seen(&outcome.source.path);
        let plan = outcome.fix.as_ref().map(|fix| &fix.plan);
        let (action, reason) = match (plan, &outcome.failure) {
            (Some(plan), _) => {
                let action = if plan.action == Action::Copy { Action::None } else { plan.action };
                (action.name(), plan.reason.clone())
            }
            (None, failure) => {
                let action = if outcome.verdict == Verdict::Skipped { "skipped" } else { "unreadable" };
                (action, failure.as_ref().map(|failure| failure.message.clone()))
            }
        };
        let goes = plan.is_some_and(|plan| plan.action != Action::Refused);
        let next = if goes { self.next(&blake3)? } else { "nothing" };
        let (made, making) = self.to_make(outcome, size_bytes);
        let sends = next == "upload";
        let making = if sends { making } else { Making::NOTHING };
        let upload_bytes = if sends { made.unwrap_or(size_bytes) } else { 0 };
        let (ads, own) = match self.work.destination.makes {
            DestinationKind::Ads => {
                let ads = if goes { self.open_ads(&outcome.source.path, &blake3)? } else { Vec::new() };
                let upload = if sends { upload_calls(upload_bytes, CHUNK_ABOVE) } else { Vec::new() };
                let own = upload.into_iter().chain(ad_calls(ads.len() as u64, 0, 0)).collect();
                (ads, own)
            }
            DestinationKind::Posts(_) => {
                let open = matches!(next, "upload" | "ask" | "wait");
                let rows = self.work.load.rows.iter().filter(|row| open && row.video == outcome.source.path);
                let own = if sends { tiktok_post::calls(upload_bytes) } else { Vec::new() };
                (rows.map(|row| row.row).collect(), own)
            }
        };
        let mut expected = Expected {
            fix_s: making.wall_s(),
            upload_s: upload_bytes as f64 / self.assumed.upload_bytes_per_s,
            processing_s: if matches!(next, "upload" | "wait") { self.assumed.processing_s } else { 0.0 },
            overall_s: 0.0,
        };
        expected.overall_s = expected.fix_s + expected.upload_s + expected.processing_s;
        let asset = Asset {
            path: outcome.source.path.clone(),
            size_bytes,
            blake3,
            action: action.to_owned(),
            reason,
            next: if next == "ads" && ads.is_empty() { "nothing" } else { next }.to_owned(),
            upload_bytes,
            estimated: sends && made.is_some(),
            calls: by_name(own),
            ads,
            expected,
        };
        Ok((asset, making))
    }

    /// What the journal says comes next.
    fn next(&self, blake3: &str) -> Result<&'static str, CliError> {
        let Some(journal) = &self.journal else { return Ok("upload") };
        let destination = destination_key(&self.basis.origin, &self.basis.account);
        let known = journal.lookup(blake3, &self.basis.profile_hash, &destination);
        let known = known.map_err(|source| operation("the journal cannot be read", source))?;
        Ok(match known.map(|known| (known.state, known.video_id.is_some())) {
            Some((DeliveryState::Uploading, _)) => "ask",
            Some((DeliveryState::GivenUp, _)) => "nothing",
            Some((DeliveryState::Ready | DeliveryState::Publishing | DeliveryState::Published, true)) => {
                "ads"
            }
            Some((_, true)) => "wait",
            Some((_, false)) | None => "upload",
        })
    }

    /// The size of the file to be made, as far as it can be told, and what making it takes; `None` when the
    /// source goes as it is.
    fn to_make(&self, outcome: &Outcome, size: u64) -> (Option<u64>, Making) {
        let spec = outcome.fix.as_ref().and_then(|fix| fix.plan.spec.as_ref());
        let (Some(spec), Some(facts)) = (spec, &outcome.facts) else { return (None, Making::NOTHING) };
        let ResourceEstimate { media_s, core_s, threads, .. } = ResourceEstimate::of(spec, facts, true);
        // An encode may have more threads than there are cores: they are no more hands.
        let making = Making { core_s, cores: f64::from(threads.clamp(1, self.work.settings.cores)) };
        let Some(VideoPlan::Encode(encode)) = &spec.video else { return (Some(size), making) };
        let bytes = |rate: u64| (rate as f64 * media_s / 8.0) as u64;
        let made = size
            .max(encode.rate.min_bit_rate.map_or(0, bytes))
            .min(encode.rate.max_bit_rate.map_or(u64::MAX, bytes))
            .min(spec.max_size_bytes.unwrap_or(u64::MAX));
        (Some(made), making)
    }

    fn rows_of(&self, video: &Path) -> impl Iterator<Item = &AdRow> {
        self.work.load.rows.iter().filter(move |row| row.video == video && is_ad(row))
    }

    /// The rows of a video whose ads are still to be created.
    fn open_ads(&self, video: &Path, blake3: &str) -> Result<Vec<u32>, CliError> {
        let mut open = Vec::new();
        for row in self.rows_of(video) {
            let key = AdKey {
                origin: self.basis.origin.clone(),
                advertiser: self.basis.account.clone(),
                adgroup: row.adgroup_id.clone(),
                ad_name: row.ad_name.clone(),
                content: blake3.to_owned(),
            };
            let known = self.journal.as_ref().map(|journal| journal.ad(&key)).transpose();
            let known = known.map_err(|source| operation("the journal cannot be read", source))?.flatten();
            if known.is_none_or(|ad| ad.state != DeliveryState::Published) {
                open.push(row.row);
            }
        }
        Ok(open)
    }

    /// What the account may do, and what so many calls take of it.
    fn quota(&self, all_calls: u64) -> Result<Quota, CliError> {
        if self.work.destination.makes != DestinationKind::Ads {
            // So many posts may be begun and asked after.
            let (minute, posts) = (tiktok_post::CALLS_A_MINUTE, tiktok_post::POSTS_A_MINUTE);
            return Ok(Quota { calls_a_minute: minute, creations_a_minute: posts, ..Quota::default() });
        }
        let quota = self.work.destination.tier()?.quota();
        Ok(Quota {
            tier: Some(self.work.destination.tier.clone()),
            calls_a_minute: quota.minute,
            calls_a_day: Some(quota.day),
            creations_a_minute: quota.ads_minute,
            share_of_day: Some(all_calls as f64 / quota.day as f64),
        })
    }

    fn total(&self, assets: &[Asset], makings: &[Making]) -> Result<Total, CliError> {
        let uploads = assets.iter().filter(|asset| asset.upload_bytes > 0).count() as u64;
        let waits = assets.iter().filter(|asset| asset.expected.processing_s > 0.0).count() as u64;
        let open: BTreeSet<u32> = assets.iter().flat_map(|asset| asset.ads.iter().copied()).collect();
        let rows = || self.work.load.rows.iter().filter(|row| open.contains(&row.row));
        let groups: BTreeSet<&str> = rows().map(|row| row.adgroup_id.as_str()).collect();
        let covers: BTreeSet<(Option<&PathBuf>, &Path)> =
            rows().map(|row| (row.cover.as_ref(), row.cover.as_deref().unwrap_or(&row.video))).collect();
        let mut calls: BTreeMap<String, u64> = BTreeMap::new();
        let shared: Calls = match self.work.destination.makes {
            DestinationKind::Ads => waiting_calls(waits)
                .into_iter()
                .chain(ad_calls(0, groups.len() as u64, covers.len() as u64))
                // Access is proven twice: before anything is made, and when shipping begins.
                .chain([("file/video/ad/search/", 2)])
                .collect(),
            DestinationKind::Posts(_) => vec![("v2/post/publish/creator_info/query/", 1)],
        };
        let own = assets.iter().flat_map(|asset| &asset.calls).map(|(name, count)| (name.clone(), *count));
        for (name, count) in own.chain(shared.into_iter().map(|(name, count)| (name.to_owned(), count))) {
            *calls.entry(name).or_default() += count;
        }
        let all_calls = calls.values().sum();
        let quota = self.quota(all_calls)?;
        let ads = open.len() as u64;
        let sum = |of: fn(&Expected) -> f64| assets.iter().map(|asset| of(&asset.expected)).sum::<f64>();
        let mut expected = Expected {
            fix_s: side_by_side(makings, self.work.settings.cores, self.work.settings.jobs),
            upload_s: sum(|one| one.upload_s),
            processing_s: assets.iter().map(|asset| asset.expected.processing_s).fold(0.0, f64::max),
            overall_s: 0.0,
        };
        let creations = if self.work.destination.makes == DestinationKind::Ads { ads } else { uploads };
        let creating = (creations / quota.creations_a_minute.max(1)) as f64 * 60.0;
        // Files are made, sent and processed side by side; the narrowest decides.
        let calling = (all_calls / quota.calls_a_minute.max(1)) as f64 * 60.0;
        expected.overall_s =
            (expected.fix_s.max(expected.upload_s).max(creating).max(calling)) + expected.processing_s;
        Ok(Total {
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

fn is_shippable(asset: &Asset) -> bool {
    !matches!(asset.action.as_str(), "refused" | "skipped" | "unreadable")
}

fn by_name(calls: Calls) -> BTreeMap<String, u64> {
    let mut named = BTreeMap::new();
    for (name, count) in calls {
        *named.entry(name.to_owned()).or_default() += count;
    }
    named
}

/// The plan for people.
fn summary(plan: &Plan) -> String {
    let mut text = String::new();
    let what = if plan.total.quota.tier.is_some() { "ad" } else { "post" };
    for asset in &plan.assets {
        let name = escape(&asset.path.display().to_string());
        let about = if asset.estimated { "about " } else { "" };
        let mut line = match (is_shippable(asset), asset.next.as_str()) {
            (false, _) => format!("{name}: {}", asset.action),
            (true, "upload") if asset.action == "none" => {
                format!("{name}: upload {}", megabytes(asset.upload_bytes))
            }
            (true, "upload") => {
                format!("{name}: {}, then upload {about}{}", asset.action, megabytes(asset.upload_bytes))
            }
            (true, "ask") => format!("{name}: ask whether its upload arrived"),
            (true, "wait") => format!("{name}: uploaded; wait until it is ready"),
            (true, "ads") => format!("{name}: ready"),
            (true, _) => format!("{name}: nothing to do"),
        };
        if !asset.ads.is_empty() {
            let _ =
                write!(line, ", {} {what}{}", asset.ads.len(), if asset.ads.len() == 1 { "" } else { "s" });
        }
        if asset.expected.overall_s > 0.0 {
            let _ = write!(line, ", about {}", time(asset.expected.overall_s));
        }
        let _ = writeln!(text, "{line}");
        if let Some(reason) = asset.reason.as_ref().filter(|_| !is_shippable(asset)) {
            let _ = writeln!(text, "    {}", escape(reason));
        }
    }
    let total = &plan.total;
    let share = match (total.quota.share_of_day, &total.quota.tier) {
        (Some(share), Some(tier)) => format!(" ({:.2} % of a day's on the tier {tier})", share * 100.0),
        _ => String::new(),
    };
    let _ = writeln!(
        text,
        "\nnothing was sent. In all: {} upload{} of {}, {} {}{}, about {} calls{share}, about {}",
        total.uploads,
        if total.uploads == 1 { "" } else { "s" },
        megabytes(total.upload_bytes),
        total.ads,
        what,
        if total.ads == 1 { "" } else { "s" },
        total.all_calls,
        time(total.expected.overall_s)
    );
    let of = &total.assumptions;
    let _ = writeln!(
        text,
        "expected with {}/s up ({}) and {} of processing ({})",
        megabytes(of.upload_bytes_per_s as u64),
        of.upload_from,
        time(of.processing_s),
        of.processing_from
    );
    text
}

fn megabytes(bytes: u64) -> String {
    if bytes < 1_000_000 {
        format!("{:.0} kB", bytes as f64 / 1e3)
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    }
}

fn time(seconds: f64) -> String {
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
    fn files_side_by_side_take_no_less_than_the_cores_can_do() {
        let whole = || Making { core_s: 80.0, cores: 4.0 };
        let single = || Making { core_s: 10.0, cores: 1.0 };
        // Eight that each fill the machine follow one another, however many may be begun.
        let eight: Vec<_> = std::iter::repeat_with(whole).take(8).collect();
        assert_eq!(side_by_side(&eight, 4, 8), 160.0);
        // Four of one thread share it; one at a time they do not.
        let four: Vec<_> = std::iter::repeat_with(single).take(4).collect();
        assert_eq!([side_by_side(&four, 4, 4), side_by_side(&four, 4, 1)], [10.0, 40.0]);
        // A lone one is not made shorter by cores it cannot use.
        assert_eq!(side_by_side(&[single()], 4, 4), 10.0);
        assert_eq!(side_by_side(&[], 4, 4), 0.0);
    }

    #[test]
    fn sizes_and_times_are_said_in_the_unit_people_use() {
        assert_eq!([megabytes(900), megabytes(999_999), megabytes(1_250_000)], ["1 kB", "1000 kB", "1.2 MB"]);
        assert_eq!([time(89.0), time(90.0), time(7200.0)], ["89 s", "2 min", "2.0 h"]);
    }
}
