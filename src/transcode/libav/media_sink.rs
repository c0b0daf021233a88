//! Where the output of a transcoder goes.

use ffmpeg_next::ffi;

use crate::job::JobError;
use crate::libav::frame::Frame;
use crate::libav::packet::Packet;
use crate::libav::sample::Sample;
use crate::libav::stream_kind::StreamKind;

/// Receives the output of a transcoder.
pub(crate) trait MediaSink {
    /// Takes a frame shown for a number of ticks: a decoded frame directly from the transcoder, a planned
    /// one behind the filter stage.
    fn frame(&mut self, frame: Frame, ticks: u64) -> Result<(), JobError>;
    /// Returns the number of ticks between calls of [`MediaSink::sample`], if samples are needed.
    fn samples_every(&self) -> Option<u64> {
        None
    }
    /// Takes the decoded frame of the next planned frame.
    fn sample(&mut self, _: Sample) -> Result<(), JobError> {
        Ok(())
    }
    /// Ends the video frames.
    fn frames_end(&mut self) -> Result<(), JobError> {
        Ok(())
    }
    /// Takes a frame of planned audio.
    fn audio(&mut self, frame: Frame) -> Result<(), JobError>;
    /// Takes a copied packet with times in `base`. The sink may move the data out of `packet`.
    fn copied(
        &mut self,
        kind: StreamKind,
        packet: &mut Packet,
        base: ffi::AVRational,
    ) -> Result<(), JobError>;
    /// Reports that `seconds` of the video are done.
    fn done(&mut self, seconds: f64) -> Result<(), JobError>;
}
