//! Compares an output with its source, processed by the plan once more.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use super::audio::LoudnessEnvelope;
use super::check_decoding;
use super::decode_ahead::{AudioDecodeThread, VideoDecodeThread};
use super::output_proof::{FixFiles, prove_here};
use super::packets::PacketScan;
use super::similarity::FrameComparison;
use super::stream_copies::StreamHashes;
use crate::job::{JobError, Progress, VerifyReport};
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::transcode::libav::ffi_wrappers::{Frame, Packet};
use crate::transcode::libav::media_sink::{MediaSink, StreamKind};
use crate::transcode::libav::share;
use crate::transcode::libav::transcoder::Transcoder;

/// Receives the reference frames, audio and packets and compares the output with them.
pub(crate) struct ReferenceComparison<'a> {
    output: File,
    cancel: Arc<AtomicBool>,
    full: bool,
    video: Option<VideoComparison>,
    reference_audio: LoudnessEnvelope,
    silent_by_plan: bool,
    audio_thread: Option<AudioDecodeThread>,
    copies: StreamHashes,
    frames: u64,
    total_s: Option<f64>,
    progress: &'a mut dyn FnMut(Progress),
}

impl<'a> ReferenceComparison<'a> {
    pub(crate) fn new(
        output: File,
        spec: &OutputSpec,
        reference: &OutputSpec,
        transcoder: &mut Transcoder,
        cancel: Arc<AtomicBool>,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<ReferenceComparison<'a>, JobError> {
        let full = reference == spec;
        let video = match &spec.video {
            Some(VideoPlan::Encode(plan)) if full => {
                let output = VideoDecodeThread::open(share(&output)?, cancel.clone())?;
                Some(VideoComparison { output, comparison: FrameComparison::new(plan)? })
            }
            _ => None,
        };
        let rate = match &spec.audio {
            Some(AudioPlan::Encode(plan)) => plan.sample_rate,
            Some(AudioPlan::Silence { sample_rate, .. }) => *sample_rate,
            _ => 0,
        };
        let audio_thread = match full && rate > 0 {
            true => Some(AudioDecodeThread::start(share(&output)?, rate, cancel.clone())?),
            false => None,
        };
        let copies = StreamHashes::of(spec, transcoder);
        Ok(ReferenceComparison {
            output,
            cancel,
            full,
            video,
            reference_audio: LoudnessEnvelope::new(rate),
            silent_by_plan: matches!(spec.audio, Some(AudioPlan::Silence { .. })),
            audio_thread,
            copies,
            frames: 0,
            total_s: spec.expected_duration_s,
            progress,
        })
    }

    /// Adds the results to the report.
    pub(crate) fn finish(
        mut self,
        scan: &PacketScan,
        input: &File,
        name: &str,
        spec: &OutputSpec,
        report: &mut VerifyReport,
    ) -> Result<(), JobError> {
        self.copies.check(scan, report);
        if !self.full {
            return Ok(());
        }
        if let Some(video) = self.video.take() {
            video.finish(report)?;
        }
        if let Some(audio_thread) = self.audio_thread.take() {
            self.check_audio(audio_thread, report)?;
        }
        check_decoding(report);
        let files = FixFiles { input, name, output: &self.output };
        prove_here(&files, spec, &self.cancel, report, self.progress)
    }

    fn check_audio(
        &self,
        audio_thread: AudioDecodeThread,
        report: &mut VerifyReport,
    ) -> Result<(), JobError> {
        let Some((decoded, errors)) = audio_thread.finish()? else { return Ok(()) };
        errors.add_to(&mut report.decode);
        self.reference_audio.check(&decoded, self.silent_by_plan, report);
        Ok(())
    }
}

impl MediaSink for ReferenceComparison<'_> {
    fn frame(&mut self, frame: Frame, ticks: u64) -> Result<(), JobError> {
        self.frames += ticks;
        match &mut self.video {
            Some(video) => video.compare(frame, ticks),
            None => Ok(()),
        }
    }

    fn audio(&mut self, frame: Frame) -> Result<(), JobError> {
        self.reference_audio.add(&frame);
        Ok(())
    }

    fn copied(&mut self, kind: StreamKind, packet: &mut Packet, _: ffi::AVRational) -> Result<(), JobError> {
        self.copies.add_packet(kind, packet);
        Ok(())
    }

    fn done(&mut self, seconds: f64) -> Result<(), JobError> {
        (self.progress)(Progress { done_s: seconds, total_s: self.total_s, frames: self.frames });
        Ok(())
    }
}

/// Compares the video frames of the output with the reference frames.
struct VideoComparison {
    output: VideoDecodeThread,
    comparison: FrameComparison,
}

impl VideoComparison {
    fn compare(&mut self, mut reference: Frame, ticks: u64) -> Result<(), JobError> {
        for _ in 0..ticks {
            match self.output.next() {
                Some(actual) => self.comparison.compare(&mut reference, actual)?,
                None => self.comparison.missing += 1,
            }
        }
        Ok(())
    }

    fn finish(mut self, report: &mut VerifyReport) -> Result<(), JobError> {
        while self.output.next().is_some() {
            self.comparison.extra += 1;
        }
        self.comparison.finish(Vec::new(), report)?;
        let errors = self.output.finish()?;
        report.decode.video_frames = errors.frames;
        errors.add_to(&mut report.decode);
        Ok(())
    }
}
