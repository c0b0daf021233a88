//! Copies or refuses still images: resizing or converting an image is the user's decision.

use crate::profile::{RuleId, Severity};

use super::input::PlanInput;
use super::outcome::FixPlan;
use super::refusal::{Refusal, Refused};

/// Plans the copy of an intended still image.
pub(super) fn plan(input: &PlanInput<'_>) -> Result<FixPlan, Refused> {
    if let Some(finding) = input.findings(Severity::Error).find(|finding| finding.rule != RuleId::FileName) {
        let reason = format!("{}: export the image again", finding.message);
        return Err(Refusal::StillImage.because(reason));
    }
    if let Some(rule) = input.assessment.unknown().first() {
        let reason = format!("rule `{rule}` cannot be checked: too little is known about the image");
        return Err(Refusal::Undecided.because(reason));
    }
    Ok(FixPlan { max_name_chars: input.name_limit(), ..FixPlan::copy() })
}
