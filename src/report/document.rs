//! The report as a document: the JSON contract, field by field.
//!
//! These types mirror the model, so that a change of the model cannot change the JSON by accident.
//! Unknown facts are `null`; `fix` and `delivery` are omitted by commands that do neither.

use serde::{Deserialize, Serialize};

use super::delivery_state::DeliveryState;
use super::fix::Fix;
use super::forecast::FixForecast;
use super::media::Media;
use super::summary::{DoneCount, Summary};
use crate::ending::Ending;
use crate::rules::{Finding, RuleId, Verdict};

/// The name and version of the document's schema.
pub const SCHEMA: &str = "greenlit.report/1";

/// The report of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The program that wrote the report.
    pub tool: Tool,
    /// The requested profiles.
    pub profiles: Vec<String>,
    /// Counts over `files`.
    pub summary: Summary,
    /// One entry for each file and profile, sorted by path, then profile.
    pub files: Vec<FileEntry>,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// Limits that have not been compared with their source recently.
    pub old_limits: Vec<OldLimit>,
    /// Outputs of earlier fixes whose source is gone.
    pub stale: Vec<StaleEntry>,
    /// Why the run was cut off before everything was done; `None` if it was not.
    pub stopped: Option<String>,
    /// What the run creates from videos.
    #[serde(skip)]
    pub publication: Publication,
    /// The profiles as the command line names them, which the advice repeats.
    #[serde(skip)]
    pub named_profiles: Vec<String>,
}

/// An output of an earlier fix whose source was deleted or renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StaleEntry {
    /// The path of the output.
    pub output: String,
    /// The absolute path where its source was.
    pub source: String,
    /// Whether this run removed it (`--prune`).
    pub removed: bool,
}

/// A limit that was last compared with its source long ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OldLimit {
    /// The profile.
    pub profile: String,
    /// The rule.
    pub rule: RuleId,
    /// The day the limit was last compared with its source, `YYYY-MM-DD`.
    pub checked_on: String,
    /// Whole days since then.
    pub age_days: u32,
}

/// The program and its media library.
#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    /// `greenlit`.
    pub name: &'static str,
    /// The version of greenlit.
    pub version: &'static str,
    /// The version of the FFmpeg libraries; `None` if the run did not use them.
    pub ffmpeg: Option<String>,
    /// The sandboxing of the media workers; `None` if the run read no media.
    pub isolation: Option<Vec<String>>,
    /// What of it the system or an option refused, each with the reason; `None` if the run read no media.
    pub isolation_refused: Option<Vec<String>>,
    /// The version of the kernel's Landlock; `None` if it is not in force.
    pub landlock_abi: Option<u32>,
}

/// One file under one profile.
#[derive(Clone, Debug, Serialize)]
pub struct FileEntry {
    /// The path as given, joined with `/`; lossy when the name is not UTF-8.
    pub path: String,
    /// The exact bytes of a name that is not UTF-8, percent-encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_raw: Option<String>,
    /// The profile.
    pub profile: String,
    /// How the file ended, apart from its delivery.
    #[serde(skip)]
    pub ending: Ending,
    /// The verdict on the source.
    pub verdict: Verdict,
    /// What `greenlit fix` would do, for the advice of a check; `None` if it was not planned.
    #[serde(skip)]
    pub forecast: Option<FixForecast>,
    /// Why there is no verdict, for `unreadable`, `skipped` and operational failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The media facts; `None` if the file could not be read.
    pub media: Option<Media>,
    /// The findings of the rules, worst first.
    pub findings: Vec<Finding>,
    /// Rules that could not be decided because a fact is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<RuleId>,
    /// Why `--deep` did not decode the file; `None` if it did, or was not asked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_decoded: Option<String>,
    /// The result of the fix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// The state of the upload and of the ads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// What of the isolation of the media workers the system or an option refused, for readers of single entries;
    /// empty if nothing is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub isolation_refused: Vec<String>,
}

