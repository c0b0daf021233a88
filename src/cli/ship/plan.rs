//! A plan: what a run of `ship` would do, kept to be carried out later, and refused once what it was made
//! from has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::asset_preparer::hash;
use crate::cli::error::CliError;
use crate::cli::sandbox::operation;
use crate::ship::AdRow;

use super::Work;
use super::arguments::ShipArguments;

/// The form of this document.
pub const SCHEMA: &str = "greenlit.ship-plan/1";
/// No plan is longer.
const MAX_BYTES: u64 = 256 << 20;
/// Changes that are named; the rest is counted.
const NAMED: usize = 5;

/// The whole document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version that made it.
    pub version: String,
    /// What was asked for.
    pub order: ShipArguments,
    /// What it was made from.
    pub basis: Basis,
    /// One entry a file, as found.
    pub assets: Vec<Asset>,
    /// All of it together.
    pub total: Total,
}

/// What a plan was made from, apart from the files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// The folder that relative paths are meant from.
    pub folder: PathBuf,
    /// Scheme, host and port of the destination, or what stands for them.
    pub origin: String,
    /// The account at the destination.
    pub account: String,
    /// The profile.
    pub profile: String,
    /// BLAKE3 over the profile's limits.
    pub profile_hash: String,
    /// BLAKE3 over the choices for fixing.
    pub choices_hash: String,
    /// BLAKE3 of the manifest, where there is one.
    pub manifest_blake3: Option<String>,
    /// BLAKE3 of each cover that a row names.
    pub covers_blake3: BTreeMap<PathBuf, String>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// As found.
    pub path: PathBuf,
    /// Bytes.
    pub size_bytes: u64,
    /// BLAKE3, lower-case hex.
    pub blake3: String,
    /// `none`, `remux`, `reencode-audio`, `reencode-video`, `reencode`, `refused`, or `skipped` and
    /// `unreadable` for what is no video.
    pub action: String,
    /// Why it is refused, or why nothing cheaper would do.
    pub reason: Option<String>,
    /// What comes next for it: `upload`, `ask`, `wait`, `ads`, or `nothing`.
    pub next: String,
    /// Bytes to send; for a file still to be made an estimate.
    pub upload_bytes: u64,
    /// Whether `upload_bytes` is an estimate.
    pub estimated: bool,
    /// Rows whose ads are still to be created.
    pub ads: Vec<u32>,
    /// Calls by endpoint, apart from those that many files share.
    pub calls: BTreeMap<String, u64>,
    /// Seconds.
    pub expected: Expected,
}

/// Expected times in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Making the file.
    pub fix_s: f64,
    /// Sending it.
    pub upload_s: f64,
    /// Until the platform has it ready.
    pub processing_s: f64,
    /// From the start to the end: in all, less than the sum where things happen side by side.
    pub overall_s: f64,
}

/// All files together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Total {
    /// Files of the plan.
    pub files: u64,
    /// Those that are refused or no videos.
    pub refused: u64,
    /// Uploads to be made.
    pub uploads: u64,
    /// Bytes to be sent.
    pub upload_bytes: u64,
    /// Ads to be created.
    pub ads: u64,
    /// Calls by endpoint.
    pub calls: BTreeMap<String, u64>,
    /// All calls.
    pub all_calls: u64,
    /// What the account may do, and what the plan takes of it.
    pub quota: Quota,
    /// Expected times.
    pub expected: Expected,
    /// Where the expectations are from.
    pub assumptions: Assumptions,
}

/// What the account may do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// The tier, where there are such.
    pub tier: Option<String>,
    /// Calls a minute.
    pub calls_a_minute: u64,
    /// Calls a day, UTC; `null` where the platform publishes none.
    pub calls_a_day: Option<u64>,
    /// Ads or posts created a minute.
    pub creations_a_minute: u64,
    /// The part of the day's calls that the plan takes, 1 for all.
    pub share_of_day: Option<f64>,
}

/// What the expected times rest on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Assumptions {
    /// Bytes a second.
    pub upload_bytes_per_s: f64,
    /// `cap`, `history` or `assumed`.
    pub upload_from: String,
    /// Seconds from an upload to readiness.
    pub processing_s: f64,
    /// `history` or `documented`.
    pub processing_from: String,
    /// Pixels encoded a second on one core; assumed.
    pub encode_pixels_per_s: f64,
}

impl Plan {
    /// Reads a plan.
    pub fn read(path: &Path) -> Result<Plan, CliError> {
        let unreadable = |source| CliError::ReadFile { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
            return Err(CliError::Usage(format!("{} is too long to be a plan", path.display())));
        }
        let text = std::fs::read(path).map_err(unreadable)?;
        let head: Head = serde_json::from_slice(&text).map_err(|source| {
            operation(&format!("{} is no plan of `ship --dry-run --output`", path.display()), source)
        })?;
        if head.schema != SCHEMA {
            return Err(CliError::Usage(format!(
                "{} has the form `{}`, this greenlit carries out `{SCHEMA}`: make the plan anew",
                path.display(),
                head.schema
            )));
        }
        serde_json::from_slice(&text)
            .map_err(|source| operation(&format!("the plan {} is damaged", path.display()), source))
    }

