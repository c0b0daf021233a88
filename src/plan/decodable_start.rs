//! Decides where a video begins whose first frames cannot be decoded.

use crate::model::VideoStream;
use crate::rules::value_text;

use super::input::PlanInput;
use super::outcome::FixStep;
use super::refusal::{Refusal, Refused};

/// Refuses a video whose first frames cannot be decoded, unless the user allows to leave them out.
pub(super) fn check(input: &PlanInput<'_>, video: &VideoStream) -> Result<(), Refused> {
    let Some(frames) = video.undecodable_frames.filter(|frames| *frames > 0) else { return Ok(()) };
    match video.first_decodable_s {
        None => {
            let message = value_text::no_key_frame(frames);
            Err(Refusal::MissingData.because(format!("{message}: export or copy the original again")))
        }
        Some(at) if !input.options.from_key_frame => {
            let message = value_text::lost_start(frames, at - input.facts.main_start_s());
            Err(Refusal::NeedsFromKeyFrame.because(format!(
                "{message}: export or copy the original again, or --from-key-frame starts the video there"
            )))
        }
        Some(_) => Ok(()),
    }
}

/// Returns the step that tells what is left out.
pub(super) fn step(input: &PlanInput<'_>) -> Option<FixStep> {
    input.begin_s()?;
    let frames = input.facts.main_video()?.undecodable_frames?;
    let audio = if input.facts.main_audio().is_some() { " and their audio" } else { "" };
    Some(FixStep::consented(format!(
        "starts at the first key frame with your consent: the first {}, with {frames} frames that cannot be \
         decoded{audio}, are left out",
        value_text::seconds(input.cut_s()),
    )))
}
