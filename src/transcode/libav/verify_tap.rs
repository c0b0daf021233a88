//! Passes everything written to an output to the verification.

use crate::job::JobError;
use crate::libav::frame::Frame;
use crate::libav::packet::Packet;
use crate::libav::sample::Sample;
use crate::libav::stream_kind::StreamKind;
use crate::verify::libav::{InlineVerifier, StreamHashes};

/// Passes frames and packets of an output to its verifier.
pub(crate) enum VerifyTap {
    /// Hashes the packets of copied streams.
    Packets(StreamHashes),
    /// Verifies decoded, planned and encoded frames.
    Full(InlineVerifier),
}

impl VerifyTap {
    /// Returns the number of ticks between samples, if samples are needed.
    pub(crate) fn samples_every(&self) -> Option<u64> {
        match self {
            VerifyTap::Full(verifier) => verifier.samples_every(),
            VerifyTap::Packets(_) => None,
        }
    }

    /// Takes the decoded frame of the next planned frame.
    pub(crate) fn sample(&self, sample: Sample) {
        if let VerifyTap::Full(verifier) = self {
            verifier.sample(sample);
        }
    }

    /// Takes a video frame sent to the encoder.
    pub(crate) fn frame(&self, frame: &Frame, ticks: u64) -> Result<(), JobError> {
        match self {
            VerifyTap::Full(verifier) => verifier.frame(frame, ticks),
            VerifyTap::Packets(_) => Ok(()),
        }
    }

    /// Takes an audio frame sent to the encoder.
    pub(crate) fn audio(&self, frame: &Frame) -> Result<(), JobError> {
        match self {
            VerifyTap::Full(verifier) => verifier.audio(frame),
            VerifyTap::Packets(_) => Ok(()),
        }
    }

    /// Takes a packet of an encoder.
    pub(crate) fn encoded(&mut self, kind: StreamKind, packet: &Packet) -> Result<(), JobError> {
        match self {
            VerifyTap::Full(verifier) => verifier.encoded(kind, packet),
            VerifyTap::Packets(_) => Ok(()),
        }
    }

    /// Takes a packet copied from the source.
    pub(crate) fn copied(&mut self, kind: StreamKind, packet: &Packet) {
        match self {
            VerifyTap::Packets(copies) => copies.add_packet(kind, packet),
            VerifyTap::Full(verifier) => verifier.copied(kind, packet),
        }
    }
}
