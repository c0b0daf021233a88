//! All rules over one file: the judgement.

use std::path::PathBuf;

use crate::model::{ContentHash, Size};
use crate::profile::{Limits, Profile, Severity, nearest};

use super::all::{ALL, image_aspect_ratio, image_format};
use super::finding::{Finding, Verdict};
use super::rule::{Rule, Scope, Subject, Verdicts};
use super::validated::ValidatedAsset;

/// Every rule there is.
pub fn registry() -> &'static [&'static dyn Rule] {
    ALL
}

/// The rule of that id.
pub fn find(id: &str) -> Option<&'static dyn Rule> {
    ALL.iter().copied().find(|rule| rule.id() == id)
}

/// Which rules count. By default all that the profile has limits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    select: Vec<String>,
    ignore: Vec<String>,
}

/// A selection that names a rule that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{id}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct SelectionError {
    /// As it was given.
    pub id: String,
    /// The nearest id there is.
    pub nearest: Option<String>,
}

impl Selection {
    /// Only the rules in `select`, or all when it is empty, without those in `ignore`.
    pub fn new(select: Vec<String>, ignore: Vec<String>) -> Result<Selection, SelectionError> {
        for id in select.iter().chain(&ignore) {
            if find(id).is_none() {
                let nearest = nearest(id, ALL.iter().map(|rule| rule.id()));
                return Err(SelectionError { id: id.clone(), nearest: nearest.map(str::to_owned) });
            }
        }
        Ok(Selection { select, ignore })
    }

    /// Only `rule`, and only where this selection takes it.
    #[must_use]
    pub fn narrowed_to(&self, rule: &str) -> Selection {
        let ignore = if self.takes(rule) { Vec::new() } else { vec![rule.to_owned()] };
        Selection { select: vec![rule.to_owned()], ignore }
    }

    fn takes(&self, id: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|other| other == id);
        (self.select.is_empty() || named(&self.select)) && !named(&self.ignore)
    }

    fn is_everything(&self) -> bool {
        self.select.is_empty() && self.ignore.is_empty()
    }
}

/// The judgement over one file under one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    verdict: Verdict,
    findings: Vec<Finding>,
    unknown: Vec<&'static str>,
    whole: bool,
    is_picture: bool,
    profile_id: String,
    profile_hash: String,
    display_size: Option<Size>,
    duration_s: Option<f64>,
}

/// The rules of one profile that one selection takes, looked up once for any number of files.
#[derive(Clone)]
pub struct RuleSet<'a> {
    profile: &'a Profile,
    rules: Vec<(&'static dyn Rule, &'a Limits)>,
    whole: bool,
}

impl std::fmt::Debug for RuleSet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rules: Vec<&str> = self.rules.iter().map(|(rule, _)| rule.id()).collect();
        f.debug_struct("RuleSet").field("profile", &self.profile.id()).field("rules", &rules).finish()
    }
}

impl<'a> RuleSet<'a> {
    /// A judge by every rule of `profile` that `selection` takes.
    pub fn new(profile: &'a Profile, selection: &Selection) -> RuleSet<'a> {
        let taken = ALL.iter().copied().filter(|rule| selection.takes(rule.id()));
        let rules = taken.filter_map(|rule| Some((rule, profile.limits(rule.id())?))).collect();
        RuleSet { profile, rules, whole: selection.is_everything() }
    }

    /// The same, by one rule only.
    #[must_use]
    pub fn narrowed_to(&self, rule: &str) -> RuleSet<'a> {
        let rules = self.rules.iter().copied().filter(|(known, _)| known.id() == rule).collect();
        RuleSet { profile: self.profile, rules, whole: false }
    }

    /// The judgement over `subject`.
    pub fn assess(&self, subject: &Subject<'_>) -> Assessment {
        self.judge(subject, None)
    }

    fn judge(&self, subject: &Subject<'_>, video: Option<Size>) -> Assessment {
        let mut findings = Vec::new();
        let mut unknown = Vec::new();
        let pictures = self.profile.limits(image_format::ImageFormat.id());
        let still = subject.facts.still().filter(|_| pictures.is_some());
        for (rule, limits) in &self.rules {
            let counts = match rule.judges() {
                Scope::Video => still.is_none(),
                Scope::Picture => still.is_some(),
                Scope::File => true,
                Scope::Ad => false,
            };
            if !counts {
                continue;
            }
            let mut verdicts = Verdicts::new(rule.id(), self.profile.platform(), limits);
            rule.check(subject, limits, &mut verdicts);
            if let (Some(still), Some(video)) = (&still, video)
                && rule.id() == image_aspect_ratio::ImageAspectRatio.id()
            {
                image_aspect_ratio::as_cover(still, video, limits, &mut verdicts);
            }
            if verdicts.undecided && limits.severity == Severity::Error {
                unknown.push(rule.id());
            }
            findings.append(&mut verdicts.findings);
        }
        // Stable: findings of equal weight stay in the order of the registry.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let refused = findings.iter().any(|finding| finding.severity == Severity::Error);
        let verdict = match (refused, unknown.is_empty()) {
            (true, _) => Verdict::Noncompliant,
            (false, false) => Verdict::Indeterminate,
            (false, true) => Verdict::Compliant,
        };
        Assessment {
            verdict,
            findings,
            unknown,
            whole: self.whole,
            is_picture: still.is_some(),
            profile_id: self.profile.id().to_owned(),
            profile_hash: self.profile.hash(),
            display_size: subject.video().and_then(|video| video.display_size()),
            duration_s: subject.facts.effective_duration_s(),
        }
    }
}

/// Judges `subject` by every rule of `profile` that `selection` takes.
///
/// A still picture is judged by the rules for pictures where the profile has limits for them;
/// elsewhere it is a video that does not move, and refused as one.
pub fn assess(subject: &Subject<'_>, profile: &Profile, selection: &Selection) -> Assessment {
    RuleSet::new(profile, selection).assess(subject)
}

/// Judges a picture as the cover of a video that is shown at `video`: by the rules for pictures, and
/// its aspect ratio against the video's.
pub fn assess_cover(picture: &Subject<'_>, video: Size, profile: &Profile) -> Assessment {
    RuleSet::new(profile, &Selection::default()).judge(picture, Some(video))
}

impl Assessment {
    /// The judgement.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What the rules say, worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The same, of a judgement that is over.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Rules at the level of errors that could not be decided because a fact is unknown.
    pub fn unknown(&self) -> &[&'static str] {
        &self.unknown
    }

    /// Whether the file was judged as a still picture.
    pub fn is_picture(&self) -> bool {
        self.is_picture
    }

    /// Whether a rule found anything of at least this severity.
    pub fn has(&self, rule: &str, severity: Severity) -> bool {
        self.findings.iter().any(|finding| finding.rule == rule && finding.severity >= severity)
    }

    /// The proof token for the assessed bytes, which lie at `path` and hash to `content`; `None`
    /// unless the file complies with every rule of the profile, none left out. A still picture
    /// never gets one: what takes the token sends videos.
    pub fn validate(&self, path: PathBuf, content: ContentHash) -> Option<ValidatedAsset> {
        (self.verdict == Verdict::Compliant && self.whole && !self.is_picture).then(|| {
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
}
