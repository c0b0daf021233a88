//! The classes of refusals: a closed list, so that scripts can count them and react to them.

use serde::{Deserialize, Serialize};

use crate::model::display_name;

/// The class of a refusal; the sentence in [`FixPlan::reason`](super::FixPlan::reason) gives the values.
/// The options are those of the command line; [`FixOptions`](super::FixOptions) has a field for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Refusal {
    /// The video is too long, and `--trim` was not given.
    NeedsTrim,
    /// The video is too short, and `--extend` was not given.
    NeedsExtend,
    /// The video is too small, and `--upscale` was not given.
    NeedsUpscale,
    /// The file has no decodable audio, and `--add-silence` was not given.
    NeedsAddSilence,
    /// Data that the container declares is missing.
    MissingData,
    /// The file is a still image.
    StillImage,
    /// The file has no video stream.
    NoVideo,
    /// No decoder is available for the video.
    NoDecoder,
    /// The frame size is unknown.
    UnknownSize,
    /// The colours cannot be converted correctly: a Dolby Vision video without a base layer that other decoders
    /// display, or a matrix that greenlit does not convert.
    NoBaseLayer,
    /// No frame size within the limits keeps the aspect ratio.
    NoSize,
    /// No remedy exists for a violated rule.
    NoRemedy,
    /// An enforced rule cannot be checked.
    Undecided,
    /// greenlit cannot write any container that the profile allows.
    Container,
    /// The video is too long for the profile's size limit at an acceptable bit rate.
    SizeLimit,
    /// Another output of the batch would get the same name.
    SameName,
    /// An audio track with content of its own would be lost, and `--audio-track` was not given.
    NeedsAudioTrack,
    /// The first frames cannot be decoded, and `--from-key-frame` was not given.
    NeedsFromKeyFrame,
    /// A few frames of the source are damaged, and `--conceal` was not given.
    NeedsConceal,
    /// A stream is encrypted.
    Encrypted,
    /// The profile allows nothing that greenlit can encode.
    NotProducible,
}

display_name!(Refusal);

impl Refusal {
    /// All classes.
    pub const ALL: [Refusal; 21] = [
        Refusal::NeedsTrim,
        Refusal::NeedsExtend,
        Refusal::NeedsUpscale,
        Refusal::NeedsAddSilence,
        Refusal::MissingData,
        Refusal::StillImage,
        Refusal::NoVideo,
        Refusal::NoDecoder,
        Refusal::UnknownSize,
        Refusal::NoBaseLayer,
        Refusal::NoSize,
        Refusal::NoRemedy,
        Refusal::Undecided,
        Refusal::Container,
        Refusal::SizeLimit,
        Refusal::SameName,
        Refusal::NeedsAudioTrack,
        Refusal::NeedsFromKeyFrame,
        Refusal::NeedsConceal,
        Refusal::Encrypted,
        Refusal::NotProducible,
    ];

    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::NeedsTrim => "needs-trim",
            Refusal::NeedsExtend => "needs-extend",
            Refusal::NeedsUpscale => "needs-upscale",
            Refusal::NeedsAddSilence => "needs-add-silence",
            Refusal::MissingData => "missing-data",
            Refusal::StillImage => "still-picture",
            Refusal::NoVideo => "no-picture",
            Refusal::NoDecoder => "no-decoder",
            Refusal::UnknownSize => "unknown-size",
            Refusal::NoBaseLayer => "no-true-colours",
            Refusal::NoSize => "no-size",
            Refusal::NoRemedy => "no-remedy",
            Refusal::Undecided => "undecided",
            Refusal::Container => "container",
            Refusal::SizeLimit => "size-limit",
            Refusal::SameName => "same-name",
            Refusal::NeedsAudioTrack => "needs-audio-track",
            Refusal::NeedsFromKeyFrame => "needs-from-key-frame",
            Refusal::NeedsConceal => "needs-conceal",
            Refusal::Encrypted => "encrypted",
            Refusal::NotProducible => "not-producible",
        }
    }

    /// Returns the option that gives the missing consent; `None` if no option makes the file fixable.
    pub fn option(self) -> Option<&'static str> {
        match self {
            Refusal::NeedsTrim => Some("--trim"),
            Refusal::NeedsExtend => Some("--extend freeze"),
            Refusal::NeedsUpscale => Some("--upscale"),
            Refusal::NeedsAddSilence => Some("--add-silence"),
            Refusal::NeedsAudioTrack => Some("--audio-track first"),
            Refusal::NeedsFromKeyFrame => Some("--from-key-frame"),
            Refusal::NeedsConceal => Some("--conceal"),
            _ => None,
        }
    }

    /// Returns a refusal of this class with its reason.
    pub(super) fn because(self, reason: impl Into<String>) -> Refused {
        Refused { refusal: self, reason: reason.into() }
    }
}

/// A refusal with its reason.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    pub(super) reason: String,
}
