//! Verifies an output while it is encoded: a separate thread decodes the encoders' packets and compares the
//! result with the encoders' input.
//!
//! The source is therefore not decoded or filtered twice. The packets are hashed, so that the finished file
//! can be checked against them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use ffmpeg_next::ffi;

use super::audio::LoudnessEnvelope;
use super::output_checks::{check_held_end, check_length, check_tail, valid_scan};
use super::packets::{Framing, PacketScan};
use super::reference_samples::ReferenceSamples;
use super::similarity::FrameComparison;
use super::source_check::check_source;
use super::stream_copies::StreamHashes;
use crate::job::{FailureCause, JobError, Progress, VerifyLevel, VerifyReport};
use crate::libav::decoder::Decoder;
use crate::libav::error::failed;
use crate::libav::file::share;
use crate::libav::frame::Frame;
use crate::libav::packet::Packet;
use crate::libav::sample::Sample;
use crate::libav::stream_kind::StreamKind;
use crate::libav::time::NOPTS;
use crate::libav::verify_tap::{OutputStart, VerifyTap, WrittenOutput};
use crate::model::{DecodeError, DecodeReport, count};
use crate::plan::{AudioPlan, VideoPlan};

/// Capacity of the event channel; every second event may hold a large frame.
const CHANNEL_CAPACITY: usize = 24;

/// An event for the verifier thread.
enum TapEvent {
    /// The decoded source frame of the next frame.
    Sample(Sample),
    /// A frame sent to the encoder, with its number of ticks.
    Frame(Frame, u64),
    /// An audio frame sent to the encoder.
    Audio(Frame),
    /// A packet of an encoder.
    Packet(StreamKind, Packet),
}

/// Verifies the encoders of one output.
pub(crate) struct InlineVerifier {
    // Dropped before the thread is joined, so that the thread ends.
    sender: SyncSender<TapEvent>,
    thread: JoinedThread<VerifierState>,
    hashes: StreamHashes,
    samples_every: Option<u64>,
}

impl InlineVerifier {
    /// Starts the verifier thread for the encoders of the plan, if any.
    pub(super) fn start(start: OutputStart<'_>) -> Result<InlineVerifier, JobError> {
        let OutputStart { spec, input, aspect, video, audio } = start;
        let mut hashes = StreamHashes::of(spec, input);
        let mut samples_every = None;
        let video = match (&spec.video, video) {
            (Some(VideoPlan::Encode(plan)), Some(encoder)) => {
                hashes.expect_encoded(StreamKind::Video, Framing::NalUnits);
                let decoder = Decoder::for_encoder(encoder, 0)?;
                let comparison = FrameComparison::new(plan)?;
                let samples = ReferenceSamples::new(plan, aspect);
                samples_every = Some(ReferenceSamples::distance(plan, spec.expected_duration_s));
                let planned = VecDeque::new();
                Some(VideoCheck { planned, sample: None, frame_count: 0, decoder, comparison, samples })
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
                hashes.expect_encoded(StreamKind::Audio, Framing::Aac);
                let decoder = Decoder::for_encoder(encoder, 1)?;
                Some(AudioCheck {
                    planned: LoudnessEnvelope::new(rate),
                    decoded: LoudnessEnvelope::new(rate),
                    decoder,
                })
            }
            _ => None,
        };
        let silent_by_plan = matches!(spec.audio, Some(AudioPlan::Silence { .. }));
        let (sender, receiver) = sync_channel(CHANNEL_CAPACITY);
        let mut state = VerifierState { video, audio, silent_by_plan };
        let thread = JoinedThread::start("verify", move || state.run(receiver).map(|()| state))?;
        Ok(InlineVerifier { sender, thread, hashes, samples_every })
    }

    fn send(&self, event: TapEvent) {
        // The thread has failed; `finish` returns its error.
        let _ = self.sender.send(event);
    }
}

impl VerifyTap for InlineVerifier {
    fn samples_every(&self) -> Option<u64> {
        self.samples_every
    }

    fn sample(&mut self, sample: Sample) {
        self.send(TapEvent::Sample(sample));
    }

    fn frame(&mut self, frame: &Frame, ticks: u64) -> Result<(), JobError> {
        self.send(TapEvent::Frame(frame.share()?, ticks));
        Ok(())
    }

    fn audio(&mut self, frame: &Frame) -> Result<(), JobError> {
        self.send(TapEvent::Audio(frame.share()?));
        Ok(())
    }

    fn encoded(&mut self, kind: StreamKind, packet: &Packet) -> Result<(), JobError> {
        self.hashes.add_packet(kind, packet);
        self.send(TapEvent::Packet(kind, packet.share()?));
        Ok(())
    }

    fn copied(&mut self, kind: StreamKind, packet: &Packet) {
        self.hashes.add_packet(kind, packet);
    }