impl Report {
    /// Builds a report from `files`, sorting and counting them.
    pub fn new(
        tool: Tool,
        profiles: Vec<String>,
        mut files: Vec<FileEntry>,
        elapsed_s: f64,
        interrupted: bool,
    ) -> Report {
        if let Some(refused) = &tool.isolation_refused {
            files.iter_mut().for_each(|entry| entry.isolation_refused.clone_from(refused));
        }
        files.sort_by(|a, b| (&a.path, &a.path_raw, &a.profile).cmp(&(&b.path, &b.path_raw, &b.profile)));
        let summary = Summary { elapsed_s, ..Summary::of(&files) };
        let old_limits = Vec::new();
        let (stale, stopped, named_profiles) = (Vec::new(), None, Vec::new());
        let publication = Publication::default();
        Report {
            schema: SCHEMA,
            tool,
            profiles,
            summary,
            files,
            interrupted,
            old_limits,
            stale,
            stopped,
            publication,
            named_profiles,
        }
    }

    /// Returns the report with outputs whose source is gone.
    #[must_use]
    pub fn with_stale(mut self, stale: Vec<StaleEntry>) -> Report {
        self.stale = stale;
        self
    }

    /// Returns the report with the counts of a delivery, and why it was cut off, if it was.
    #[must_use]
    pub fn with_delivery(
        mut self,
        uploads: DoneCount,
        (publication, publications): (Publication, DoneCount),
        stopped: Option<String>,
    ) -> Report {
        self.summary.uploads = Some(uploads);
        match publication {
            Publication::Ad => self.summary.ads = Some(publications),
            Publication::Post | Publication::Draft => self.summary.posts = Some(publications),
            Publication::Entry => self.summary.entries = Some(publications),
        }
        self.publication = publication;
        self.stopped = stopped;
        self
    }

    /// Returns the report with the profiles as the command line names them.
    #[must_use]
    pub fn with_named_profiles(mut self, named_profiles: Vec<String>) -> Report {
        self.named_profiles = named_profiles;
        self
    }

    /// Returns the report with limits that have not been compared with their source recently.
    #[must_use]
    pub fn with_old_limits(mut self, old_limits: Vec<OldLimit>) -> Report {
        self.old_limits = old_limits;
        self
    }
}

/// The state of the upload and of the ads of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Delivery {
    /// The state of the asset.
    pub state: DeliveryState,
    /// The video id on the platform.
    pub video_id: Option<String>,
    /// Number of uploads of this asset so far.
    pub attempts: u32,
    /// The reason for that state, if it needs one.
    pub reason: Option<String>,
    /// The ads that use the video, or its post.
    pub ads: Vec<AdDelivery>,
    /// What `ads` are.
    pub publication: Publication,
    /// Whether the run was cut off before it was done, which is the reason.
    #[serde(skip)]
    pub stopped: bool,
}

/// What is created from a video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Publication {
    /// Ads.
    #[default]
    Ad,
    /// A post.
    Post,
    /// A draft in the creator's inbox.
    Draft,
    /// An entry in a list of files.
    Entry,
}

impl Publication {
    /// Returns the word for one.
    pub fn name(self) -> &'static str {
        match self {
            Publication::Ad => "ad",
            Publication::Post => "post",
            Publication::Draft => "draft",
            Publication::Entry => "entry",
        }
    }

    /// Returns the word for several.
    pub fn plural(self) -> &'static str {
        match self {
            Publication::Ad => "ads",
            Publication::Post => "posts",
            Publication::Draft => "drafts",
            Publication::Entry => "entries",
        }
    }

    /// Returns whether it is created from a video that is ready, and is not the upload itself.
    pub fn follows_video(self) -> bool {
        matches!(self, Publication::Ad | Publication::Entry)
    }
}

/// One ad of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AdDelivery {
    /// Row in the manifest, from 1.
    pub row: u64,
    /// The state of the ad.
    pub state: DeliveryState,
    /// The ad id on the platform.
    pub ad_id: Option<String>,
    /// The reason for that state, if it needs one.
    pub reason: Option<String>,
    /// What a person must settle.
    pub problem: Option<RowProblem>,
    /// Whether it was not reached because of its video, whose reason is its reason.
    #[serde(skip)]
    pub awaits_video: bool,
}

/// What a person must settle about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowProblem {
    /// The row changed since its ad or post was published, which stays as it is.
    RowChanged,
    /// The ad was published with another video.
    VideoReplaced,
    /// The landing page does not answer.
    LandingPage,
    /// The cover changed after it was checked.
    CoverChanged,
}
