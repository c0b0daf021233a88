//! The report as a document: the JSON contract, field by field.
//!
//! These types mirror the model, so that a change of the model cannot change the JSON by accident.
//! Unknown facts are `null`; `fix` and `delivery` are omitted by commands that do neither.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entry::{FileEntry, Publication};
use super::summary::{DoneCount, Summary};
use crate::job::MediaPictures;
use crate::rules::{RuleId, Selection};

/// The name and version of the document's schema.
pub const SCHEMA: &str = "greenlit.report/1";

/// The report of one run: the document of `--format json`.
///
/// Unknown facts are null, never zero. Times are in seconds, bit rates in bits per second, sizes in bytes. Readers must
/// tolerate fields that they do not know: later versions may add some, but remove none.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[cfg_attr(all(test, feature = "report"), schemars(title = "greenlit report", extend("$id" = "urn:greenlit:schema:report:1")))]
pub struct Report {
    /// The name and version of the schema.
    #[cfg_attr(all(test, feature = "report"), schemars(extend("const" = SCHEMA)))]
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
    /// Outputs of earlier fixes whose source in the given folders was deleted or renamed; only `fix` lists them.
    pub stale: Vec<StaleEntry>,
    /// Why the run was cut off before everything was done, for example by a revoked token; `None` if it was not. See
    /// also `interrupted`.
    pub stopped: Option<String>,
    /// What the run creates from videos.
    #[serde(skip)]
    pub publication: Publication,
    /// The profiles as the command line names them, which the advice repeats.
    #[serde(skip)]
    pub named_profiles: Vec<String>,
    /// Pictures for the HTML report, by the path of a source or an output.
    #[serde(skip)]
    pub pictures: BTreeMap<String, MediaPictures>,
    /// The paths as the command line names them, which the advice repeats.
    #[serde(skip)]
    pub named_paths: Vec<String>,
    /// The rules that were checked.
    #[serde(skip)]
    pub selection: Selection,
    /// How the command takes consents, for the advice.
    #[serde(skip)]
    pub consents: ConsentForm,
}

/// How a command takes the consents to changes of the content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsentForm {
    /// As options.
    #[default]
    Options,
    /// As keys of the configuration.
    Keys,
}

/// An output of an earlier fix whose source was deleted or renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
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
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct OldLimit {
    /// The profile.
    pub profile: String,
    /// The rule.
    pub rule: RuleId,
    /// The day the limit was last compared with its source, `YYYY-MM-DD`.
    #[cfg_attr(all(test, feature = "report"), schemars(regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")))]
    pub checked_on: String,
    /// Whole days since then.
    pub age_days: u32,
}

/// The program and its media library.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct Tool {
    /// The name of the program.
    #[cfg_attr(all(test, feature = "report"), schemars(extend("const" = "greenlit")))]
    pub name: &'static str,
    /// The version of greenlit.
    pub version: &'static str,
    /// The version of the FFmpeg libraries; `None` if the run did not use them.
    pub ffmpeg: Option<String>,
    /// The sandboxing of the media workers; `None` if the run read no media.
    pub isolation: Option<Vec<String>>,
    /// The barriers that the system or an option refused, as `name: reason`; `None` if the run read no media.
    pub isolation_refused: Option<Vec<String>>,
    /// The version (ABI) of the kernel's Landlock that is in force; `None` if it is not.
    #[cfg_attr(all(test, feature = "report"), schemars(range(min = 1)))]
    pub landlock_abi: Option<u32>,
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
            let by_worker = files.iter_mut().filter(|entry| !entry.needed_no_worker());
            by_worker.for_each(|entry| entry.isolation_refused.clone_from(refused));
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
            pictures: BTreeMap::new(),
            named_paths: Vec::new(),
            selection: Selection::default(),
            consents: ConsentForm::Options,
        }
    }

    /// Returns the report of a run whose consents are keys of the configuration.
    #[must_use]
    pub fn with_consent_keys(mut self) -> Report {
        self.consents = ConsentForm::Keys;
        self
    }

    /// Returns the report of a run that checked only some rules.
    #[must_use]
    pub fn with_selection(mut self, selection: Selection) -> Report {
        self.selection = selection;
        self
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

    /// Returns the report with the profiles and paths as the command line names them.
    #[must_use]
    pub fn with_named(mut self, profiles: Vec<String>, paths: Vec<String>) -> Report {
        (self.named_profiles, self.named_paths) = (profiles, paths);
        self
    }

    /// Returns the report with pictures, by the path of a source or an output.
    #[must_use]
    pub fn with_pictures(mut self, pictures: BTreeMap<String, MediaPictures>) -> Report {
        self.pictures = pictures;
        self
    }

    /// Returns the report with limits that have not been compared with their source recently.
    #[must_use]
    pub fn with_old_limits(mut self, old_limits: Vec<OldLimit>) -> Report {
        self.old_limits = old_limits;
        self
    }
}
