//! Watches an output being made: what goes into the encoders is held against what a fresh decoder gets
//! out of their packets, in a thread of its own.
//!
//! Nothing has to be decoded or filtered a second time for that. The packets are hashed on their way, so
//! that the finished file can be shown to hold them.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver as Inbox, SyncSender, sync_channel};

use ffmpeg_next::ffi;

use super::audio::Envelope;
use super::decode_ahead::{Complaints, Thread};
use super::packets::{Framing, Walk};
use super::samples::Samples;
use super::similarity::{NOT_SIMILAR, Similarity};
use super::stream_copies::Copies;
use crate::job::{JobError, VerifyReport};
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::transcode::libav::av::{Codec, Frame, NOPTS, Packet, rational};
use crate::transcode::libav::decode::Decoder;
use crate::transcode::libav::transcoder::{Kind, Transcoder};
use crate::transcode::libav::video::VideoChain;

/// Messages that wait; every other may be a large picture.
const WAITING: usize = 24;

/// What the witness is told.
enum Told {
    /// The decoded picture that the next one was made of.
    Sample(Frame),
    /// A picture goes into the encoder, to be shown for a number of ticks.
    Picture(Frame, u64),
    /// Audio goes into the encoder.
    Audio(Frame),
    /// A packet comes out of an encoder.
    Packet(Kind, Packet),
}

/// Watches the encoders of one output.
pub(crate) struct InlineVerifier {
    // Dropped first, so that the thread ends.
    telling: SyncSender<Told>,
    watching: Thread<Watch>,
    streams: Copies,
    samples_every: Option<u64>,
}

impl InlineVerifier {
    /// Begins to watch. The encoders are those of the plan, where it has any.
    pub(crate) fn start(
        spec: &OutputSpec,
        transcoder: &mut Transcoder,
        video: Option<&Codec>,
        audio: Option<&Codec>,
    ) -> Result<InlineVerifier, JobError> {
        let mut streams = Copies::of(spec, transcoder);
        let mut samples_every = None;
        let picture = match (&spec.video, video) {
            (Some(VideoPlan::Encode(plan)), Some(encoder)) => {
                streams.expect_made(Kind::Video, Framing::Units);
                let decoder = Decoder::of_encoder(encoder, 0)?;
                let likeness = Similarity::new(plan)?;
                let aspect = transcoder.chain().map_or(rational(1, 1), VideoChain::aspect);
                let samples = Samples::new(plan, aspect);
                samples_every = Some(Samples::every(plan, spec.expected_duration_s));
                let planned = VecDeque::new();
                Some(VideoCheck { planned, sample: None, seen: 0, decoder, likeness, samples })
            }
            _ => None,
        };
        let rate = match &spec.audio {
            Some(AudioPlan::Encode(plan)) => Some(plan.sample_rate),
            Some(AudioPlan::Silence { sample_rate, .. }) => Some(*sample_rate),
            _ => None,
        };
        let audio = match (rate, audio) {
            (Some(rate), Some(encoder)) => {
                streams.expect_made(Kind::Audio, Framing::Aac);
                let decoder = Decoder::of_encoder(encoder, 1)?;
                Some(AudioCheck { planned: Envelope::new(rate), heard: Envelope::new(rate), decoder })
            }
            _ => None,
        };
        let silent_by_plan = matches!(spec.audio, Some(AudioPlan::Silence { .. }));
        let (telling, told) = sync_channel(WAITING);
        let mut watch = Watch { picture, audio, silent_by_plan };
        let watching = Thread::start("watch", move || watch.follow(told).map(|()| watch))?;
        Ok(InlineVerifier { telling, watching, streams, samples_every })
    }

    /// Every how many ticks a sample is wanted.
    pub(crate) fn samples_every(&self) -> Option<u64> {
        self.samples_every
    }

    /// The decoded picture that the next one was made of.
    pub(crate) fn sample(&self, frame: Frame) {
        self.tell(Told::Sample(frame));
    }

    /// A picture goes into the encoder.
    pub(crate) fn picture(&self, frame: &Frame, ticks: u64) -> Result<(), JobError> {
        self.tell(Told::Picture(frame.share()?, ticks));
        Ok(())
    }

    /// Audio goes into the encoder.
    pub(crate) fn audio(&self, frame: &Frame) -> Result<(), JobError> {
        self.tell(Told::Audio(frame.share()?));
        Ok(())
    }

    /// A packet of an encoder goes into the output.
    pub(crate) fn made(&mut self, kind: Kind, packet: &Packet) -> Result<(), JobError> {
        self.streams.take(kind, packet);
        self.tell(Told::Packet(kind, packet.share()?));
        Ok(())
    }

