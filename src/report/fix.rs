//! The result of a fix in the JSON contract.

use serde::Serialize;

use super::forecast::AudioOutcome;
use super::media::kind_name;
use crate::job::Similarity;
use crate::model::SourceDamage;
use crate::plan::{Addition, DroppedStream, StreamType};
use crate::rules::{RuleId, Verdict};

/// The result of fixing a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct Fix {
    /// The kind of change.
    pub action: FixAction,
    /// The path of the output; `None` if there is no output.
    pub output: Option<String>,
    /// Each step with its reason, as text.
    pub steps: Vec<String>,
    /// Streams of the source that the output leaves out.
    pub dropped: Vec<Dropped>,
    /// Content of the output that the source does not have.
    pub added: Vec<Added>,
    /// What becomes of the audio, for the wording of `action`.
    #[serde(skip)]
    pub audio: AudioOutcome,
    /// Why a cheaper change was not enough, or why there is no output.
    pub reason: Option<String>,
    /// The refusal class, from a closed list, if there is no output.
    #[cfg_attr(all(test, feature = "report"), schemars(extend("enum" = super::schema::generator::refusals())))]
    pub refusal: Option<&'static str>,
    /// The video encoder; `None` if the video was copied or there is no output.
    #[cfg_attr(all(test, feature = "report"), schemars(extend("enum" = super::schema::generator::encoders())))]
    pub encoder: Option<&'static str>,
    /// The verification of the output; `None` if there is no output.
    pub verified: Option<Verified>,
    /// Whether the output was there already, made by an earlier run or with the same bytes, so that this run only
    /// kept it.
    pub reused: bool,
    /// The source with the same bytes for which the output was made, if this one is a copy of that.
    pub same_as: Option<String>,
}

/// A stream of the source that the output leaves out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct Dropped {
    /// Index of the stream in the source.
    pub stream: u32,
    /// `video`, `audio`, `data`, `subtitle` or `attachment`.
    #[cfg_attr(all(test, feature = "report"), schemars(extend("enum" = ["video", "audio", "data", "subtitle", "attachment"])))]
    pub kind: &'static str,
    /// FFmpeg's codec name, or the four-character code.
    pub codec: Option<String>,
    /// The language that the container declares.
    pub language: Option<String>,
    /// Duration in seconds.
    pub duration_s: Option<f64>,
    /// Why it is left out.
    pub reason: String,
}

impl From<&DroppedStream> for Dropped {
    fn from(stream: &DroppedStream) -> Dropped {
        Dropped {
            stream: stream.stream,
            kind: match stream.kind {
                StreamType::Video => "video",
                StreamType::Audio => "audio",
                StreamType::Other(kind) => kind_name(kind),
            },
            codec: stream.codec.clone(),
            language: stream.language.clone(),
            duration_s: stream.duration_s,
            reason: stream.reason.clone(),
        }
    }
}

/// Content of the output that the source does not have.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct Added {
    /// `silence`, `held-frame`, `repetition` or `borders`.
    #[cfg_attr(all(test, feature = "report"), schemars(extend("enum" = ["silence", "held-frame", "repetition", "borders"])))]
    pub kind: &'static str,
    /// How long it lasts in seconds; `None` if it is part of every frame, or unknown.
    pub duration_s: Option<f64>,
    /// Why it is added.
    pub reason: String,
}

impl From<&Addition> for Added {
    fn from(addition: &Addition) -> Added {
        let Addition { kind, held: _, duration_s, reason } = addition;
        Added { kind: kind.name(), duration_s: *duration_s, reason: reason.clone() }
    }
}

/// The kind of change, from none to failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FixAction {
    /// Nothing to do.
    None,
    /// The compliant file was copied to the output folder.
    Copy,
    /// All streams were copied into a new container.
    Remux,
    /// The audio was re-encoded and the video copied.
    ReencodeAudio,
    /// The video was re-encoded and the audio copied.
    ReencodeVideo,
    /// Video and audio were re-encoded.
    Reencode,
    /// The fix is not possible, or needs consent.
    Refused,
    /// The fix was attempted and failed.
    Failed,
}

impl FixAction {
    /// Returns the name used in the report.
    pub fn name(self) -> &'static str {
        match self {
            FixAction::None => "none",
            FixAction::Copy => "copy",
            FixAction::Remux => "remux",
            FixAction::ReencodeAudio => "reencode-audio",
            FixAction::ReencodeVideo => "reencode-video",
            FixAction::Reencode => "reencode",
            FixAction::Refused => "refused",
            FixAction::Failed => "failed",
        }
    }
}

/// The verification that an output complies and shows the same content as its source.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct Verified {
    /// The verdict on the output.
    pub verdict: Verdict,
    /// Number of copied streams whose packets, read back from the output, are bit-identical to the source.
    pub identical_streams: usize,
    /// Video frames decoded from the output; `None` if decoding was not requested, or the video was
    /// copied and verified by its packets.
    pub decoded_frames: Option<u64>,
    /// Number of errors while decoding the output.
    pub decode_errors: Option<u64>,
    /// Duration of the output minus the planned duration, in seconds.
    pub duration_delta_s: Option<f64>,
    /// The visual similarity of output and source.
    pub similarity: Option<Similarity>,
    /// The rules whose warnings and advice the output still has.
    pub remaining: Vec<RuleId>,
    /// The damage of the source that the decoder concealed, with consent.
    pub concealed: Option<SourceDamage>,
}
