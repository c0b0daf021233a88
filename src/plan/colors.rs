//! Plans how the colours of a re-encoded video are read, and describes what becomes of them.

use crate::model::{Matrix, MatrixReason, Transfer, UndeclaredColors, VideoStream};

use super::refusal::{Refusal, Refused};

/// The transfers that are BT.709's by another name (ITU-T H.273, table 3).
const SAME_AS_BT709: [&str; 4] = ["bt709", "smpte170m", "bt2020-10", "bt2020-12"];

/// Returns how frames are read that declare no matrix or no primaries; refuses matrices that greenlit does not
/// convert.
pub(super) fn undeclared(video: &VideoStream) -> Result<UndeclaredColors, Refused> {
    if let Some(name) = video.color.matrix.as_deref().filter(|name| Matrix::by_name(name).is_none()) {
        return Err(Refusal::NoBaseLayer.because(format!(
            "the video has the colour matrix {name}, which greenlit cannot convert: export it with BT.709 colours"
        )));
    }
    Ok(video.undeclared_colors().0)
}

/// Describes the conversions of the colours.
pub(super) fn describe(video: &VideoStream, tone_mapped: bool) -> Vec<String> {
    let mut texts = Vec::new();
    let color = &video.color;
    let is_rgb = video.chroma.as_deref() == Some("rgb");
    if tone_mapped {
        texts.push("tone-mapped to SDR (BT.709)".to_owned());
    }
    let declared = video.undeclared_colors().1 == MatrixReason::Declared;
    let told_by_tone_mapping = tone_mapped && declared;
    if !(is_rgb || told_by_tone_mapping) {
        texts.extend(matrix(video));
    }
    if is_rgb {
        texts.push("colours converted from RGB to the BT.709 matrix, limited range".to_owned());
    } else if color.range.as_deref() == Some("pc") {
        texts.push("samples converted from full to limited range".to_owned());
    }
    if !tone_mapped {
        texts.extend(primaries(video));
        texts.extend(transfer(video));
    }
    texts.extend(sampling(video, is_rgb));
    texts
}

fn matrix(video: &VideoStream) -> Option<String> {
    if video.chroma.as_deref() == Some("4:0:0") {
        return None;
    }
    let (undeclared, reason) = video.undeclared_colors();
    let title = undeclared.matrix.title();
    let is_bt709 = undeclared.matrix == Matrix::Bt709;
    let assumed = match reason {
        MatrixReason::Declared if is_bt709 => return None,
        MatrixReason::Declared => return Some(format!("colour matrix converted from {title} to BT.709")),
        MatrixReason::OtherTags => format!("taken as {title}, as the other colour tags imply"),
        MatrixReason::Size => {
            let size = video.first_size().map_or(String::new(), |size| format!(" ({size})"));
            format!("taken as {title} for the whole video, by the size of its first frame{size}")
        }
    };
    let converted = if is_bt709 { "" } else { ", and converted to BT.709" };
    Some(format!("colour matrix not declared: {assumed}{converted}"))
}

fn primaries(video: &VideoStream) -> Option<String> {
    match (video.color.other_primaries(), video.undeclared_colors().0.primaries) {
        (Some(primaries), _) => {
            Some(format!("colours converted from {} to BT.709 primaries", primaries.title()))
        }
        (None, Some(implied)) => Some(format!(
            "colour primaries not declared: taken as {}, as the matrix, and converted to BT.709",
            implied.title()
        )),
        (None, None) => None,
    }
}

fn transfer(video: &VideoStream) -> Option<String> {
    let name = video.color.transfer.as_deref()?;
    match Transfer::by_name(Some(name)).unlike_video() {
        Some(title) => Some(format!("{title} samples converted to the BT.709 transfer")),
        None if SAME_AS_BT709.contains(&name) || video.hdr.is_some() => None,
        None => Some(format!("transfer {name} declared as BT.709; the values of greys stay as they are")),
    }
}

fn sampling(video: &VideoStream, is_rgb: bool) -> Option<String> {
    let depth = video.bit_depth.filter(|depth| *depth > 8);
    let chroma = video.chroma.as_deref().filter(|chroma| !is_rgb && *chroma != "4:2:0");
    match (depth, chroma) {
        (None, None) => None,
        (None, Some(chroma)) => Some(format!("chroma converted from {chroma} to 4:2:0")),
        (Some(depth), None) => Some(format!("reduced from {depth} to 8 bits")),
        (Some(depth), Some(chroma)) => {
            Some(format!("reduced from {depth} to 8 bits, chroma converted from {chroma} to 4:2:0"))
        }
    }
}