    /// A packet of the source goes into the output.
    pub(crate) fn copied(&mut self, kind: Kind, packet: &Packet) {
        self.streams.take(kind, packet);
    }

    fn tell(&self, told: Told) {
        // Nobody listens any more: the thread has failed, which the end tells.
        let _ = self.telling.send(told);
    }

    /// What was seen, once everything was.
    pub(crate) fn finish(self) -> Result<VerifierReport, JobError> {
        let InlineVerifier { telling, watching, streams, .. } = self;
        drop(telling);
        Ok(VerifierReport { watch: watching.finish()?, streams })
    }
}

/// What a witness has to say.
pub(crate) struct VerifierReport {
    watch: Watch,
    streams: Copies,
}

impl VerifierReport {
    /// The streams that went into the output.
    pub(super) fn streams(&self) -> &Copies {
        &self.streams
    }

    /// Adds what was seen and heard to the report.
    pub(super) fn give(self, walk: &Walk, report: &mut VerifyReport) -> Result<(), JobError> {
        self.streams.check(walk, report);
        let Watch { picture, audio, silent_by_plan } = self.watch;
        if let Some(VideoCheck { planned, decoder, mut likeness, samples, .. }) = picture {
            likeness.missing += planned.iter().map(|planned| planned.ticks).sum::<u64>();
            likeness.finish(samples.scores(), report)?;
            if !report.failures.iter().any(|text| text.starts_with(NOT_SIMILAR)) {
                samples.judge(report);
            }
            let complaints = Complaints::of(decoder);
            report.decode.video_frames = complaints.frames;
            complaints.note(&mut report.decode);
        }
        if let Some(AudioCheck { planned, heard, decoder }) = audio {
            Complaints::of(decoder).note(&mut report.decode);
            planned.judge(&heard, silent_by_plan, report);
        }
        Ok(())
    }
}

/// The thread's side.
struct Watch {
    picture: Option<VideoCheck>,
    audio: Option<AudioCheck>,
    silent_by_plan: bool,
}

/// Planned pictures that wait for the encoder's, and what was found of the others.
struct VideoCheck {
    planned: VecDeque<Planned>,
    /// The decoded picture of the one that comes next.
    sample: Option<Frame>,
    /// Pictures of the encoder so far.
    seen: u64,
    decoder: Decoder,
    likeness: Similarity,
    samples: Samples,
}

/// A picture that went into the encoder.
struct Planned {
    frame: Frame,
    ticks: u64,
    /// What it was made of, where that is looked at again.
    sample: Option<Frame>,
}

struct AudioCheck {
    planned: Envelope,
    heard: Envelope,
    decoder: Decoder,
}

impl Watch {
    fn follow(&mut self, told: Inbox<Told>) -> Result<(), JobError> {
        for told in told {
            match (told, &mut self.picture, &mut self.audio) {
                (Told::Sample(frame), Some(picture), _) => picture.sample = Some(frame),
                (Told::Picture(frame, ticks), Some(picture), _) => {
                    let sample = picture.sample.take();
                    picture.planned.push_back(Planned { frame, ticks, sample });
                }
                (Told::Packet(Kind::Video, packet), Some(picture), _) => picture.see(Some(&packet))?,
                (Told::Audio(frame), _, Some(audio)) => audio.planned.add(&frame),
                (Told::Packet(Kind::Audio, packet), _, Some(audio)) => audio.hear(Some(&packet))?,
                _ => {}
            }
        }
        self.picture.iter_mut().try_for_each(|picture| picture.see(None))?;
        self.audio.iter_mut().try_for_each(|audio| audio.hear(None))
    }
}

impl VideoCheck {
    fn see(&mut self, packet: Option<&Packet>) -> Result<(), JobError> {
        let VideoCheck { planned, seen, decoder, likeness, samples, .. } = self;
        decoder.feed(packet, &mut |real| {
            let Some(next) = planned.front_mut() else {
                likeness.extra += 1;
                return Ok(());
            };
            if let Some(source) = next.sample.take() {
                samples.look(*seen, &source, &real)?;
            }
            *seen += 1;
            likeness.compare(&mut next.frame, real)?;
            next.ticks -= 1;
            if next.ticks == 0 {
                planned.pop_front();
            }
            Ok(())
        })
    }
}

impl AudioCheck {
    fn hear(&mut self, packet: Option<&Packet>) -> Result<(), JobError> {
        let heard = &mut self.heard;
        self.decoder.feed(packet, &mut |frame| {
            // What comes before the start primes the decoder and is not played.
            let raw: &ffi::AVFrame = frame.get();
            if raw.pts == NOPTS || raw.pts >= 0 {
                heard.add(&frame);
            }
            Ok(())
        })
    }
}
