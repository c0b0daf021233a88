//! Assesses a file by all rules of a profile.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{ContentHash, Size};
use crate::profile::{Profile, RuleId, Severity, Terms, nearest};

use super::acceptance::Acceptance;
use super::all::{ALL, image_aspect_ratio};
use super::finding::{Finding, Verdict};
use super::rule::{FindingCollector, Rule, Scope, Subject};
use super::rule_groups::about_audio_content;
use super::validated_asset::ValidatedAsset;
use super::validated_cover::{CoverImage, ValidatedCover};

/// Returns all rules.
pub fn registry() -> &'static [Rule] {
    ALL
}

/// Returns the rule with that id.
pub fn find(id: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id().as_str() == id)
}

/// Which rules apply; by default all that the profile has limits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    select: Vec<RuleId>,
    ignore: Vec<RuleId>,
}

/// A selection names an unknown rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown rule `{id}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct SelectionError {
    /// The id as given.
    pub id: String,
    /// The most similar known id.
    pub nearest: Option<String>,
}

impl Selection {
    /// Selects the rules in `select`, or all if it is empty, without those in `ignore`.
    ///
    /// # Errors
    ///
    /// If an id is unknown.
    pub fn new(select: &[String], ignore: &[String]) -> Result<Selection, SelectionError> {
        let known = |id: &String| {
            RuleId::from_name(id).ok_or_else(|| {
                let nearest = nearest(id, RuleId::names()).map(str::to_owned);
                SelectionError { id: id.clone(), nearest }
            })
        };
        let all = |ids: &[String]| ids.iter().map(known).collect::<Result<Vec<RuleId>, _>>();
        Ok(Selection { select: all(select)?, ignore: all(ignore)? })
    }

    /// Returns a selection of `rule` alone, or of no rule if this selection excludes it.
    #[must_use]
    pub fn narrowed_to(&self, rule: RuleId) -> Selection {
        let ignore = if self.includes(rule) { Vec::new() } else { vec![rule] };
        Selection { select: vec![rule], ignore }
    }

    /// Returns the rules that alone apply; empty if all do.
    pub fn select(&self) -> &[RuleId] {
        &self.select
    }

    /// Returns the rules that do not apply.
    pub fn ignore(&self) -> &[RuleId] {
        &self.ignore
    }

    fn includes(&self, rule: RuleId) -> bool {
        (self.select.is_empty() || self.select.contains(&rule)) && !self.ignore.contains(&rule)
    }

    fn includes_all(&self) -> bool {
        self.select.is_empty() && self.ignore.is_empty()
    }
}

/// The result of assessing one file under one profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    verdict: Verdict,
    findings: Vec<Finding>,
    unknown: Vec<RuleId>,
    complete: bool,
    is_image: bool,
    profile_id: String,
    profile_hash: String,
    display_size: Option<Size>,
    duration_s: Option<f64>,
}

/// The rules of a profile that a selection includes, looked up once for any number of files.
#[derive(Clone)]
pub struct RuleSet<'a> {
    profile: &'a Profile,
    rules: Vec<(&'static Rule, &'a Terms)>,
    /// Whether no rule of the profile is left out.
    complete: bool,
}

impl std::fmt::Debug for RuleSet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rules: Vec<RuleId> = self.rules.iter().map(|(rule, _)| rule.id()).collect();
        f.debug_struct("RuleSet").field("profile", &self.profile.id()).field("rules", &rules).finish()
    }
}

impl<'a> RuleSet<'a> {
    /// Collects the rules of `profile` that `selection` includes.
    pub fn new(profile: &'a Profile, selection: &Selection) -> RuleSet<'a> {
        let included = ALL.iter().filter(|rule| selection.includes(rule.id()));
        let rules =
            included.filter_map(|rule| Some((rule, profile.rules().get(rule.id())?.terms()))).collect();
        RuleSet { profile, rules, complete: selection.includes_all() }
    }

    /// Returns the set with one rule only.
    #[must_use]
    pub fn narrowed_to(&self, rule: RuleId) -> RuleSet<'a> {
        let rules = self.rules.iter().copied().filter(|(known, _)| known.id() == rule).collect();
        RuleSet { profile: self.profile, rules, complete: false }
    }

    /// Assesses `subject`.
    pub fn assess(&self, subject: &Subject<'_>) -> Assessment {
        self.assess_as(subject, None)
    }

