//! Copies the bytes unchanged, under another name if the name is not allowed.

use crate::model::Container;
use crate::profile::{RuleId, Severity};
use crate::rules::{Remedy, about_audio_track};

use super::input::{PlanInput, is_about_the_name};
use super::options::CopyFailureCause;
use super::outcome::{FixPlan, FixStep};
use super::refusal::{Refusal, Refused};
use super::remaining::{Changes, remaining};

/// Plans a plain copy of a file that complies, after a remux for its warnings failed verification: a warning alone
/// never costs a generation of quality.
pub(super) fn after_failed_copy(input: &PlanInput<'_>) -> Result<Option<FixPlan>, Refused> {
    let Some(failure) = &input.options.copy_failed else { return Ok(None) };
    if failure.cause != CopyFailureCause::NewContainer {
        return Ok(None);
    }
    if input.options.encode_mode.encodes_everything() || input.findings(Severity::Error).next().is_some() {
        return Ok(None);
    }
    let mut planned = plan(input)?;
    if let Some(plan) = &mut planned {
        let text =
            format!("copied unchanged: a new container would change what is played ({})", failure.reason);
        plan.reason = Some(text);
    }
    Ok(planned)
}

/// Plans a plain copy. Returns `None` if a copy does not clear the findings.
pub(super) fn plan(input: &PlanInput<'_>) -> Result<Option<FixPlan>, Refused> {
    if input.findings(Severity::Error).any(|finding| !is_about_the_name(finding)) {
        let unsolved = input.findings(Severity::Error).find(|finding| !is_about_the_name(finding));
        let refuse = unsolved.filter(|finding| matches!(finding.remedy, Remedy::Refuse | Remedy::None));
        return match refuse {
            Some(finding) if about_audio_track(finding.rule) => Ok(None),
            Some(finding) => {
                Err(Refusal::NoRemedy.because(format!("{}: greenlit cannot fix this", finding.message)))
            }
            None => Ok(None),
        };
    }
    if let Some(rule) = input.assessment.unknown().first() {
        let reason = format!("rule `{rule}` cannot be checked: too little is known about the file");
        return Err(Refusal::Undecided.because(reason));
    }
    let mut plan = FixPlan::copy();
    let wrong_extension =
        input.findings(Severity::Warning).filter(|finding| finding.rule == RuleId::Extension).count() > 0;
    if wrong_extension {
        let limits = input.profile.rules().extension.as_ref();
        let allowed = limits.map(|limits| limits.values.allow.as_slice()).unwrap_or_default();
        let natural = input.facts.container.as_ref().map_or(&[][..], Container::extensions);
        let Some(right) = natural.iter().find(|ext| allowed.is_empty() || allowed.iter().any(|a| a == *ext))
        else {
            return Ok(None);
        };
        plan.output_extension = Some((*right).to_owned());
        plan.steps.push(FixStep::lossless(format!(
            "file name extension changed to .{right} to match the container"
        )));
    }
    plan.max_name_chars = input.name_limit();
    if input.has(RuleId::FileName, Severity::Error) {
        plan.steps.push(FixStep::lossless("file name shortened"));
    }
    let left = remaining(input, Changes::default());
    plan.reason = plan.steps.first().map(|step| step.text.clone()).or_else(|| {
        // Further warnings are steps of their own.
        left.first().map(|first| format!("copied unchanged: {first}"))
    });
    plan.steps.extend(left.into_iter().map(FixStep::lossless));
    Ok(Some(plan))
}
