//! Runs a transcoder in concurrent stages: demux and decode, then the filter graph, then the sink.
//!
//! Bounded channels between the stages keep the order, so the sink receives the same calls in the same
//! order as without threads, and the output is deterministic. A stage that is ahead waits for the next.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use ffmpeg_next::ffi;

use super::filter_stage::FilterStage;
use super::media_sink::MediaSink;
use super::transcoder::Transcoder;
use crate::job::JobError;
use crate::libav::error::failed;
use crate::libav::frame::Frame;
use crate::libav::output_length::OutputLength;
use crate::libav::packet::Packet;
use crate::libav::sample::Sample;
use crate::libav::stream_kind::StreamKind;

/// Capacity of the channel between two stages. About every third message is a frame, which may be large.
const CHANNEL_CAPACITY: usize = 8;

/// A message from one stage to the next.
enum StageMessage {
    Sample(Sample),
    Frame(Frame, u64),
    FramesEnd,
    Audio(Frame),
    Copied(StreamKind, Packet, ffi::AVRational),
    Done(f64),
}

impl StageMessage {
    fn deliver(self, sink: &mut dyn MediaSink) -> Result<(), JobError> {
        match self {
            StageMessage::Sample(sample) => sink.sample(sample),
            StageMessage::Frame(frame, ticks) => sink.frame(frame, ticks),
            StageMessage::FramesEnd => sink.frames_end(),
            StageMessage::Audio(frame) => sink.audio(frame),
            StageMessage::Copied(kind, mut packet, base) => sink.copied(kind, &mut packet, base),
            StageMessage::Done(seconds) => sink.done(seconds),
        }
    }
}

/// Sends everything to the next stage.
struct Relay(SyncSender<StageMessage>);

impl Relay {
    fn send(&self, message: StageMessage) -> Result<(), JobError> {
        // The next stage has failed; its error is reported instead of this one.
        self.0.send(message).map_err(|_| failed("the next stage has stopped"))
    }
}

impl MediaSink for Relay {
    fn sample(&mut self, sample: Sample) -> Result<(), JobError> {
        self.send(StageMessage::Sample(sample))
    }

    fn frame(&mut self, frame: Frame, ticks: u64) -> Result<(), JobError> {
        self.send(StageMessage::Frame(frame, ticks))
    }

    fn frames_end(&mut self) -> Result<(), JobError> {
        self.send(StageMessage::FramesEnd)
    }

    fn audio(&mut self, frame: Frame) -> Result<(), JobError> {
        self.send(StageMessage::Audio(frame))
    }

    fn copied(
        &mut self,
        kind: StreamKind,
        packet: &mut Packet,
        base: ffi::AVRational,
    ) -> Result<(), JobError> {
        let packet = std::mem::replace(packet, Packet::new()?);
        self.send(StageMessage::Copied(kind, packet, base))
    }

    fn done(&mut self, seconds: f64) -> Result<(), JobError> {
        self.send(StageMessage::Done(seconds))
    }
}

/// Filters frames; passes everything else through.
struct FilterSink {
    filter_stage: FilterStage,
    next: Relay,
}

impl MediaSink for FilterSink {
    fn frame(&mut self, frame: Frame, ticks: u64) -> Result<(), JobError> {
        let FilterSink { filter_stage, next } = self;
        filter_stage.apply(frame, ticks, &mut |frame, ticks, sample| {
            sample.map_or(Ok(()), |sample| next.sample(sample))?;
            next.frame(frame, ticks)
        })
    }

    fn frames_end(&mut self) -> Result<(), JobError> {
        let FilterSink { filter_stage, next } = self;
        filter_stage.drain(&mut |frame, ticks, sample| {
            sample.map_or(Ok(()), |sample| next.sample(sample))?;
            next.frame(frame, ticks)
        })?;
        next.frames_end()
    }

    fn audio(&mut self, frame: Frame) -> Result<(), JobError> {
        self.next.audio(frame)
    }

    fn copied(
        &mut self,
        kind: StreamKind,
        packet: &mut Packet,
        base: ffi::AVRational,
    ) -> Result<(), JobError> {
        self.next.copied(kind, packet, base)
    }

    fn done(&mut self, seconds: f64) -> Result<(), JobError> {
        self.next.done(seconds)
    }
}

/// Runs a transcoder to its end and passes planned frames to `sink` in this thread.
///
/// # Errors
///
/// The error of the last stage that failed by itself.
pub(crate) fn run(transcoder: &mut Transcoder, sink: &mut dyn MediaSink) -> Result<OutputLength, JobError> {
    if !transcoder.decodes() {
        // Copying needs no threads: it is limited by the disk.
        return transcoder.run(sink);
    }
    let mut filter_stage = transcoder.video_chain().map(|chain| chain.filter_stage());
    if let (Some(filter_stage), Some(every)) = (&mut filter_stage, sink.samples_every()) {
        filter_stage.sample_every(every);
    }
    thread::scope(|scope| {
        let (sender, mut receiver) = sync_channel(CHANNEL_CAPACITY);
        let decoding = spawn(scope, "decode", move || transcoder.run(&mut Relay(sender)))?;
        let filtering = match filter_stage {
            Some(filter_stage) => {
                let (sender, filtered) = sync_channel(CHANNEL_CAPACITY);
                let decoded = std::mem::replace(&mut receiver, filtered);
                let mut stage = FilterSink { filter_stage, next: Relay(sender) };
                Some(spawn(scope, "filter", move || forward(decoded, &mut stage))?)
            }
            None => None,
        };
        // A stage that stops drops its receiver, so that the stages before it end too.
        let received = forward(receiver, sink);
        let filtered = filtering.map_or(Ok(()), join);
        let decoded = join(decoding);
        received.and(filtered).and(decoded)
    })
}

fn forward(receiver: Receiver<StageMessage>, sink: &mut dyn MediaSink) -> Result<(), JobError> {
    receiver.into_iter().try_for_each(|message| message.deliver(sink))
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> Result<T, JobError> + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Result<T, JobError>>, JobError> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn_scoped(scope, work).map_err(|error| failed(format!("cannot start a thread: {error}")))
}

/// Returns the result of a stage; resumes its panic in this thread.
fn join<T>(stage: ScopedJoinHandle<'_, Result<T, JobError>>) -> Result<T, JobError> {
    stage.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
