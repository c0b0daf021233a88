//! Who looks on while an output is made, so that it can be proven afterwards.

use super::av::{Frame, Packet};
use super::transcoder::Kind;
use crate::job::JobError;
use crate::verify::libav::{Copies, InlineVerifier};

/// Takes note of what goes into an output.
pub(crate) enum VerifyTap {
    /// It was looked at before, or will be later.
    Nobody,
    /// Of packets alone: there are no others than the source's.
    Copies(Copies),
    /// Of all that is decoded, planned and encoded.
    InlineVerifier(InlineVerifier),
}

impl VerifyTap {
    /// Every how many ticks a sample is wanted.
    pub(crate) fn samples_every(&self) -> Option<u64> {
        match self {
            VerifyTap::InlineVerifier(witness) => witness.samples_every(),
            VerifyTap::Nobody | VerifyTap::Copies(_) => None,
        }
    }

    /// The decoded picture that the next one was made of.
    pub(crate) fn sample(&self, frame: Frame) {
        if let VerifyTap::InlineVerifier(witness) = self {
            witness.sample(frame);
        }
    }

    /// A picture goes into the encoder.
    pub(crate) fn picture(&self, frame: &Frame, ticks: u64) -> Result<(), JobError> {
        match self {
            VerifyTap::InlineVerifier(witness) => witness.picture(frame, ticks),
            VerifyTap::Nobody | VerifyTap::Copies(_) => Ok(()),
        }
    }

    /// Audio goes into the encoder.
    pub(crate) fn audio(&self, frame: &Frame) -> Result<(), JobError> {
        match self {
            VerifyTap::InlineVerifier(witness) => witness.audio(frame),
            VerifyTap::Nobody | VerifyTap::Copies(_) => Ok(()),
        }
    }

    /// A packet of an encoder goes into the output.
    pub(crate) fn made(&mut self, kind: Kind, packet: &Packet) -> Result<(), JobError> {
        match self {
            VerifyTap::InlineVerifier(witness) => witness.made(kind, packet),
            VerifyTap::Nobody | VerifyTap::Copies(_) => Ok(()),
        }
    }

    /// A packet of the source goes into the output.
    pub(crate) fn copied(&mut self, kind: Kind, packet: &Packet) {
        match self {
            VerifyTap::Nobody => {}
            VerifyTap::Copies(copies) => copies.take(kind, packet),
            VerifyTap::InlineVerifier(witness) => witness.copied(kind, packet),
        }
    }
}
