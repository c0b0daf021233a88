//! One file in the report: its facts, findings, fix and delivery.

use serde::{Deserialize, Serialize};

use super::delivery_state::DeliveryState;
use super::escape::{uri_path, uri_path_encoded};
use super::fix::Fix;
use super::forecast::FixForecast;
use super::loudness::Loudness;
use super::media::Media;
use crate::ending::Ending;
use crate::model::ProbedBy;
use crate::rules::{Finding, RuleId, Verdict};

/// One file under one profile; also one line of the format `ndjson`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema), schemars(rename = "file"))]
pub struct FileEntry {
    /// The path as given, joined with `/`; lossy when the name is not UTF-8.
    pub path: String,
    /// The exact bytes of a name that is not UTF-8, percent-encoded.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "String", regex(pattern = "^[!-~]+$")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_raw: Option<String>,
    /// The profile.
    pub profile: String,
    /// How the file ended, apart from its delivery.
    #[serde(skip)]
    pub ending: Ending,
    /// The verdict on the source.
    pub verdict: Verdict,
    /// What `greenlit fix` would do or did plan, for the advice; `None` if it was not planned.
    #[serde(skip)]
    pub forecast: Option<FixForecast>,
    /// Why there is no verdict, for `unreadable`, `skipped` and operational failures.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "String"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The media facts; `None` if the file could not be read.
    pub media: Option<Media>,
    /// The findings of the rules, worst first.
    pub findings: Vec<Finding>,
    /// Rules that could not be decided because a fact is unknown.
    #[cfg_attr(all(test, feature = "report"), schemars(length(min = 1)))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<RuleId>,
    /// Why `--deep` did not decode the file: its header already refuses it. Absent if it was decoded, or if
    /// that was not asked for.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "String"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_decoded: Option<String>,
    /// The loudness of the audio. Absent if the file was not decoded, or has no audio but silence.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "Loudness"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness: Option<Loudness>,
    /// The result of the fix; absent for commands that fix nothing.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "Fix"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// Why the output must be made again; only `build --check` lists such entries.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "Outdated"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outdated: Option<Outdated>,
    /// The state of the upload and of the ads; absent for commands that deliver nothing.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "Delivery"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// What of the isolation of the media workers the system or an option refused, as `name: reason`, for readers of
    /// single entries; absent if nothing is missing.
    #[cfg_attr(all(test, feature = "report"), schemars(length(min = 1)))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub isolation_refused: Vec<String>,
    /// Whether only the counts of the human-readable report include it, because nothing was done.
    #[serde(skip)]
    pub only_counted: bool,
}

/// Why an output must be made, or made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outdated {
    /// The source was not built before.
    NewSource,
    /// The bytes of the source changed, or how the configuration names it.
    SourceChanged,
    /// The profile changed.
    ProfileChanged,
    /// The options, the version of greenlit or the number of cores changed.
    OptionsChanged,
    /// The media worker or its libraries changed.
    LibrariesChanged,
    /// Another source that could claim the name of the output appeared or disappeared.
    NamesChanged,
    /// The output does not exist.
    OutputMissing,
    /// The output was changed.
    OutputChanged,
}

impl FileEntry {
    /// Returns whether no media worker read the file: its headers say all, and nothing was made of it.
    pub fn needed_no_worker(&self) -> bool {
        let by_headers = |media: &Media| media.0.probed_by == ProbedBy::Headers;
        self.fix.is_none() && self.media.as_ref().is_some_and(by_headers)
    }

    /// Returns the path percent-encoded as the path of a URI; a relative path stays relative.
    pub(super) fn uri_path(&self) -> String {
        match &self.path_raw {
            Some(raw) => uri_path_encoded(raw),
            None => uri_path(&self.path),
        }
    }
}

/// The state of the upload and of the ads of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct Delivery {
    /// The state of the asset.
    pub state: DeliveryState,
    /// The video id on the platform.
    pub video_id: Option<String>,
    /// Number of uploads of this asset so far.
    pub attempts: u32,
    /// The reason for that state, if it needs one.
    pub reason: Option<String>,
    /// The ads that use the video, or its post, draft or entry.
    pub ads: Vec<AdDelivery>,
    /// What the items of `ads` are.
    pub publication: Publication,
    /// Whether the run was cut off before it was done, which is the reason.
    #[serde(skip)]
    pub stopped: bool,
}

/// What is created from a video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct AdDelivery {
    /// Row in the manifest, from 1.
    #[cfg_attr(all(test, feature = "report"), schemars(range(min = 1)))]
    pub row: u64,
    /// Line of the manifest on which the row begins, from 1, as a spreadsheet or an editor numbers it.
    #[cfg_attr(all(test, feature = "report"), schemars(range(min = 1)))]
    pub line: Option<u64>,
    /// The state of the ad, post, draft or entry.
    pub state: DeliveryState,
    /// The id of the ad or post on the platform.
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
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
