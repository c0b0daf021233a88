//! Chooses how outputs are verified.

use super::inline_verifier::InlineVerifier;
use super::stream_copies::CopyTap;
use crate::job::{JobError, VerifyLevel};
use crate::libav::verify_tap::{OutputStart, Unverified, Verifier, VerifyTap};

/// Verifies the outputs of a job at one level.
pub(crate) struct Verification {
    /// How thoroughly the outputs are verified.
    pub(crate) level: VerifyLevel,
}

impl Verifier for Verification {
    fn tap(&self, start: OutputStart<'_>) -> Result<Box<dyn VerifyTap>, JobError> {
        let encodes = start.video.is_some() || start.audio.is_some();
        Ok(match self.level {
            VerifyLevel::Off => Box::new(Unverified),
            VerifyLevel::Full if encodes => Box::new(InlineVerifier::start(start)?),
            level => Box::new(CopyTap::new(start, level)),
        })
    }
}
