//! Encodes the frames of a transcoder and writes them to the output.

use ffmpeg_next::ffi;

use super::encode::Encoder;
use super::media_sink::MediaSink;
use super::mux::{Muxer, size_limit_error};
use super::transcoder::Transcoder;
use super::video::VideoChain;
use crate::job::{JobError, Progress};
use crate::libav::frame::Frame;
use crate::libav::packet::Packet;
use crate::libav::sample::Sample;
use crate::libav::stream_kind::StreamKind;
use crate::libav::time::rational;
use crate::libav::verify_tap::{OutputStart, Verifier, VerifyTap};
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};

/// Share of the video after which its final size is estimated.
const SIZE_CHECK_AFTER: f64 = 0.5;
/// Factor by which the estimate must exceed the limit to stop the encode.
const SIZE_CHECK_SLACK: f64 = 1.3;

/// The encoders and the muxer of one output.
pub(super) struct EncodeSink<'a> {
    muxer: Muxer,
    video: Option<(usize, Option<Encoder>)>,
    audio: Option<(usize, Option<Encoder>)>,
    frames: u64,
    done_s: f64,
    total_s: Option<f64>,
    max_size: Option<u64>,
    tap: Box<dyn VerifyTap>,
    progress: &'a mut dyn FnMut(Progress),
}

impl<'a> EncodeSink<'a> {
    /// Starts the output.
    pub(super) fn new(
        mut muxer: Muxer,
        transcoder: &mut Transcoder,
        spec: &OutputSpec,
        verifier: &dyn Verifier,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<EncodeSink<'a>, JobError> {
        let strip = spec.strip_metadata;
        if !strip {
            muxer.copy_metadata(&mut transcoder.input);
        }
        // Video is the first stream: some platforms reject files with audio first.
        let video = match (&spec.video, transcoder.copier(StreamKind::Video)) {
            (Some(VideoPlan::Copy { tags, .. }), Some(copier)) => {
                Some((copier.add_to(&mut muxer, tags.codec_tag.as_deref(), !strip)?, None))
            }
            (Some(VideoPlan::Encode(plan)), _) => {
                let encoder = Encoder::video(plan, spec.threads)?;
                Some((muxer.add_encoded(encoder.codec())?, Some(encoder)))
            }
            _ => None,
        };
        let encoder = match &spec.audio {
            Some(AudioPlan::Encode(plan)) => {
                Some(Encoder::audio(plan.sample_rate, plan.channels, plan.bit_rate)?)
            }
            Some(AudioPlan::Silence { sample_rate, channels, bit_rate }) => {
                Some(Encoder::audio(*sample_rate, *channels, *bit_rate)?)
            }
            _ => None,
        };
        let audio = match (transcoder.copier(StreamKind::Audio), encoder) {
            (Some(copier), _) => Some((copier.add_to(&mut muxer, None, !strip)?, None)),
            (None, Some(encoder)) => Some((muxer.add_encoded(encoder.codec())?, Some(encoder))),
            (None, None) => None,
        };
        let aspect = transcoder.video_chain().map_or(rational(1, 1), VideoChain::aspect);
        let tap = verifier.tap(OutputStart {
            spec,
            input: &mut transcoder.input,
            aspect,
            video: video.as_ref().and_then(|(_, encoder)| encoder.as_ref()).map(Encoder::codec),
            audio: audio.as_ref().and_then(|(_, encoder)| encoder.as_ref()).map(Encoder::codec),
        })?;
        muxer.start()?;
        Ok(EncodeSink {
            muxer,
            video,
            audio,
            frames: 0,
            done_s: 0.0,
            total_s: spec.expected_duration_s.or_else(|| transcoder.input.duration_s()),
            max_size: spec.max_size_bytes,
            tap,
            progress,
        })
    }

    /// Flushes the encoders and ends the file. Returns the last progress and the verify tap.
    pub(super) fn finish(mut self) -> Result<(Progress, Box<dyn VerifyTap>), JobError> {
        let last_progress = Progress { done_s: self.done_s, total_s: self.total_s, frames: self.frames };
        for (kind, side) in [(StreamKind::Video, &mut self.video), (StreamKind::Audio, &mut self.audio)] {
            if let Some((index, Some(encoder))) = side {
                let stream = OutputStream { kind, index: *index, base: encoder.base() };
                let (muxer, progress, tap) = (&mut self.muxer, &mut self.progress, &mut *self.tap);
                encoder.finish(&mut |packet| {
                    progress(last_progress);
                    write_encoded(muxer, tap, stream, packet)
                })?;
            }
        }
        self.muxer.finish()?;
        Ok((last_progress, self.tap))
    }
}

/// The output stream of an encoder.
#[derive(Clone, Copy)]
struct OutputStream {
    kind: StreamKind,
    index: usize,
    base: ffi::AVRational,
}

/// Writes an encoded packet.
fn write_encoded(
    muxer: &mut Muxer,
    tap: &mut dyn VerifyTap,
    stream: OutputStream,
    packet: &mut Packet,
) -> Result<(), JobError> {
    tap.encoded(stream.kind, packet)?;
    muxer.write(stream.index, packet, stream.base)
}

impl MediaSink for EncodeSink<'_> {
    fn samples_every(&self) -> Option<u64> {
        self.tap.samples_every()
    }

    fn sample(&mut self, sample: Sample) -> Result<(), JobError> {
        self.tap.sample(sample);
        Ok(())
    }

    fn frame(&mut self, mut frame: Frame, ticks: u64) -> Result<(), JobError> {
        self.frames += ticks;
        let Some((index, Some(encoder))) = &mut self.video else { return Ok(()) };
        let stream = OutputStream { kind: StreamKind::Video, index: *index, base: encoder.base() };
        let (muxer, tap) = (&mut self.muxer, &mut *self.tap);
        tap.frame(&frame, ticks)?;
        encoder.encode_frame(&mut frame, ticks, &mut |packet| write_encoded(muxer, tap, stream, packet))
    }

    fn audio(&mut self, mut frame: Frame) -> Result<(), JobError> {
        let Some((index, Some(encoder))) = &mut self.audio else { return Ok(()) };
        let stream = OutputStream { kind: StreamKind::Audio, index: *index, base: encoder.base() };
        let (muxer, tap) = (&mut self.muxer, &mut *self.tap);
        tap.audio(&frame)?;
        encoder.encode_samples(&mut frame, &mut |packet| write_encoded(muxer, tap, stream, packet))
    }

    fn copied(
        &mut self,
        kind: StreamKind,
        packet: &mut Packet,
        base: ffi::AVRational,
    ) -> Result<(), JobError> {
        let side = match kind {
            StreamKind::Video => &self.video,
            StreamKind::Audio => &self.audio,
        };
        let Some((index, None)) = side else { return Ok(()) };
        self.tap.copied(kind, packet);
        self.muxer.write(*index, packet, base)
    }

    fn done(&mut self, seconds: f64) -> Result<(), JobError> {
        if let (Some(limit), Some(total)) = (self.max_size, self.total_s) {
            let share = seconds / total.max(0.001);
            if share > SIZE_CHECK_AFTER
                && self.muxer.length() as f64 / share > limit as f64 * SIZE_CHECK_SLACK
            {
                return Err(size_limit_error(limit));
            }
        }
        self.done_s = seconds;
        (self.progress)(Progress { done_s: seconds, total_s: self.total_s, frames: self.frames });
        Ok(())
    }
}
