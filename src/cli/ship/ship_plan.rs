//! Plans of `ship`: a dry run writes a plan, and `ship --plan` executes it unless its inputs have changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cache::Contents;
use crate::cli::error::CliError;
use crate::cli::sandbox::operation;
use crate::report::Publication;
use crate::ship::RowNotice;

use super::arguments::ShipArguments;
use super::ship_run::ShipRun;

/// Schema of a plan.
pub const SCHEMA: &str = "greenlit.ship-plan/1";
/// Maximum size of a plan, in bytes.
const MAX_BYTES: u64 = 256 << 20;
/// Maximum number of changes listed in an error; further changes are counted.
const MAX_LISTED: usize = 5;

/// A plan of `ship`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShipPlan {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of greenlit that wrote the plan.
    pub version: String,
    /// The arguments of the dry run.
    #[serde(rename = "order")]
    pub ship_arguments: ShipArguments,
    /// The inputs of the plan, apart from the files.
    pub basis: PlanBasis,
    /// What is created from the videos.
    #[serde(default)]
    pub publication: Publication,
    /// One entry per file.
    pub assets: Vec<PlannedAsset>,
    /// Rows that wait for a person; nothing is created for them.
    #[serde(default)]
    pub row_problems: Vec<RowNotice>,
    /// Sums over all files.
    pub total: PlanTotals,
}

/// The inputs of a plan, apart from the files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanBasis {
    /// The working directory, as the base of relative paths.
    pub folder: PathBuf,
    /// Scheme, host and port of the destination, or the origin of the trial sandbox.
    pub origin: String,
    /// The account at the destination.
    pub account: String,
    /// The profile.
    pub profile: String,
    /// BLAKE3 of the profile's limits.
    pub profile_hash: String,
    /// BLAKE3 of the options for fixing.
    pub choices_hash: String,
    /// BLAKE3 of the manifest, if there is one.
    pub manifest_blake3: Option<String>,
    /// BLAKE3 of the covers in the manifest.
    pub covers_blake3: BTreeMap<PathBuf, String>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedAsset {
    /// Path of the file.
    pub path: PathBuf,
    /// Size in bytes.
    pub size_bytes: u64,
    /// BLAKE3, lower-case hex.
    pub blake3: String,
    /// `none`, `remux`, `reencode-audio`, `reencode-video`, `reencode`, `refused`, or `skipped` and
    /// `unreadable` for other files.
    pub action: String,
    /// Reason for the refusal or for the action.
    pub reason: Option<String>,
    /// Next step: `upload`, `ask`, `wait`, `ads`, `given-up` or `nothing`.
    pub next: String,
    /// Bytes to send; an estimate if the output does not exist yet.
    pub upload_bytes: u64,
    /// Whether `upload_bytes` is an estimate.
    pub estimated: bool,
    /// Rows whose ads are not created yet.
    pub ads: Vec<u32>,
    /// Rows that wait for a person, which `row_problems` of the plan describes; none in a plan of an earlier version.
    #[serde(default)]
    pub stopped_rows: Vec<u32>,
    /// Calls by endpoint, without those that several files share.
    pub calls: BTreeMap<String, u64>,
    /// Expected times.
    pub expected: ExpectedTimes,
}

/// Returns whether a file is not refused and is a video.
pub(super) fn is_shippable(asset: &PlannedAsset) -> bool {
    !matches!(asset.action.as_str(), "refused" | "skipped" | "unreadable")
}

/// Expected times in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpectedTimes {
    /// Fixing the file.
    pub fix_s: f64,
    /// Uploading it.
    pub upload_s: f64,
    /// Processing by the platform.
    pub processing_s: f64,
    /// From start to end; less than the sum, since files are handled in parallel.
    pub overall_s: f64,
}

/// Sums over all files of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanTotals {
    /// Number of files.
    pub files: u64,
    /// Number of files that are refused or not videos.
    pub refused: u64,
    /// Number of uploads.
    pub uploads: u64,
    /// Bytes to send.
    pub upload_bytes: u64,
    /// Number of ads to create.
    pub ads: u64,
    /// Calls by endpoint.
    pub calls: BTreeMap<String, u64>,
    /// Number of all calls.
    pub all_calls: u64,
    /// The account's rate limits, and the plan's share of them.
    pub quota: PlanQuota,
    /// Expected times.
    pub expected: ExpectedTimes,
    /// The basis of the expected times.
    pub assumptions: PlanAssumptions,
}

