//! What follows an output while it is written, and verifies it when it is complete.
//!
//! The module that writes outputs calls these traits, and the one that verifies them implements them, so that neither
//! knows the other.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use super::codec_context::CodecContext;
use super::frame::Frame;
use super::input::Input;
use super::output_length::OutputLength;
use super::packet::Packet;
use super::sample::Sample;
use super::source_reading::SourceReading;
use super::stream_kind::StreamKind;
use crate::job::{JobError, Progress, VerifyLevel, VerifyReport};
use crate::plan::OutputSpec;

/// Verifies the outputs of a job.
pub(crate) trait Verifier: Sync {
    /// Starts to follow an output, before its first packet.
    fn tap(&self, start: OutputStart<'_>) -> Result<Box<dyn VerifyTap>, JobError>;
}

/// An output that is about to be written.
pub(crate) struct OutputStart<'a> {
    /// The plan.
    pub(crate) spec: &'a OutputSpec,
    /// The source.
    pub(crate) input: &'a mut Input,
    /// The sample aspect ratio that the container of the source declares for an encoded video, if any.
    pub(crate) aspect: ffi::AVRational,
    /// The encoder of the video, if it is encoded.
    pub(crate) video: Option<&'a CodecContext>,
    /// The encoder of the audio, if it is encoded.
    pub(crate) audio: Option<&'a CodecContext>,
}

/// Takes everything that goes into one output.
pub(crate) trait VerifyTap {
    /// Returns the number of ticks between samples, if samples are needed.
    fn samples_every(&self) -> Option<u64> {
        None
    }
    /// Takes the decoded source frame of the next frame.
    fn sample(&mut self, _: Sample) {}
    /// Takes a video frame sent to the encoder.
    fn frame(&mut self, _: &Frame, _ticks: u64) -> Result<(), JobError> {
        Ok(())
    }
    /// Takes an audio frame sent to the encoder.
    fn audio(&mut self, _: &Frame) -> Result<(), JobError> {
        Ok(())
    }
    /// Takes a packet of an encoder.
    fn encoded(&mut self, _: StreamKind, _: &Packet) -> Result<(), JobError> {
        Ok(())
    }
    /// Takes a packet copied from the source.
    fn copied(&mut self, _: StreamKind, _: &Packet) {}
    /// Verifies the complete output.
    ///
    /// # Errors
    ///
    /// [`JobError::Io`], [`JobError::Cancelled`]. Failed checks are listed in the report.
    fn verify(
        self: Box<Self>,
        output: WrittenOutput<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<VerifyReport, JobError>;
}

/// A complete output.
pub(crate) struct WrittenOutput<'a> {
    /// The plan.
    pub(crate) spec: &'a OutputSpec,
    /// The source.
    pub(crate) input: &'a File,
    /// Its name, of which only the extension is used.
    pub(crate) name: &'a str,
    /// The output.
    pub(crate) output: &'a File,
    /// Its length.
    pub(crate) length: OutputLength,
    /// What reading the source showed.
    pub(crate) reading: SourceReading,
    /// Set to cancel the work.
    pub(crate) cancel: &'a Arc<AtomicBool>,
}

/// Verifies nothing.
pub(crate) struct Unverified;

impl Verifier for Unverified {
    fn tap(&self, _: OutputStart<'_>) -> Result<Box<dyn VerifyTap>, JobError> {
        Ok(Box::new(Unverified))
    }
}

impl VerifyTap for Unverified {
    fn verify(
        self: Box<Self>,
        _: WrittenOutput<'_>,
        _: &mut dyn FnMut(Progress),
    ) -> Result<VerifyReport, JobError> {
        Ok(VerifyReport { level: VerifyLevel::Off, ..VerifyReport::default() })
    }
}
