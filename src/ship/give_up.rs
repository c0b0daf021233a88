//! Why a video is given up.

use serde::{Deserialize, Serialize};

/// Why no further version of a video is uploaded, unless the user asks for a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GiveUpReason {
    /// The last encode mode failed, too.
    EncodeModesFailed,
    /// A further encode mode is left, but as many were uploaded as the destination allows (`attempts`).
    AttemptsUsedUp,
    /// The file cannot be prepared in the next encode mode.
    FileRefused,
}

impl GiveUpReason {
    /// Returns the name in the journal: the same as in the document of `greenlit status`.
    pub(super) fn name(self) -> &'static str {
        match self {
            GiveUpReason::EncodeModesFailed => "encode-modes-failed",
            GiveUpReason::AttemptsUsedUp => "attempts-used-up",
            GiveUpReason::FileRefused => "file-refused",
        }
    }

    /// Parses a name of the journal. Builds that stored none, and later ones with other reasons, leave it unknown.
    pub(super) fn parse(name: &str) -> Option<GiveUpReason> {
        let all = [GiveUpReason::EncodeModesFailed, GiveUpReason::AttemptsUsedUp, GiveUpReason::FileRefused];
        all.into_iter().find(|reason| reason.name() == name)
    }
}