/// Rate limits of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanQuota {
    /// The tier, if the platform has tiers.
    pub tier: Option<String>,
    /// Calls per minute.
    pub calls_a_minute: u64,
    /// Calls per day (UTC); `null` if the platform publishes no limit.
    pub calls_a_day: Option<u64>,
    /// Ads or posts that may be created per minute.
    pub creations_a_minute: u64,
    /// Share of the day's calls that the plan needs; 1 is all of them.
    pub share_of_day: Option<f64>,
}

/// The assumptions behind the expected times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanAssumptions {
    /// Upload rate in bytes per second.
    pub upload_bytes_per_s: f64,
    /// Source of the rate: `cap`, `history` or `assumed`.
    pub upload_from: String,
    /// Seconds from the end of an upload until the video is ready.
    pub processing_s: f64,
    /// Source of the processing time: `history` or `documented`.
    pub processing_from: String,
    /// Assumed encoding speed of one core, in pixels per second.
    pub encode_pixels_per_s: f64,
}

impl ShipPlan {
    /// Reads a plan from a file.
    pub fn read(path: &Path) -> Result<ShipPlan, CliError> {
        let unreadable = |source| CliError::ReadFile { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
            return Err(CliError::Usage(format!("{} is too large for a plan", path.display())));
        }
        let text = std::fs::read(path).map_err(unreadable)?;
        let header: SchemaHeader = serde_json::from_slice(&text).map_err(|source| {
            operation(&format!("{} is not a plan of `ship --dry-run --output`", path.display()), source)
        })?;
        if header.schema != SCHEMA {
            return Err(CliError::Usage(format!(
                "{} has the schema `{}`, but this greenlit reads `{SCHEMA}`: make a new plan with --dry-run",
                path.display(),
                header.schema
            )));
        }
        serde_json::from_slice(&text)
            .map_err(|source| operation(&format!("the plan {} is damaged", path.display()), source))
    }

    /// Returns the arguments of the run. `typed` repeats the plan's base URL where it is not the platform's host.
    pub fn arguments_with_typed_host(&self, typed: Option<&str>) -> Result<ShipArguments, CliError> {
        let planned = self.ship_arguments.destination.base_url.as_deref();
        match typed {
            Some(typed) if planned != Some(typed) => Err(CliError::Usage(format!(
                "the plan was made for {}, not for --base-url {typed}: make a new plan with --dry-run",
                planned.unwrap_or("the host of the configuration")
            ))),
            _ => Ok(self.ship_arguments.clone()),
        }
    }

    /// Refuses to run the plan at `path` in another folder than that of its relative paths and its configuration.
    pub fn require_folder(&self, path: &Path) -> Result<(), CliError> {
        let made_in = &self.basis.folder;
        if *made_in == std::env::current_dir().map_err(|source| CliError::CurrentFolder { source })? {
            return Ok(());
        }
        Err(CliError::Usage(format!(
            "the plan {} was made in the folder {}, nothing was sent: run it there, or make a new plan with --dry-run",
            path.display(),
            made_in.display()
        )))
    }

    /// Returns an error that lists the changes, if an input of the plan has changed.
    pub fn verify_unchanged(&self, ship_run: &ShipRun<'_>, path: &Path) -> Result<(), CliError> {
        let mut changes = self.basis.changes(&PlanBasis::of(ship_run)?);
        if self.version != env!("CARGO_PKG_VERSION") {
            changes.insert(0, format!("the plan was made by greenlit {}", self.version));
        }
        changes.extend(self.changed_files(ship_run));
        if changes.is_empty() {
            return Ok(());
        }
        let more = changes.len().saturating_sub(MAX_LISTED);
        let mut text = changes[..changes.len() - more].join("; ");
        if more > 0 {
            text.push_str(&format!("; and {more} more"));
        }
        Err(CliError::Usage(format!(
            "the plan {} is outdated, nothing was sent: {text}. Make a new plan with --dry-run",
            path.display()
        )))
    }

