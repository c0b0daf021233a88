//! The complete plan for one output, with its reasons.

use serde::{Deserialize, Serialize};

use crate::model::{OtherKind, display_name};

use super::output_spec::OutputSpec;
use super::refusal::{Refusal, Refused};

/// The plan for one output: what is done with a file, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FixPlan {
    /// The kind of change.
    pub action: Action,
    /// The output to produce; `None` for a plain copy, for no action, and for a refusal.
    pub spec: Option<Box<OutputSpec>>,
    /// Each change with its reason.
    pub steps: Vec<FixStep>,
    /// Streams of the source that the output leaves out.
    pub dropped: Vec<DroppedStream>,
    /// Content of the output that the source does not have.
    pub added: Vec<Addition>,
    /// Why no cheaper action is enough, or why the file is refused.
    pub reason: Option<String>,
    /// The class of the refusal, if the file is refused.
    pub refusal: Option<Refusal>,
    /// The classes of all consents that the file needs, if it is refused for want of them only.
    pub needs: Vec<Refusal>,
    /// The output's extension without the dot, if it differs from the source's.
    pub output_extension: Option<String>,
    /// The limit on the output's file name in characters, if the profile sets one.
    pub max_name_chars: Option<usize>,
}

/// The kinds of change, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// No change is needed or requested.
    None,
    /// The bytes are copied unchanged, possibly under a new name.
    Copy,
    /// All streams are copied into a new container.
    Remux,
    /// The audio is re-encoded, the video copied.
    ReencodeAudio,
    /// The video is re-encoded, the audio copied.
    ReencodeVideo,
    /// Video and audio are re-encoded.
    Reencode,
    /// The file cannot be fixed, or not without consent.
    Refused,
}

impl Action {
    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Action::None => "none",
            Action::Copy => "copy",
            Action::Remux => "remux",
            Action::ReencodeAudio => "reencode-audio",
            Action::ReencodeVideo => "reencode-video",
            Action::Reencode => "reencode",
            Action::Refused => "refused",
        }
    }
}

display_name!(Action);

/// A stream of the source that the output leaves out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DroppedStream {
    /// Index of the stream in the source.
    pub stream: u32,
    /// What the stream holds.
    pub kind: StreamType,
    /// FFmpeg's codec name, or the four-character code.
    pub codec: Option<String>,
    /// The language that the container declares.
    pub language: Option<String>,
    /// Duration in seconds.
    pub duration_s: Option<f64>,
    /// Why it is left out.
    pub reason: String,
    /// Whether a kept stream has the same packets, or the stream has none, so that no content is lost.
    pub repeats_kept: bool,
}

/// What a stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StreamType {
    /// Video.
    Video,
    /// Audio.
    Audio,
    /// Anything else.
    Other(OtherKind),
}

/// Content of the output that the source does not have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Addition {
    /// What is added.
    pub kind: AdditionKind,
    /// Which frame is held, if one is.
    pub held: Option<HeldFrame>,
    /// How long it lasts in seconds; `None` if it is part of every frame, or unknown.
    pub duration_s: Option<f64>,
    /// Why it is added.
    pub reason: String,
}

/// The kinds of [`Addition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AdditionKind {
    /// Silent audio.
    Silence,
    /// A frame that is shown longer than in the source.
    HeldFrame,
    /// The video played again.
    Repetition,
    /// Borders around the video.
    Borders,
}

/// Which frame is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldFrame {
    /// The first.
    First,
    /// One in the middle, because the source has a gap there.
    Between,
    /// The last.
    Last,
}

impl AdditionKind {
    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            AdditionKind::Silence => "silence",
            AdditionKind::HeldFrame => "held-frame",
            AdditionKind::Repetition => "repetition",
            AdditionKind::Borders => "borders",
        }
    }
}

/// One change of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FixStep {
    /// The change and its reason, in one sentence.
    pub text: String,
    /// The cost of the change.
    pub applicability: Applicability,
}

/// The cost of a [`FixStep`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Applicability {
    /// The coded video and audio stay unchanged.
    Lossless,
    /// One generation of quality is lost.
    Lossy,
    /// Content is removed or invented, with the user's consent.
    Consented,
}

impl FixStep {
    pub(super) fn lossless(text: impl Into<String>) -> FixStep {
        FixStep { text: text.into(), applicability: Applicability::Lossless }
    }

    pub(super) fn lossy(text: impl Into<String>) -> FixStep {
        FixStep { text: text.into(), applicability: Applicability::Lossy }
    }

    pub(super) fn consented(text: impl Into<String>) -> FixStep {
        FixStep { text: text.into(), applicability: Applicability::Consented }
    }
}

impl FixPlan {
    /// Returns a plan that copies the bytes unchanged.
    pub(super) fn copy() -> FixPlan {
        FixPlan {
            action: Action::Copy,
            spec: None,
            steps: Vec::new(),
            dropped: Vec::new(),
            added: Vec::new(),
            reason: None,
            refusal: None,
            needs: Vec::new(),
            output_extension: None,
            max_name_chars: None,
        }
    }

    /// Returns a plan that refuses the file.
    pub(super) fn refused(Refused { refusal, reason }: Refused) -> FixPlan {
        FixPlan { action: Action::Refused, reason: Some(reason), refusal: Some(refusal), ..FixPlan::copy() }
    }

    /// Adds a step that concerns the output file, not its content.
    pub fn note(&mut self, text: String) {
        self.steps.push(FixStep::lossless(text));
    }

    /// Turns the plan into a refusal for a reason that does not depend on the file alone.
    pub fn refuse(&mut self, refusal: Refusal, reason: String) {
        *self = FixPlan::refused(refusal.because(reason));
    }
}