    /// Refuses when anything the plan was made from is not what it was, and says what.
    pub fn still_holds(&self, work: &Work<'_>, path: &Path) -> Result<(), CliError> {
        let mut changes = self.basis.changes(&Basis::of(work)?);
        if self.version != env!("CARGO_PKG_VERSION") {
            changes.insert(0, format!("it was made by greenlit {}", self.version));
        }
        changes.extend(self.changed_files(work));
        if changes.is_empty() {
            return Ok(());
        }
        let more = changes.len().saturating_sub(NAMED);
        let mut text = changes[..changes.len() - more].join("; ");
        if more > 0 {
            text.push_str(&format!("; and {more} more"));
        }
        Err(CliError::Usage(format!(
            "the plan {} does not hold any more, and nothing was sent: {text}. Make it anew with --dry-run",
            path.display()
        )))
    }

    fn changed_files(&self, work: &Work<'_>) -> Vec<String> {
        let mut known: BTreeMap<&Path, &Asset> =
            self.assets.iter().map(|asset| (asset.path.as_path(), asset)).collect();
        let mut changes = Vec::new();
        for source in &work.load.found.sources {
            let name = source.path.display();
            match known.remove(source.path.as_path()) {
                None => changes.push(format!("{name} is new")),
                Some(asset) => {
                    if seen(&source.path) != (asset.size_bytes, asset.blake3.clone()) {
                        changes.push(format!("{name} has changed"));
                    }
                }
            }
        }
        changes.extend(known.keys().map(|path| format!("{} is gone", path.display())));
        changes
    }
}

/// What tells a plan from other documents.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

impl Basis {
    /// What a plan would be made from now.
    pub fn of(work: &Work<'_>) -> Result<Basis, CliError> {
        let fix = work.fix_settings(None)?;
        let choices = format!("{:?} {:?}", fix.options, fix.verify);
        let folder = std::env::current_dir().map_err(|source| CliError::CurrentFolder { source })?;
        let manifest = work.load.manifest.as_deref().map(identity).transpose()?;
        Ok(Basis {
            folder,
            origin: work.origin()?,
            account: work.destination.journal_account(),
            profile: work.profile.id().to_owned(),
            profile_hash: work.profile.hash(),
            choices_hash: blake3::hash(choices.as_bytes()).to_hex().to_string(),
            manifest_blake3: manifest.map(|(_, blake3)| blake3),
            covers_blake3: covers(&work.load.rows)?,
        })
    }

    /// What differs, in words.
    fn changes(&self, now: &Basis) -> Vec<String> {
        let Basis {
            folder,
            origin,
            account,
            profile,
            profile_hash,
            choices_hash,
            manifest_blake3,
            covers_blake3,
        } = self;
        let words = [
            (*folder != now.folder, format!("it was made in the folder {}", folder.display())),
            (*origin != now.origin, format!("the destination was {origin}, and is {}", now.origin)),
            (*account != now.account, format!("the account was {account}, and is {}", now.account)),
            (*profile != now.profile, format!("the profile was {profile}, and is {}", now.profile)),
            (*profile_hash != now.profile_hash, format!("the limits of the profile {profile} have changed")),
            (*choices_hash != now.choices_hash, "the choices for fixing have changed".to_owned()),
            (*manifest_blake3 != now.manifest_blake3, "the manifest has changed".to_owned()),
            (*covers_blake3 != now.covers_blake3, "a cover has changed".to_owned()),
        ];
        words.into_iter().filter(|(differs, _)| *differs).map(|(_, text)| text).collect()
    }
}

/// The size and BLAKE3 of a file.
fn identity(path: &Path) -> Result<(u64, String), CliError> {
    let content = hash(path).map_err(|source| CliError::ReadFile { path: path.to_owned(), source })?;
    Ok((content.size_bytes, content.blake3))
}

/// The size and BLAKE3 of a file that was found; nothing of one that cannot be read.
pub fn seen(path: &Path) -> (u64, String) {
    identity(path).unwrap_or_default()
}

fn covers(rows: &[AdRow]) -> Result<BTreeMap<PathBuf, String>, CliError> {
    let mut covers = BTreeMap::new();
    for path in rows.iter().filter_map(|row| row.cover.as_ref()) {
        if !covers.contains_key(path) {
            covers.insert(path.clone(), identity(path)?.1);
        }
    }
    Ok(covers)
}
