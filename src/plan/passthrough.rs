//! The bytes as they are, under another name where the name is at fault.

use crate::profile::Severity;
use crate::rules::{Remedy, format};

use super::input::{PlanInput, is_about_the_name};
use super::outcome::{FixPlan, Step};
use super::refusal::{Refusal, Refused};

/// Plans a plain copy; `None` where a copy does not clear what is wrong.
pub(super) fn plan(case: &PlanInput<'_>) -> Result<Option<FixPlan>, Refused> {
    if case.findings(Severity::Error).any(|finding| !is_about_the_name(finding)) {
        let unsolved = case.findings(Severity::Error).find(|finding| !is_about_the_name(finding));
        let refuse = unsolved.filter(|finding| matches!(finding.remedy, Remedy::Refuse | Remedy::None));
        return match refuse {
            Some(finding) if finding.rule.starts_with("audio") => Ok(None),
            Some(finding) => {
                Err(Refusal::NoRemedy.because(format!("{}: nothing here can mend that", finding.message)))
            }
            None => Ok(None),
        };
    }
    if let Some(rule) = case.assessment.unknown().first() {
        let reason = format!("too little is known about the file: rule `{rule}` cannot be decided");
        return Err(Refusal::Undecided.because(reason));
    }
    let mut plan = FixPlan::copy();
    let named = case.findings(Severity::Warning).filter(|finding| finding.rule == "extension").count() > 0;
    if named {
        let container = case.facts.container.as_deref().unwrap_or_default();
        let allowed =
            case.profile.limits("extension").map(|limits| limits.words("allow")).unwrap_or_default();
        let natural = format::extensions_of(container);
        let Some(right) = natural.iter().find(|ext| allowed.is_empty() || allowed.iter().any(|a| a == *ext))
        else {
            return Ok(None);
        };
        plan.output_extension = Some((*right).to_owned());
        plan.steps.push(Step::lossless(format!("named .{right}, which is what the file is")));
    }
    plan.max_name_chars = case.name_limit();
    if case.has("file-name", Severity::Error) {
        plan.steps.push(Step::lossless("given a shorter name"));
    }
    plan.reason = plan.steps.first().map(|step| step.text.clone()).or_else(|| why_left_alone(case));
    Ok(Some(plan))
}

/// Why a video with complaints stays as it is.
fn why_left_alone(case: &PlanInput<'_>) -> Option<String> {
    let finding = case.findings(Severity::Warning).find(|finding| finding.remedy != Remedy::None)?;
    let cost = if matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter) {
        "clearing that here means encoding again"
    } else {
        "clearing that costs quality"
    };
    Some(format!("left as it is: {}, but the platform accepts it and {cost}", finding.message))
}