    fn verify(
        self: Box<Self>,
        output: WrittenOutput<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<VerifyReport, JobError> {
        let InlineVerifier { sender, thread, hashes, .. } = *self;
        drop(sender);
        let state = thread.finish()?;
        let WrittenOutput { spec, length, reading, .. } = &output;
        let mut report = VerifyReport { level: VerifyLevel::Full, ..VerifyReport::default() };
        let scan = PacketScan::of(share(output.output)?, spec, Arc::clone(output.cancel), progress);
        let Some(scan) = valid_scan(scan, spec, &mut report)? else { return Ok(report) };
        hashes.check(&scan, &mut report);
        state.add_to(&mut report)?;
        check_decoding(&mut report);
        check_length(&scan, spec, *length, &mut report);
        check_tail(reading, spec, &mut report);
        check_held_end(reading, spec, *length, &mut report);
        check_source(output, progress, &mut report)?;
        Ok(report)
    }
}

fn check_decoding(report: &mut VerifyReport) {
    let errors = report.decode.error_count;
    if errors > 0 {
        let errors = count(errors, "error", "errors");
        report.fail(format!("the decoder reported {errors} in the output, expected none"));
    }
}

/// The state of the verifier thread.
struct VerifierState {
    video: Option<VideoCheck>,
    audio: Option<AudioCheck>,
    silent_by_plan: bool,
}

/// Planned frames waiting for the encoded ones, and the comparison so far.
struct VideoCheck {
    planned: VecDeque<PlannedFrame>,
    /// The decoded source frame of the next planned frame.
    sample: Option<Sample>,
    /// Number of encoded frames so far.
    frame_count: u64,
    decoder: Decoder,
    comparison: FrameComparison,
    samples: ReferenceSamples,
}

/// A frame sent to the encoder.
struct PlannedFrame {
    frame: Frame,
    ticks: u64,
    /// Its decoded source frame, if it is a sample.
    sample: Option<Sample>,
}

struct AudioCheck {
    planned: LoudnessEnvelope,
    decoded: LoudnessEnvelope,
    decoder: Decoder,
}

impl VerifierState {
    fn run(&mut self, events: Receiver<TapEvent>) -> Result<(), JobError> {
        for event in events {
            match (event, &mut self.video, &mut self.audio) {
                (TapEvent::Sample(sample), Some(video), _) => video.sample = Some(sample),
                (TapEvent::Frame(frame, ticks), Some(video), _) => {
                    let sample = video.sample.take();
                    video.planned.push_back(PlannedFrame { frame, ticks, sample });
                }
                (TapEvent::Packet(StreamKind::Video, packet), Some(video), _) => {
                    video.check_video(Some(&packet))?
                }
                (TapEvent::Audio(frame), _, Some(audio)) => audio.planned.add(&frame),
                (TapEvent::Packet(StreamKind::Audio, packet), _, Some(audio)) => {
                    audio.check_audio(Some(&packet))?
                }
                _ => {}
            }
        }
        self.video.iter_mut().try_for_each(|video| video.check_video(None))?;
        self.audio.iter_mut().try_for_each(|audio| audio.check_audio(None))
    }

    /// Adds what the comparisons found to the report.
    fn add_to(self, report: &mut VerifyReport) -> Result<(), JobError> {
        let VerifierState { video, audio, silent_by_plan } = self;
        if let Some(VideoCheck { planned, decoder, mut comparison, samples, .. }) = video {
            comparison.missing += planned.iter().map(|planned| planned.ticks).sum::<u64>();
            comparison.finish(samples.scores(), report)?;
            if !report.has(FailureCause::NotSimilar) {
                samples.check(report);
            }
            let errors = DecodeErrors::of(decoder);
            report.decode.video_frames = errors.frames;
            errors.add_to(&mut report.decode);
        }
        if let Some(AudioCheck { planned, decoded, decoder }) = audio {
            DecodeErrors::of(decoder).add_to(&mut report.decode);
            planned.check(&decoded, silent_by_plan, report);
        }
        Ok(())
    }
}

impl VideoCheck {
    fn check_video(&mut self, packet: Option<&Packet>) -> Result<(), JobError> {
        let VideoCheck { planned, frame_count, decoder, comparison, samples, .. } = self;
        decoder.feed(packet, &mut |actual| {
            let Some(next) = planned.front_mut() else {
                comparison.extra += 1;
                return Ok(());
            };
            if let Some(source) = next.sample.take() {
                samples.add(*frame_count, &source, &actual)?;
            }
            *frame_count += 1;
            comparison.compare(&mut next.frame, actual)?;
            next.ticks -= 1;
            if next.ticks == 0 {
                planned.pop_front();
            }
            Ok(())
        })
    }
}

impl AudioCheck {
    fn check_audio(&mut self, packet: Option<&Packet>) -> Result<(), JobError> {
        let decoded = &mut self.decoded;
        self.decoder.feed(packet, &mut |frame| {
            // Samples before zero are encoder priming and are not played.
            let raw: &ffi::AVFrame = frame.get();
            if raw.pts == NOPTS || raw.pts >= 0 {
                decoded.add(&frame);
            }
            Ok(())
        })
    }
}

/// A thread that is joined on drop, so that it never outlives its owner.
struct JoinedThread<T>(Option<JoinHandle<Result<T, JobError>>>);

impl<T: Send + 'static> JoinedThread<T> {
    fn start(
        name: &str,
        work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
    ) -> Result<JoinedThread<T>, JobError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        let thread = thread.map_err(|error| failed(format!("cannot start a thread: {error}")))?;
        Ok(JoinedThread(Some(thread)))
    }
}

impl<T> JoinedThread<T> {
    /// Returns the result of the thread; resumes its panic in this thread.
    fn finish(mut self) -> Result<T, JobError> {
        let thread = self.0.take().ok_or_else(|| failed("internal error: a thread was joined twice"))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl<T> Drop for JoinedThread<T> {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
}

/// The frame and error counts of a finished decoder.
struct DecodeErrors {
    /// Frames that were decoded.
    frames: u64,
    count: u64,
    first: Vec<DecodeError>,
}

impl DecodeErrors {
    fn of(decoder: Decoder) -> DecodeErrors {
        DecodeErrors { frames: decoder.frames, count: decoder.damage_count, first: decoder.damage }
    }

    /// Adds the errors to the report.
    fn add_to(mut self, report: &mut DecodeReport) {
        report.error_count += self.count;
        report.errors.append(&mut self.first);
    }
}
