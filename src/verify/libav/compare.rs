//! The source, run through the plan once more, next to the output.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use super::audio::Envelope;
use super::check_decoding;
use super::decode_ahead::{Listener, Pictures};
use super::packets::Walk;
use super::similarity::Similarity;
use super::stream_copies::Copies;
use crate::job::{JobError, Progress, VerifyReport};
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::transcode::libav::av::{Frame, Packet};
use crate::transcode::libav::share;
use crate::transcode::libav::transcoder::{Kind, Receiver, Transcoder};

/// Receives the reference and holds the output against it.
pub(crate) struct Comparison<'a> {
    output: File,
    cancel: Arc<AtomicBool>,
    full: bool,
    picture: Option<Picture>,
    reference_audio: Envelope,
    silent_by_plan: bool,
    listener: Option<Listener>,
    copies: Copies,
    frames: u64,
    total_s: Option<f64>,
    progress: &'a mut dyn FnMut(Progress),
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(
        output: File,
        spec: &OutputSpec,
        reference: &OutputSpec,
        transcoder: &mut Transcoder,
        cancel: Arc<AtomicBool>,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<Comparison<'a>, JobError> {
        let full = reference == spec;
        let picture = match &spec.video {
            Some(VideoPlan::Encode(plan)) if full => {
                let output = Pictures::open(share(&output)?, cancel.clone())?;
                Some(Picture { output, likeness: Similarity::new(plan)? })
            }
            _ => None,
        };
        let rate = match &spec.audio {
            Some(AudioPlan::Encode(plan)) => plan.sample_rate,
            Some(AudioPlan::Silence { sample_rate, .. }) => *sample_rate,
            _ => 0,
        };
        let listener = match full && rate > 0 {
            true => Some(Listener::start(share(&output)?, rate, cancel.clone())?),
            false => None,
        };
        let copies = Copies::of(spec, transcoder);
        Ok(Comparison {
            output,
            cancel,
            full,
            picture,
            reference_audio: Envelope::new(rate),
            silent_by_plan: matches!(spec.audio, Some(AudioPlan::Silence { .. })),
            listener,
            copies,
            frames: 0,
            total_s: spec.expected_duration_s,
            progress,
        })
    }

    /// Adds what was found to the report.
    pub(crate) fn finish(mut self, walk: &Walk, report: &mut VerifyReport) -> Result<(), JobError> {
        self.copies.check(walk, report);
        if !self.full {
            return Ok(());
        }
        match self.picture.take() {
            Some(picture) => picture.finish(report)?,
            None => self.copies.decode(Kind::Video, &self.output, &self.cancel, report, self.progress)?,
        }
        match self.listener.take() {
            Some(listener) => self.check_audio(listener, report)?,
            None => self.copies.decode(Kind::Audio, &self.output, &self.cancel, report, self.progress)?,
        }
        check_decoding(report);
        Ok(())
    }

    fn check_audio(&self, listener: Listener, report: &mut VerifyReport) -> Result<(), JobError> {
        let Some((heard, complaints)) = listener.finish()? else { return Ok(()) };
        complaints.note(&mut report.decode);
        self.reference_audio.judge(&heard, self.silent_by_plan, report);
        Ok(())
    }
}

impl Receiver for Comparison<'_> {
    fn picture(&mut self, frame: Frame, ticks: u64) -> Result<(), JobError> {
        self.frames += ticks;
        match &mut self.picture {
            Some(picture) => picture.expect(frame, ticks),
            None => Ok(()),
        }
    }

    fn audio(&mut self, frame: Frame) -> Result<(), JobError> {
        self.reference_audio.add(&frame);
        Ok(())
    }

    fn copied(&mut self, kind: Kind, packet: &mut Packet, _: ffi::AVRational) -> Result<(), JobError> {
        self.copies.take(kind, packet);
        Ok(())
    }

    fn done(&mut self, seconds: f64) -> Result<(), JobError> {
        (self.progress)(Progress { done_s: seconds, total_s: self.total_s, frames: self.frames });
        Ok(())
    }
}

/// The pictures of the output, read along with the source's.
struct Picture {
    output: Pictures,
    likeness: Similarity,
}

impl Picture {
    fn expect(&mut self, mut reference: Frame, ticks: u64) -> Result<(), JobError> {
        for _ in 0..ticks {
            match self.output.next() {
                Some(real) => self.likeness.compare(&mut reference, real)?,
                None => self.likeness.missing += 1,
            }
        }
        Ok(())
    }

    fn finish(mut self, report: &mut VerifyReport) -> Result<(), JobError> {
        while self.output.next().is_some() {
            self.likeness.extra += 1;
        }
        self.likeness.finish(Vec::new(), report)?;
        let complaints = self.output.finish()?;
        report.decode.video_frames = complaints.frames;
        complaints.note(&mut report.decode);
        Ok(())
    }
}
