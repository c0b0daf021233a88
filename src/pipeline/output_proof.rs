//! What is known about an output that has its final name: its verdict, and the findings that it still has.

use std::path::Path;

use crate::job::FixReport;
use crate::model::MediaFacts;
use crate::plan::{AudioPlan, FixPlan};
use crate::profile::{Profile, RuleId};
use crate::rules::{Finding, Selection, Severity, Subject, Verdict, assess, needs_decode};

use super::open_source::display_name;
use super::outcome::Proof;

/// Returns the proof of an output. Only compliant outputs get their final names; a plain copy complies if its new
/// name clears the errors of its source.
pub(super) fn proof(
    plan: &FixPlan,
    target: &Path,
    source_facts: Option<&MediaFacts>,
    profile: Option<&Profile>,
    source_findings: &[Finding],
    report: Option<FixReport>,
) -> Proof {
    let encoder = report.as_ref().and_then(|report| report.encoder);
    let (facts, mut verify) = report.map(|report| (report.facts, report.verify)).unzip();
    // Decoders do not get frames without data, so only the index of the source counts them.
    let empty = source_facts.filter(|_| plan.spec.as_deref().is_some_and(|spec| spec.conceal));
    if let (Some(empty), Some(verify)) = (empty.map(MediaFacts::empty_samples), &mut verify)
        && empty.error_count > 0
        && empty.error_count >= verify.source.error_count
    {
        verify.source = empty;
    }
    let mut remaining = match profile.zip(facts.as_ref().or(source_facts)) {
        Some((profile, facts)) => {
            let subject = Subject { facts, file_name: &display_name(target), deep: None };
            assess(&subject, profile, &Selection::default()).into_findings()
        }
        None => Vec::new(),
    };
    remaining.extend(source_findings.iter().filter(|finding| stays_unseen(plan, finding)).cloned());
    let known = |rule: RuleId| source_findings.iter().any(|finding| finding.rule == rule);
    let breaks = |finding: &Finding| finding.severity == Severity::Error && known(finding.rule);
    let is_copy = plan.spec.is_none();
    let verdict = match is_copy && remaining.iter().any(breaks) {
        true => Verdict::Noncompliant,
        false => Verdict::Compliant,
    };
    let mut rules: Vec<RuleId> = Vec::new();
    for finding in remaining {
        if !rules.contains(&finding.rule) {
            rules.push(finding.rule);
        }
    }
    Proof { verdict, verify, facts, encoder, remaining: rules }
}

/// Returns whether the output still has a finding that its facts cannot show, because only a full decode does.
fn stays_unseen(plan: &FixPlan, finding: &Finding) -> bool {
    let audio = plan.spec.as_deref().and_then(|spec| spec.audio.as_ref());
    let normalized = matches!(audio, Some(AudioPlan::Encode(encode)) if encode.loudness_lufs.is_some());
    needs_decode(finding.rule) && !(finding.rule == RuleId::Loudness && normalized)
}
