//! What nobody can mend: such files are refused before anything is planned.

use crate::model::{Completeness, VideoStream};
use crate::profile::Severity;

use super::input::PlanInput;
use super::refusal::{Refusal, Refused};

/// The picture of a file that is worth fixing.
pub(super) fn video<'a>(case: &PlanInput<'a>) -> Result<&'a VideoStream, Refused> {
    if let Completeness::Missing { .. } = case.facts.completeness {
        let finding = case.findings(Severity::Error).find(|finding| finding.rule == "integrity");
        let what = finding.map_or("data is missing".to_owned(), |finding| finding.message.clone());
        return Err(Refusal::MissingData.because(format!("{what}: export or copy the original again")));
    }
    let nothing = "the file has no moving picture: there is nothing to show";
    let video = case.facts.main_video().ok_or_else(|| Refusal::NoPicture.because(nothing))?;
    if let Some(still) = case.facts.still() {
        let reason = format!("the file is a still picture ({}): no video is made of it", still.format);
        return Err(Refusal::StillPicture.because(reason));
    }
    if !video.decodable {
        let codec = video.codec.as_deref().or(video.codec_tag.as_deref()).unwrap_or("unknown");
        let reason = format!("no decoder is known for the picture ({codec}): export it in another codec");
        return Err(Refusal::NoDecoder.because(reason));
    }
    if video.coded_size().is_none() {
        return Err(Refusal::UnknownSize
            .because("the size of the picture is not known: the file is damaged or only part of a video"));
    }
    let no_base = video.hdr.and_then(|hdr| hdr.dolby_vision).is_some_and(|vision| vision.compatibility == 0);
    if no_base {
        return Err(Refusal::NoTrueColours.because(
            "Dolby Vision without a compatible base layer cannot be read in true colours: \
             export it as HDR10, HLG or standard range",
        ));
    }
    Ok(video)
}
