//! Pictures are copied or refused: how a picture shall look in another size or kind is for a person.

use crate::profile::Severity;

use super::input::PlanInput;
use super::outcome::FixPlan;
use super::refusal::{Refusal, Refused};

/// Plans a still picture that is meant as one.
pub(super) fn plan(case: &PlanInput<'_>) -> Result<FixPlan, Refused> {
    if let Some(finding) = case.findings(Severity::Error).find(|finding| finding.rule != "file-name") {
        let reason = format!("{}: export the picture again", finding.message);
        return Err(Refusal::StillPicture.because(reason));
    }
    if let Some(rule) = case.assessment.unknown().first() {
        let reason = format!("too little is known about the picture: rule `{rule}` cannot be decided");
        return Err(Refusal::Undecided.because(reason));
    }
    Ok(FixPlan { max_name_chars: case.name_limit(), ..FixPlan::copy() })
}
