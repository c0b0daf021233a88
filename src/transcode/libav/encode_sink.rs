//! Encodes and writes what a video yields.

use ffmpeg_next::ffi;

use super::av::{Frame, Packet};
use super::encode::Encoder;
use super::mux::{Muxer, too_large};
use super::transcoder::{Kind, Receiver, Transcoder};
use super::verify_tap::VerifyTap;
use crate::job::{JobError, Progress};
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::verify::libav::{Copies, InlineVerifier};

/// After this share of the video its final size is foretold.
const FORETELL_AFTER: f64 = 0.5;
/// A foretold size has to be over the limit by this factor to stop the encode.
const FORETELL_SLACK: f64 = 1.3;

/// What is to be looked at while an output is made.
pub(super) enum VerifyMode<'a> {
    Nothing,
    /// The packets of a plan that only copies.
    Packets,
    /// Whatever becomes of this plan.
    Everything(&'a OutputSpec),
}

/// The encoders and the muxer of one output.
pub(super) struct EncodeSink<'a> {
    muxer: Muxer,
    video: Option<(usize, Option<Encoder>)>,
    audio: Option<(usize, Option<Encoder>)>,
    drop_priming: bool,
    frames: u64,
    done_s: f64,
    total_s: Option<f64>,
    max_size: Option<u64>,
    onlooker: VerifyTap,
    progress: &'a mut dyn FnMut(Progress),
}

impl<'a> EncodeSink<'a> {
    pub(super) fn new(
        mut muxer: Muxer,
        transcoder: &mut Transcoder,
        spec: &OutputSpec,
        watching: VerifyMode<'_>,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<EncodeSink<'a>, JobError> {
        let strip = spec.strip_metadata;
        if !strip {
            muxer.copy_metadata(transcoder.input.as_mut_ptr());
        }
        // The picture comes first: ingests have stumbled over audio before it.
        let video = match (&spec.video, transcoder.copier(Kind::Video)) {
            (Some(VideoPlan::Copy { tags, .. }), Some(copier)) => {
                let (tag, aspect) = (tags.codec_tag.as_deref(), tags.sample_aspect_ratio.is_some());
                Some((muxer.add_copied(copier.source(), copier.parameters(), tag, aspect, !strip)?, None))
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
        let audio = match (transcoder.copier(Kind::Audio), encoder) {
            (Some(copier), _) => {
                Some((muxer.add_copied(copier.source(), copier.parameters(), None, false, !strip)?, None))
            }
            (None, Some(encoder)) => Some((muxer.add_encoded(encoder.codec())?, Some(encoder))),
            (None, None) => None,
        };
        let onlooker = match watching {
            VerifyMode::Nothing => VerifyTap::Nobody,
            VerifyMode::Packets => VerifyTap::Copies(Copies::of(spec, transcoder)),
            VerifyMode::Everything(plan) => {
                let [video, audio] = [&video, &audio].map(|side| {
                    side.as_ref().and_then(|(_, encoder): &(_, Option<Encoder>)| encoder.as_ref())
                });
                let [video, audio] = [video, audio].map(|encoder| encoder.map(Encoder::codec));
                VerifyTap::InlineVerifier(InlineVerifier::start(plan, transcoder, video, audio)?)
            }
        };
        muxer.start(spec.drop_edit_list)?;
        Ok(EncodeSink {
            muxer,
            video,
            audio,
            drop_priming: spec.drop_edit_list,
            frames: 0,
            done_s: 0.0,
            total_s: spec.expected_duration_s.or_else(|| transcoder.input.duration_s()),
            max_size: spec.max_size_bytes,
            onlooker,
            progress,
        })
    }

    /// Flushes the encoders and ends the file. Returns the progress last made, and who looked on.
    pub(super) fn finish(mut self) -> Result<(Progress, VerifyTap), JobError> {
        let drop_priming = self.drop_priming;
        let last = Progress { done_s: self.done_s, total_s: self.total_s, frames: self.frames };
        for (kind, side) in [(Kind::Video, &mut self.video), (Kind::Audio, &mut self.audio)] {
            if let Some((index, Some(encoder))) = side {
                let to = Slot { kind, index: *index, base: encoder.base(), drop_priming };
                let (muxer, progress, onlooker) = (&mut self.muxer, &mut self.progress, &mut self.onlooker);
                encoder.finish(&mut |packet| {
                    progress(last);
                    put(muxer, onlooker, to, packet)
                })?;
            }
        }
        self.muxer.finish()?;
        Ok((last, self.onlooker))
    }
}

/// Where an encoder's packets go.
#[derive(Clone, Copy)]
struct Slot {
    kind: Kind,
    index: usize,
    base: ffi::AVRational,
    drop_priming: bool,
}

/// Writes an encoded packet, but for AAC priming where no edit list would hide it.
fn put(muxer: &mut Muxer, onlooker: &mut VerifyTap, to: Slot, packet: &mut Packet) -> Result<(), JobError> {
    let raw = packet.get();
    // Encoded pictures never end before zero, so this can only be audio.
    if to.drop_priming && raw.pts + raw.duration <= 0 {
        packet.clear();
        return Ok(());
    }
    onlooker.made(to.kind, packet)?;
    muxer.write(to.index, packet, to.base)
}

impl Receiver for EncodeSink<'_> {
    fn samples_every(&self) -> Option<u64> {
        self.onlooker.samples_every()
    }

    fn sample(&mut self, frame: Frame) -> Result<(), JobError> {
        self.onlooker.sample(frame);
        Ok(())
    }

    fn picture(&mut self, mut frame: Frame, ticks: u64) -> Result<(), JobError> {
        self.frames += ticks;
        let drop_priming = self.drop_priming;
        let Some((index, Some(encoder))) = &mut self.video else { return Ok(()) };
        let to = Slot { kind: Kind::Video, index: *index, base: encoder.base(), drop_priming };
        let (muxer, onlooker) = (&mut self.muxer, &mut self.onlooker);
        onlooker.picture(&frame, ticks)?;
        encoder.encode_frame(&mut frame, ticks, &mut |packet| put(muxer, onlooker, to, packet))
    }

    fn audio(&mut self, mut frame: Frame) -> Result<(), JobError> {
        let drop_priming = self.drop_priming;
        let Some((index, Some(encoder))) = &mut self.audio else { return Ok(()) };
        let to = Slot { kind: Kind::Audio, index: *index, base: encoder.base(), drop_priming };
        let (muxer, onlooker) = (&mut self.muxer, &mut self.onlooker);
        onlooker.audio(&frame)?;
        encoder.encode_samples(&mut frame, &mut |packet| put(muxer, onlooker, to, packet))
    }

    fn copied(&mut self, kind: Kind, packet: &mut Packet, base: ffi::AVRational) -> Result<(), JobError> {
        let side = match kind {
            Kind::Video => &self.video,
            Kind::Audio => &self.audio,
        };
        let Some((index, None)) = side else { return Ok(()) };
        self.onlooker.copied(kind, packet);
        self.muxer.write(*index, packet, base)
    }

    fn done(&mut self, seconds: f64) -> Result<(), JobError> {
        if let (Some(limit), Some(total)) = (self.max_size, self.total_s) {
            let share = seconds / total.max(0.001);
            if share > FORETELL_AFTER && self.muxer.length() as f64 / share > limit as f64 * FORETELL_SLACK {
                return Err(too_large(limit));
            }
        }
        self.done_s = seconds;
        (self.progress)(Progress { done_s: seconds, total_s: self.total_s, frames: self.frames });
        Ok(())
    }
}