    fn changed_files(&self, ship_run: &ShipRun<'_>) -> Vec<String> {
        let mut known: BTreeMap<&Path, &PlannedAsset> =
            self.assets.iter().map(|asset| (asset.path.as_path(), asset)).collect();
        let mut changes = Vec::new();
        for source in &ship_run.ship_input.found.sources {
            let name = source.path.display();
            match known.remove(source.path.as_path()) {
                None => changes.push(format!("{name} is new")),
                Some(asset) => {
                    if identity_or_default(&ship_run.contents, &source.path)
                        != (asset.size_bytes, asset.blake3.clone())
                    {
                        changes.push(format!("{name} has changed"));
                    }
                }
            }
        }
        changes.extend(known.keys().map(|path| format!("{} is gone", path.display())));
        changes
    }
}

/// The field that identifies a plan.
#[derive(Deserialize)]
struct SchemaHeader {
    schema: String,
}

impl PlanBasis {
    /// Returns the current inputs of a run.
    pub fn of(ship_run: &ShipRun<'_>) -> Result<PlanBasis, CliError> {
        let fix = ship_run.fix_settings(None)?;
        let choices = format!("{:?} {:?}", fix.options, fix.verify);
        let folder = std::env::current_dir().map_err(|source| CliError::CurrentFolder { source })?;
        let manifest = ship_run.ship_input.manifest.as_deref();
        let manifest = manifest.map(|path| identity(&ship_run.contents, path)).transpose()?;
        Ok(PlanBasis {
            folder,
            origin: ship_run.origin()?,
            account: ship_run.destination.journal_account(),
            profile: ship_run.profile.id().to_owned(),
            profile_hash: ship_run.profile.hash(),
            choices_hash: blake3::hash(choices.as_bytes()).to_hex().to_string(),
            manifest_blake3: manifest.map(|(_, blake3)| blake3),
            covers_blake3: cover_hashes(ship_run)?,
        })
    }

    /// Describes the differences.
    fn changes(&self, now: &PlanBasis) -> Vec<String> {
        let PlanBasis {
            folder: _,
            origin,
            account,
            profile,
            profile_hash,
            choices_hash,
            manifest_blake3,
            covers_blake3,
        } = self;
        let changes = [
            (*origin != now.origin, format!("the destination was {origin}, now it is {}", now.origin)),
            (*account != now.account, format!("the account was {account}, now it is {}", now.account)),
            (*profile != now.profile, format!("the profile was {profile}, now it is {}", now.profile)),
            (*profile_hash != now.profile_hash, format!("the limits of the profile {profile} have changed")),
            (*choices_hash != now.choices_hash, "the options for fixing have changed".to_owned()),
            (*manifest_blake3 != now.manifest_blake3, "the manifest has changed".to_owned()),
            (*covers_blake3 != now.covers_blake3, "a cover has changed".to_owned()),
        ];
        changes.into_iter().filter(|(differs, _)| *differs).map(|(_, text)| text).collect()
    }
}

/// Returns the size and BLAKE3 of a file.
fn identity(contents: &Contents, path: &Path) -> Result<(u64, String), CliError> {
    let read = || Ok((std::fs::metadata(path)?.len(), contents.blake3_of(path)?));
    read().map_err(|source| CliError::ReadFile { path: path.to_owned(), source })
}

/// Returns the size and BLAKE3 of a file; zero and empty if it cannot be read.
pub fn identity_or_default(contents: &Contents, path: &Path) -> (u64, String) {
    identity(contents, path).unwrap_or_default()
}

fn cover_hashes(ship_run: &ShipRun<'_>) -> Result<BTreeMap<PathBuf, String>, CliError> {
    let mut covers = BTreeMap::new();
    for path in ship_run.ship_input.rows.iter().filter_map(|row| row.cover.as_ref()) {
        if !covers.contains_key(path) {
            covers.insert(path.clone(), identity(&ship_run.contents, path)?.1);
        }
    }
    Ok(covers)
}