    /// Assesses `subject`, as the cover of a video with the display size `cover_of` if given.
    fn assess_as(&self, subject: &Subject<'_>, cover_of: Option<Size>) -> Assessment {
        let mut findings = Vec::new();
        let mut unknown = Vec::new();
        let has_image_rules = self.profile.rules().image_format.is_some();
        let image = subject.facts.still_image().filter(|_| has_image_rules);
        for (rule, terms) in &self.rules {
            let applies = match rule.scope() {
                Scope::Video => image.is_none(),
                Scope::Image => image.is_some(),
                Scope::File => true,
                Scope::Ad => false,
            };
            if !applies {
                continue;
            }
            let mut collector = FindingCollector::new(rule.id(), self.profile.platform(), terms);
            (rule.check)(subject, self.profile.rules(), &mut collector);
            if let (Some(image), Some(video)) = (&image, cover_of)
                && rule.id() == RuleId::ImageAspectRatio
                && let Some(limits) = &self.profile.rules().image_aspect_ratio
            {
                image_aspect_ratio::check_cover(image, video, &limits.values, &mut collector);
            }
            if collector.undecided && terms.severity == Severity::Error {
                unknown.push(rule.id());
            }
            findings.append(&mut collector.findings);
        }
        // A stable sort keeps findings of equal severity in the order of the registry.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let has_errors = findings.iter().any(|finding| finding.severity == Severity::Error);
        let verdict = match (has_errors, unknown.is_empty()) {
            (true, _) => Verdict::Noncompliant,
            (false, false) => Verdict::Indeterminate,
            (false, true) => Verdict::Compliant,
        };
        Assessment {
            verdict,
            findings,
            unknown,
            complete: self.complete,
            is_image: image.is_some(),
            profile_id: self.profile.id().to_owned(),
            profile_hash: self.profile.hash(),
            display_size: subject.video().and_then(|video| video.display_size()),
            duration_s: subject.facts.effective_duration_s(),
        }
    }
}

/// Assesses `subject` by every rule of `profile` that `selection` includes; the default selection includes all.
///
/// The rules for images apply to a still image if the profile has limits for them. Otherwise the
/// image counts as a video without motion, which `video-stream` refuses.
pub fn assess(subject: &Subject<'_>, profile: &Profile, selection: &Selection) -> Assessment {
    RuleSet::new(profile, selection).assess(subject)
}

/// Assesses an image as the cover of a video with the display size `video`: by the rules for images,
/// and its aspect ratio against the video's.
pub fn assess_cover(image: &Subject<'_>, video: Size, profile: &Profile) -> Assessment {
    RuleSet::new(profile, &Selection::default()).assess_as(image, Some(video))
}

impl Assessment {
    /// Returns the verdict.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Returns the findings, most severe first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the findings, most severe first, without cloning them.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Returns the error-level rules that could not be decided because a fact is unknown.
    pub fn unknown(&self) -> &[RuleId] {
        &self.unknown
    }

    /// Returns the assessment with the findings about the audio's content taken from `other`, an assessment of the
    /// same file with another audio track.
    #[must_use]
    pub fn with_audio_findings_of(&self, other: &Assessment) -> Assessment {
        let about_audio = |finding: &&Finding| about_audio_content(finding.rule);
        let kept = self.findings.iter().filter(|finding| !about_audio(finding));
        let mut findings: Vec<Finding> =
            kept.chain(other.findings.iter().filter(about_audio)).cloned().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Assessment { findings, ..self.clone() }
    }

    /// Marks the findings that do not count, each with the reason that `accept` gives. The verdict stays.
    pub fn accept(&mut self, accept: &dyn Fn(&Finding) -> Option<Acceptance>) {
        for finding in &mut self.findings {
            finding.accepted = accept(finding);
        }
    }

    /// Returns whether the file breaks a rule, and no error counts.
    pub fn is_accepted(&self) -> bool {
        self.verdict == Verdict::Noncompliant && !self.findings.iter().any(Finding::is_open_error)
    }

    /// Returns whether the file was assessed as a still image.
    pub fn is_image(&self) -> bool {
        self.is_image
    }

    /// Returns whether `rule` has a finding of at least this severity.
    pub fn has(&self, rule: RuleId, severity: Severity) -> bool {
        self.findings.iter().any(|finding| finding.rule == rule && finding.severity >= severity)
    }

    /// Returns the proof of validation for the assessed bytes at `path` with the hash `content`.
    ///
    /// Returns `None` unless the file complies with every rule of the profile, none left out. A still
    /// image never gets one, because code that takes it sends videos.
    pub fn validate(&self, path: PathBuf, content: ContentHash) -> Option<ValidatedAsset> {
        (self.verdict == Verdict::Compliant && self.complete && !self.is_image).then(|| {
            ValidatedAsset::new(
                path,
                content,
                self.profile_id.clone(),
                self.profile_hash.clone(),
                self.display_size,
                self.duration_s,
            )
        })
    }

    /// Returns the proof that the assessed image may be sent as a cover.
    ///
    /// Returns `None` unless it is a still image that complies with every rule of the profile, none left out.
    pub fn validate_cover(&self, image: CoverImage) -> Option<ValidatedCover> {
        (self.verdict == Verdict::Compliant && self.complete && self.is_image)
            .then(|| ValidatedCover::new(image))
    }
}
