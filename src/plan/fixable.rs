//! Refuses files that cannot be fixed, before anything is planned.

use crate::model::{Completeness, VideoStream};
use crate::profile::{RuleId, Severity};
use crate::rules::{Finding, Remedy};

use super::damage;
use super::decodable_start;
use super::input::PlanInput;
use super::refusal::{Refusal, Refused};

/// Returns the video stream of a fixable file.
pub(super) fn video<'a>(input: &PlanInput<'a>) -> Result<&'a VideoStream, Refused> {
    if let Some(encrypted) = input.facts.encryption() {
        return Err(Refusal::Encrypted.because(encrypted.to_string()));
    }
    if let Completeness::Missing { .. } = input.facts.completeness {
        let finding = input.findings(Severity::Error).find(|finding| finding.rule == RuleId::Integrity);
        let message = finding.map_or("data is missing".to_owned(), |finding| finding.message.clone());
        return Err(Refusal::MissingData.because(format!("{message}: export or copy the original again")));
    }
    let video = input.facts.main_video().ok_or_else(|| {
        Refusal::NoVideo.because(match input.facts.video.is_empty() {
            true => "the file has no video stream, so there is nothing to fix",
            false => "the video track has no samples, so there is nothing to fix",
        })
    })?;
    if let Some(still) = input.facts.still_image() {
        let reason =
            format!("the file is a still image ({}): greenlit makes no video from an image", still.format);
        return Err(Refusal::StillImage.because(reason));
    }
    if !video.decodable {
        let codec = video.codec_or_tag().unwrap_or("unknown");
        let reason = format!("no decoder is available for the video ({codec}): export it with another codec");
        return Err(Refusal::NoDecoder.because(reason));
    }
    if video.coded_size().is_none() {
        return Err(Refusal::UnknownSize
            .because("the width and height of the video cannot be read: the file is damaged or only part of a video; export it again"));
    }
    let no_base = video.hdr.and_then(|hdr| hdr.dolby_vision).is_some_and(|vision| vision.compatibility == 0);
    if no_base {
        return Err(Refusal::NoBaseLayer.because(
            "the Dolby Vision video has no compatible base layer, so its colours cannot be decoded correctly: \
             export it as HDR10, HLG or SDR",
        ));
    }
    decodable_start::check(input, video)?;
    damage::check(input)?;
    let refuses = |finding: &&Finding| finding.rule == RuleId::Integrity && finding.remedy == Remedy::Refuse;
    if let Some(finding) = input.findings(Severity::Error).find(refuses) {
        return Err(Refusal::NoRemedy.because(finding.message.clone()));
    }
    Ok(video)
}

/// Refuses a video whose edit list changes the speed, which neither a copy nor a decoder applies.
pub(super) fn check_speed(input: &PlanInput<'_>, video: &VideoStream) -> Result<(), Refused> {
    let audio = input.facts.main_audio().and_then(|audio| audio.edit_list.as_ref());
    let lists = [("video", video.edit_list.as_ref()), ("audio", audio)];
    for (kind, list) in lists {
        if let Some(list) = list.filter(|list| list.changes_speed) {
            return Err(Refusal::NoRemedy.because(format!(
                "an edit list of the {kind} changes its speed ({}), and greenlit cannot apply that: export the video \
                 again with the speed it should have",
                list.reason
            )));
        }
    }
    Ok(())
}
