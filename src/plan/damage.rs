//! Decides what happens to a video of which a few frames are damaged.

use crate::profile::Severity;
use crate::rules::{Finding, Remedy};

use super::input::PlanInput;
use super::refusal::{Refusal, Refused};

/// Refuses a video with a few damaged frames, unless the user allows the decoder to conceal them.
pub(super) fn check(input: &PlanInput<'_>) -> Result<(), Refused> {
    match finding(input) {
        Some(finding) if !input.options.conceal => Err(Refusal::NeedsConceal.because(format!(
            "the source is damaged: {}: copy or export the original again, or allow the decoder to conceal the \
             damage with --conceal",
            finding.message
        ))),
        _ => Ok(()),
    }
}

/// Returns why the damage needs a new encode: a copy would keep it.
pub(super) fn reason_to_encode(input: &PlanInput<'_>) -> Option<String> {
    let finding = finding(input)?;
    Some(format!("damaged frames are concealed with your consent: {}", finding.message))
}

fn finding<'a>(input: &PlanInput<'a>) -> Option<&'a Finding> {
    input.findings(Severity::Error).find(|finding| finding.remedy == Remedy::Conceal)
}
