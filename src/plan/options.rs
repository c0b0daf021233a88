//! The user's choices and consents, and the machine's resources.

use serde::{Deserialize, Serialize};

use super::encode_mode::EncodeMode;
use super::output_spec::{Preset, VideoEncoder};

/// The user's choices and consents. The defaults remove and invent nothing.
///
/// ```
/// let mut options = greenlit::FixOptions::default();
/// options.trim = true;
/// options.background = "ffffff".to_owned();
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FixOptions {
    /// How a video is fitted into an allowed aspect ratio.
    pub fit: Fit,
    /// Consent to lengthen a short video.
    pub extend: Option<Extend>,
    /// Consent to cut a long video.
    pub trim: bool,
    /// Consent to enlarge a small video.
    pub upscale: bool,
    /// Consent to add a silent audio track.
    pub add_silence: bool,
    /// Which audio the output keeps, if the source has several tracks.
    pub audio_track: AudioTrackChoice,
    /// Consent to start the output at the first frame that can be decoded.
    pub from_key_frame: bool,
    /// Consent to keep the decoder's concealment of a few damaged frames.
    pub conceal: bool,
    /// Colour of borders and behind transparent pixels, `RRGGBB`.
    pub background: String,
    /// The video encoder.
    pub encoder: VideoEncoder,
    /// Why `encoder` is not the requested one.
    pub encoder_fallback: Option<String>,
    /// Encoder effort.
    pub preset: Preset,
    /// Constant rate factor of x264. With the preset `veryfast`, 18 brings H.264 fixtures to a mean VMAF of
    /// 95.6 at 1.06 times their bytes, and no tested video below 90; 20 does not (`benches/README.md`).
    pub crf: f32,
    /// The encode mode.
    pub encode_mode: EncodeMode,
    /// Why a copy of the video stream failed; if set, everything is re-encoded, or a file that complies is copied
    /// unchanged.
    pub copy_failed: Option<CopyFailure>,
}

impl Default for FixOptions {
    fn default() -> FixOptions {
        FixOptions {
            fit: Fit::Pad,
            extend: None,
            trim: false,
            upscale: false,
            add_silence: false,
            audio_track: AudioTrackChoice::Auto,
            from_key_frame: false,
            conceal: false,
            background: "000000".to_owned(),
            encoder: VideoEncoder::X264,
            encoder_fallback: None,
            preset: Preset::Veryfast,
            crf: 18.0,
            encode_mode: EncodeMode::Planned,
            copy_failed: None,
        }
    }
}

/// Why a copy of the video stream failed.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyFailure {
    /// What the failure shows about the source.
    pub cause: CopyFailureCause,
    /// What the verification found.
    pub reason: String,
}

/// What a failed copy shows about the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyFailureCause {
    /// The packets have other properties in the new container.
    NewContainer,
    /// A few packets of the source do not decode, and the user consents to conceal them.
    LittleDamage,
    /// The frame size changes within the video.
    SeveralSizes,
}

/// How a video is fitted into an allowed aspect ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Fit {
    /// Add borders in one colour.
    #[default]
    Pad,
    /// Fill the borders with the blurred video.
    Blur,
    /// Crop the video.
    Crop,
}

/// Which audio of a source with several tracks the output keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudioTrackChoice {
    /// The main track, if nothing else is lost; otherwise the file is refused.
    #[default]
    Auto,
    /// The first track that can be decoded.
    First,
    /// The track with this number among the audio tracks, from 1.
    Number(u32),
    /// All tracks mixed into one.
    Mix,
}

/// How a short video is lengthened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Extend {
    /// Repeat the video from its start.
    Loop,
    /// Repeat the last frame.
    Freeze,
}

/// The machine that encodes, on which the number of encoder threads and the estimated time depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Processor cores.
    pub cores: u32,
}
