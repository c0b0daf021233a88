//! Why nothing is made of a file: a closed list, so that refusals can be counted and acted upon.

/// One class of reasons; the sentence beside it names the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Too long, and `--trim` was not given.
    NeedsTrim,
    /// Too short, and `--extend` was not given.
    NeedsExtend,
    /// Too small, and `--upscale` was not given.
    NeedsUpscale,
    /// Without audio that can be heard, and `--add-silence` was not given.
    NeedsAddSilence,
    /// Data that the container declares is not there.
    MissingData,
    /// A still picture, of which no video is made.
    StillPicture,
    /// No moving picture at all.
    NoPicture,
    /// No decoder for the picture.
    NoDecoder,
    /// Not even the size of the picture is known.
    UnknownSize,
    /// A Dolby Vision picture without a base that other decoders show in true colours.
    NoTrueColours,
    /// No size within the limits keeps the shape of the picture.
    NoSize,
    /// A rule is broken that nothing here mends.
    NoRemedy,
    /// A rule that counts cannot be decided.
    Undecided,
    /// The destination takes no container that can be written.
    Container,
    /// Too long for the destination's size limit at any watchable rate.
    SizeLimit,
    /// Another file of the batch would get the same name.
    SameName,
}

impl Refusal {
    /// Every class.
    pub const ALL: [Refusal; 16] = [
        Refusal::NeedsTrim,
        Refusal::NeedsExtend,
        Refusal::NeedsUpscale,
        Refusal::NeedsAddSilence,
        Refusal::MissingData,
        Refusal::StillPicture,
        Refusal::NoPicture,
        Refusal::NoDecoder,
        Refusal::UnknownSize,
        Refusal::NoTrueColours,
        Refusal::NoSize,
        Refusal::NoRemedy,
        Refusal::Undecided,
        Refusal::Container,
        Refusal::SizeLimit,
        Refusal::SameName,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::NeedsTrim => "needs-trim",
            Refusal::NeedsExtend => "needs-extend",
            Refusal::NeedsUpscale => "needs-upscale",
            Refusal::NeedsAddSilence => "needs-add-silence",
            Refusal::MissingData => "missing-data",
            Refusal::StillPicture => "still-picture",
            Refusal::NoPicture => "no-picture",
            Refusal::NoDecoder => "no-decoder",
            Refusal::UnknownSize => "unknown-size",
            Refusal::NoTrueColours => "no-true-colours",
            Refusal::NoSize => "no-size",
            Refusal::NoRemedy => "no-remedy",
            Refusal::Undecided => "undecided",
            Refusal::Container => "container",
            Refusal::SizeLimit => "size-limit",
            Refusal::SameName => "same-name",
        }
    }

    /// A refusal of this class.
    pub(super) fn because(self, reason: impl Into<String>) -> Refused {
        Refused { refusal: self, reason: reason.into() }
    }
}

/// A refusal with its sentence.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    pub(super) reason: String,
}
