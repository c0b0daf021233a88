//! The plan as a whole, with its reasons.

use super::refusal::{Refusal, Refused};
use super::spec::OutputSpec;

/// What will be done with a file, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct FixPlan {
    /// The kind of change.
    pub action: Action,
    /// What to make; `None` for a plain copy, for nothing, and for a refusal.
    pub spec: Option<Box<OutputSpec>>,
    /// Each change with its reason.
    pub steps: Vec<Step>,
    /// Why nothing cheaper would do, or why nothing can be done.
    pub reason: Option<String>,
    /// The class of that reason, where nothing can be done.
    pub refusal: Option<Refusal>,
    /// The extension of the output without the dot, where it differs from the source's.
    pub output_extension: Option<String>,
    /// The most characters the output's name may have, where the source's has more.
    pub max_name_chars: Option<usize>,
}

/// The kinds of change, from the cheapest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Nothing to do, and nothing asked for.
    None,
    /// The bytes as they are, under the right name.
    Copy,
    /// Packets copied into a new container.
    Remux,
    /// The audio encoded again.
    ReencodeAudio,
    /// The picture encoded again.
    ReencodeVideo,
    /// Both encoded again.
    Reencode,
    /// Not possible, or not without consent.
    Refused,
}

impl Action {
    /// The name in reports.
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

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What and why, in a sentence.
    pub text: String,
    /// What it costs.
    pub applicability: Applicability,
}

/// What a step costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applicability {
    /// Not a bit of picture or audio changes.
    Lossless,
    /// A generation of quality.
    Lossy,
    /// Something of the video is lost or invented; the user has agreed.
    Consented,
}

impl Step {
    pub(super) fn lossless(text: impl Into<String>) -> Step {
        Step { text: text.into(), applicability: Applicability::Lossless }
    }

    pub(super) fn lossy(text: impl Into<String>) -> Step {
        Step { text: text.into(), applicability: Applicability::Lossy }
    }

    pub(super) fn consented(text: impl Into<String>) -> Step {
        Step { text: text.into(), applicability: Applicability::Consented }
    }
}

impl FixPlan {
    /// The bytes as they are.
    pub(super) fn copy() -> FixPlan {
        FixPlan {
            action: Action::Copy,
            spec: None,
            steps: Vec::new(),
            reason: None,
            refusal: None,
            output_extension: None,
            max_name_chars: None,
        }
    }

    /// Nothing can be done, for this reason.
    pub(super) fn refused(Refused { refusal, reason }: Refused) -> FixPlan {
        FixPlan { action: Action::Refused, reason: Some(reason), refusal: Some(refusal), ..FixPlan::copy() }
    }

    /// Turns the plan into a refusal, for a reason found outside the file.
    pub fn refuse(&mut self, refusal: Refusal, reason: String) {
        *self = FixPlan::refused(refusal.because(reason));
    }
}
